"""What is drawn: the cloud, upright in the unit ball, thinned, with the spacing of its points."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from point_sam.picture.images import Floats


@dataclass(frozen=True)
class Cloud:
    """What is drawn: points in the unit ball with z up, colours 0..255, segment numbers (0 none), point spacing."""

    points: Floats  # [N, 3]
    colors: Floats  # [N, 3]
    segments: NDArray[np.int64] | None  # [N]
    spacing: float
    several: bool  # more than segment 1


def upright(points: NDArray[np.float64], clicks: NDArray[np.float64], up: str) -> tuple[Floats, Floats]:
    """Both in the unit ball about the middle of the cloud's box, z up."""
    low, high = points.min(axis=0), points.max(axis=0)
    middle = low + (high - low) / 2
    radius = float(np.linalg.norm(points - middle, axis=1).max()) or 1.0
    axes = [0, 1, 2] if up == "z" else [0, 2, 1]
    signs = np.array([1.0, 1.0, 1.0] if up == "z" else [1.0, -1.0, 1.0])

    def turned(values: NDArray[np.float64]) -> Floats:
        return (((values - middle) / radius)[:, axes] * signs).astype(np.float32)

    return turned(points), turned(clicks)


def point_spacing(points: Floats) -> float:
    """Typical distance of neighbours on the surface, in cloud radii, from the number of voxels that a grid fills.

    A surface of area A fills about 1.25 A / h^2 voxels of side h (measured on spheres); the grid is refined while its
    voxels hold enough points to be counted reliably.
    """
    few = points[:: 1 + len(points) // 200_000]
    spacing = 2.0
    for level in range(2, 10):
        side = 2.0 / 2**level
        cells = ((few + 1) / side).astype(np.int64)
        filled = len(np.unique((cells[:, 0] << 40) + (cells[:, 1] << 20) + cells[:, 2]))
        if filled * 5 > len(few) and level > 2:
            break
        spacing = side * (filled / 1.25 / len(points)) ** 0.5
    return float(spacing) if filled > 1 else 0.1  # a single place: a dot that can be seen


def thinned(segments: NDArray[np.int64] | None, count: int, most: int) -> NDArray[np.int64]:
    """Indices of about `most` points in even steps, with every point of a small mask among them."""
    if count <= most:
        return np.arange(count)
    even = np.arange(0, count, -(-count // most))
    painted = np.zeros(0, np.int64) if segments is None else np.flatnonzero(segments > 0)
    return np.union1d(even, painted) if len(painted) <= most // 10 else even
