"""What is opened: a cloud, or the points drawn on a mesh."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float64

from point_sam.clouds import PointCloud, read_pointcloud
from point_sam.encoded import fingerprint_cloud
from point_sam.mesh import Mesh, SurfaceSamples, is_mesh_file, load_mesh, sample_surface
from point_sam.mesh.sampling import SAMPLES

# Some 5 GB of work in float32 logits and colours; the model takes more, a browser's patience not.
MAX_POINTS = 5_000_000
MAX_BYTES = 2 << 30


@dataclass(frozen=True, eq=False)
class Scene:
    """One opened file. Several people may share it; nothing changes it.

    Attributes:
        name: the file's name, for titles and the names of exports.
        cloud: the points that the model sees and masks speak of, in the file's order and units; of a mesh the points
            drawn on it, with the attribute `face`.
        mesh, samples: the mesh and where the points lie on it; None for a cloud.
        up: the axis that points up: what glTF prescribes, z for formats that do not tell.
        fingerprint: of coordinates and colours, the `cloud_fingerprint` of `encode(xyz, rgb, normalize=True)`.
        path: the file; None where it will not be there again, as after an upload.
    """

    name: str
    cloud: PointCloud
    mesh: Mesh | None
    samples: SurfaceSamples | None
    up: Literal["y", "z"]
    fingerprint: str
    path: Path | None = None

    def __len__(self) -> int:
        """N, the number of points."""
        return len(self.cloud)

    @property
    def xyz(self) -> Float64[np.ndarray, "N 3"]:
        """Coordinates in the file's units."""
        return self.cloud.xyz


def open_scene(
    path: Path,
    *,
    samples: int = SAMPLES,
    seed: int = 0,
    drop_invalid: bool = False,
    max_points: int = MAX_POINTS,
    max_bytes: int = MAX_BYTES,
) -> Scene:
    """Read a cloud or a mesh.

    Args:
        path: as `read_pointcloud` and `load_mesh` take it.
        samples, seed: of a mesh so many points are drawn; the same numbers give the same points.
        drop_invalid: leave out points of a cloud whose coordinates are NaN or infinite; else they are an error.
        max_points: more points than this are refused.
        max_bytes: a larger file is refused before it is read.

    Raises:
        FileNotFoundError: no such file.
        ValueError: too large, or what `read_pointcloud`, `load_mesh` or `sample_surface` refuse.
        ImportError: a reader's package is not installed.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    size = path.stat().st_size
    if size > max_bytes:
        raise ValueError(f"{path}: the file has {size:,} bytes; at most {max_bytes:,} are opened, thin it or split it")
    if is_mesh_file(path):
        _check_count(path, samples, max_points, "points to draw on the mesh")
        mesh = load_mesh(path)
        drawn = sample_surface(mesh, samples, seed)
        up: Literal["y", "z"] = "y" if path.suffix.lower() in (".glb", ".gltf") else "z"
        cloud = drawn.cloud()
        return Scene(path.name, cloud, mesh, drawn, up, fingerprint_cloud(cloud.xyz, cloud.rgb), path)
    cloud = read_pointcloud(path, drop_invalid=drop_invalid)
    _check_count(path, len(cloud), max_points, "points")
    return Scene(path.name, cloud, None, None, "z", fingerprint_cloud(cloud.xyz, cloud.rgb), path)


def _check_count(path: Path, count: int, max_points: int, what: str) -> None:
    if count > max_points:
        raise ValueError(f"{path}: {count:,} {what}; at most {max_points:,} are opened, thin it or split it")
