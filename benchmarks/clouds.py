"""The cloud that every figure is measured on, made once per size and kept on the disk for all child processes."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from point_sam.clouds import PointCloud, normalize, write_pointcloud

READ_SUFFIXES = (".ply", ".npy", ".las", ".xyz")


class Cloud(NamedTuple):
    """coords [N, 3] float32 in the unit ball, rgb [N, 3] uint8."""

    coords: np.ndarray
    rgb: np.ndarray


def rough_terrain(count: int) -> tuple[np.ndarray, np.ndarray]:
    """A surface, as scanners see them: distances and ties unlike those of a uniform ball.

    Returns:
        Coordinates [count, 3] float64 in metres, 200 m wide, and colours [count, 3] uint8.
    """
    rng = np.random.default_rng(0)
    ground = rng.uniform(-100, 100, (count, 2))
    height = 5 * np.sin(ground[:, :1] / 9) * np.cos(ground[:, 1:] / 7) + rng.normal(0, 0.05, (count, 1))
    return np.concatenate([ground, height], axis=1), rng.integers(0, 256, (count, 3), dtype=np.uint8)


def make_cloud(count: int) -> Cloud:
    """The terrain in the unit ball."""
    xyz, rgb = rough_terrain(count)
    return Cloud(normalize(xyz)[0], rgb)


def prepare_cloud(folder: Path, count: int) -> None:
    """Write the cloud of so many points unless it is there."""
    path = _path(folder, count)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")
        np.savez(part, **make_cloud(count)._asdict())
        part.replace(path)


def load_cloud(folder: Path, count: int) -> Cloud:
    """What `prepare_cloud` wrote. Reading it takes no more memory than it holds, so that it hides in no peak."""
    with np.load(_path(folder, count)) as file:
        return Cloud(file["coords"], file["rgb"])


def prepare_file(folder: Path, count: int, suffix: str) -> Path:
    """The terrain in metres as a file of that format, written unless it is there."""
    path = folder / "clouds" / f"terrain_{count}{suffix}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        xyz, rgb = rough_terrain(count)
        part = path.with_name(f"part_{path.name}")
        write_pointcloud(part, PointCloud(xyz, rgb))
        part.replace(path)
    return path


def _path(folder: Path, count: int) -> Path:
    return folder / "clouds" / f"unit_{count}.npz"
