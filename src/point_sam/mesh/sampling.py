"""Points on a surface, evenly by area. Barycentric weights as in Osada et al. 2002, section 4.2."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int64, Integer, UInt8

from point_sam.clouds import PointCloud
from point_sam.mesh.mesh import Mesh, MeshError

SAMPLES = 32_768  # cuts a leg off rhino.glb (7,566 faces) along its faces; not tuned further


@dataclass(frozen=True, eq=False)
class SurfaceSamples:
    """Points on a mesh.

    Attributes:
        xyz: in the units of the mesh.
        rgb: colours, None where the mesh states none at all.
        face: that each point lies on.
        weights: barycentric: `xyz = sum(weights * corners of the face)`.
    """

    xyz: Float64[np.ndarray, "N 3"]
    rgb: UInt8[np.ndarray, "N 3"] | None
    face: Int64[np.ndarray, " N"]
    weights: Float64[np.ndarray, "N 3"]

    def cloud(self) -> PointCloud:
        """The points with their colours and the attribute `face`."""
        return PointCloud(self.xyz, self.rgb, {"face": self.face})


def sample_surface(mesh: Mesh, count: int = SAMPLES, seed: int = 0) -> SurfaceSamples:
    """Draw points on a mesh, evenly by area. The same mesh, count and seed give the same points.

    Args:
        mesh: with some area.
        count: how many, 1 or more.
        seed: 0 or more.

    Raises:
        MeshError: the mesh has no area, or more than float64 can hold.
        ValueError: count is below 1, or seed below 0.
    """
    if count < 1:
        raise ValueError(f"samples must be 1 or more, not {count}")
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, not {seed}")
    face, weights = draw_on_faces(mesh.face_areas(), count, np.random.default_rng(seed))
    xyz = (mesh.vertices[mesh.faces[face]] * weights[:, :, None]).sum(axis=1)
    rgb = np.clip(np.round(mesh.colors_at(face, weights)), 0, 255).astype(np.uint8) if mesh.has_color else None
    return SurfaceSamples(xyz, rgb, face, weights)


def draw_on_faces(
    areas: Float[np.ndarray, " F"], count: int, generator: np.random.Generator
) -> tuple[Integer[np.ndarray, " N"], Float64[np.ndarray, "N 3"]]:
    """The face of each of `count` points, ascending, and its barycentric weights there.

    Args:
        areas: of the faces; one that is not finite counts as none.
        count: 1 or more.
        generator: decides which.

    Raises:
        MeshError: no face has an area.
    """
    share = np.nan_to_num(areas, nan=0.0, posinf=0.0)
    if not share.sum() > 0:
        raise MeshError("the mesh has no surface to draw points on: no face has an area")
    face = np.sort(generator.choice(len(share), count, p=share / share.sum()))
    root, other = np.sqrt(generator.random(count)), generator.random(count)
    return face, np.stack([1 - root, root * (1 - other), root * other], axis=1)
