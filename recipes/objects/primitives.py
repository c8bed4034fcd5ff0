"""The solids that robot descriptions name without a mesh file, centred on the origin with z as their axis."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from point_sam.mesh.colors import UNKNOWN
from point_sam.mesh.reading import import_trimesh
from point_sam.mesh.surfaces import Surface


def box(size: ArrayLike) -> Surface:
    """A box of three edge lengths."""
    mesh = import_trimesh().creation.box(np.asarray(size, float))
    return plain(mesh.vertices, mesh.faces)


def cylinder(radius: float, length: float) -> Surface:
    """A cylinder, as a prism of 32 sides."""
    mesh = import_trimesh().creation.cylinder(radius, length, sections=32)
    return plain(mesh.vertices, mesh.faces)


def capsule(radius: float, length: float) -> Surface:
    """A cylinder of `length` with a half sphere at each end."""
    mesh = import_trimesh().creation.capsule(radius=radius, height=length)
    mesh.apply_translation(-mesh.bounds.mean(axis=0))
    return plain(mesh.vertices, mesh.faces)


def ellipsoid(radii: ArrayLike) -> Surface:
    """An ellipsoid of three radii."""
    mesh = import_trimesh().creation.icosphere(3)
    mesh.apply_scale(np.asarray(radii, float))
    return plain(mesh.vertices, mesh.faces)


def plain(vertices: Any, faces: Any) -> Surface:
    """Triangles without a colour."""
    return Surface(np.asarray(vertices, float), np.asarray(faces, int), UNKNOWN)
