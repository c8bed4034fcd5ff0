"""The part of a mesh under a click, painted and cut out: `python examples/4_mesh.py`. Needs `pip install ".[mesh]"`."""

from pathlib import Path

import numpy as np
from make_mug import make_mug

from point_sam import PointSAM, Session
from point_sam.mesh import (
    Paint,
    face_labels,
    load_mesh,
    paint_parts,
    part_meshes,
    sample_surface,
    snap_to_surface,
    write_mesh,
)


def main() -> None:
    Path("mug.glb").write_bytes(make_mug().export(file_type="glb"))
    mesh = load_mesh("mug.glb")
    samples = sample_surface(mesh, 16384)  # points on the surface, even by area
    model = PointSAM.from_pretrained("tiny")
    model.set_pointcloud(samples.xyz, samples.rgb, normalize=True)
    handle = snap_to_surface(mesh, np.array([[7.0, 0.0, 0.0]])).xyz[0]

    labels = face_labels(mesh, samples, Session(model).click(handle))  # 1 on the part, 0 elsewhere
    print(f"{(labels == 1).sum():,} of {len(labels):,} faces are the handle")
    write_mesh("painted.glb", *paint_parts(mesh, labels, {1: Paint((255, 92, 0), 0.65)}))
    for label, part in part_meshes(mesh, labels).items():
        write_mesh(f"part_{label}.glb", part)
        print(f"wrote part_{label}.glb with {len(part.faces):,} faces")


if __name__ == "__main__":
    main()
