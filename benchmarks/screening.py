"""What screening changes in everything: the masks with it against those without, and the time of both.

    python benchmarks/screening.py examples/data/park_lidar.pcd mesh.glb --samples 100000

Told are the masks of both, the share of the full ones of which the screened have the same (an IoU of 1) and a like one
(0.9), and the processor's seconds of the clicks: unlike those of the clock, other work hardly changes them.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from point_sam import MaskGenerator, PointCloud, PointSAM, read_pointcloud
from point_sam.evaluation.tables import table
from point_sam.mesh import is_mesh_file, load_mesh, sample_surface

HEAD = ["file", "points", "masks", "in full", "same", "alike", "CPU s", "in full, s"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", help="clouds and meshes")
    parser.add_argument("--samples", type=int, default=100_000, help="points drawn on a mesh")
    parser.add_argument("--clicks", type=int, help="of each cloud")
    parser.add_argument("--model", default="tiny")
    options = parser.parse_args()
    model = PointSAM.from_pretrained(options.model)
    given = {} if options.clicks is None else {"points_per_cloud": options.clicks}
    print(table(HEAD, [row_of(model, file, options.samples, given) for file in options.files]))


def row_of(model: PointSAM, file: Path, samples: int, given: dict[str, int]) -> list[str]:
    cloud = sample_surface(load_mesh(file), samples).cloud() if is_mesh_file(file) else read_pointcloud(file)
    screened, seconds = masks_of(MaskGenerator(model, **given), cloud)
    full, full_seconds = masks_of(MaskGenerator(model, screening_points=0, **given), cloud)
    best = np.array([(mask & screened).sum(axis=1) / (mask | screened).sum(axis=1) for mask in full]).max(axis=1)
    return [
        file.name,
        f"{len(cloud):,}",
        str(len(screened)),
        str(len(full)),
        f"{(best == 1).mean():.0%}",
        f"{(best > 0.9).mean():.0%}",
        f"{seconds:.1f}",
        f"{full_seconds:.1f}",
    ]


def masks_of(generator: MaskGenerator, cloud: PointCloud) -> tuple[np.ndarray, float]:
    """[M, N] bool, and the seconds that they took."""
    generator.model.set_pointcloud(cloud.xyz, cloud.rgb, normalize=True)
    start = time.process_time()
    records = generator.generate()
    seconds = time.process_time() - start
    return np.array([record["segmentation"] for record in records], bool).reshape(-1, len(cloud)), seconds


if __name__ == "__main__":
    main()
