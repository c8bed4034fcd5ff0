"""Which points a scanner could see that walks round the object: those with a free way out in some direction."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from point_sam.mesh.mesh import Mesh
from point_sam.mesh.reading import import_trimesh
from point_sam.mesh.surfaces import Surface

DIRECTIONS = 32
_OFFSET = 2e-4  # of the object's diagonal: a ray starts so far off the surface, or it would hit its own face


def seen_from_outside(surface: Sequence[Surface], points: Float[np.ndarray, "N 3"]) -> Bool[np.ndarray, " N"]:
    """Whether each point can be seen from one of 32 directions spread over the sphere.

    Args:
        surface: everything that stands in the way.
        points: on it, in its units.

    Raises:
        ImportError: trimesh or embreex is not installed.
    """
    rays = _intersector(surface)
    diagonal = float(np.linalg.norm(np.ptp(points, axis=0))) or 1.0
    seen = np.zeros(len(points), bool)
    for direction in fibonacci_sphere(DIRECTIONS):
        hidden = np.flatnonzero(~seen)
        if len(hidden) == 0:
            break
        starts = points[hidden] + direction * diagonal * _OFFSET
        blocked = rays.intersects_any(starts, np.tile(direction, (len(hidden), 1)))
        seen[hidden[~blocked]] = True
    return seen


def fibonacci_sphere(count: int) -> Float[np.ndarray, "count 3"]:
    """Unit vectors spread evenly: equal steps of height, the golden angle round the axis."""
    k = np.arange(count) + 0.5
    polar, azimuth = np.arccos(1 - 2 * k / count), np.pi * (1 + 5**0.5) * k
    return np.stack([np.cos(azimuth) * np.sin(polar), np.sin(azimuth) * np.sin(polar), np.cos(polar)], axis=1)


def _intersector(surface: Sequence[Surface]) -> Any:
    trimesh = import_trimesh()
    joined = Mesh.of([("", mesh) for mesh in surface])
    try:
        from trimesh.ray.ray_pyembree import RayMeshIntersector
    except ImportError as err:
        raise ImportError("casting rays needs embreex: pip install -r recipes/objects/requirements.txt") from err
    return RayMeshIntersector(trimesh.Trimesh(joined.vertices, joined.faces, process=False))
