"""Points on a model's surface, evenly by area, from a stream that belongs to the object alone."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer, UInt8

from point_sam.mesh.mesh import Mesh
from point_sam.mesh.sampling import draw_on_faces
from point_sam.mesh.surfaces import Surface
from recipes.objects.labels import FEWEST_PARTS, label_pieces, usable_pieces
from recipes.objects.pieces import Model, UnusableModelError

DENSE_POINTS = 20_000  # are drawn to see which parts are large enough
FEWEST_POINTS = 50  # of these; a part with fewer is left out
_REDRAWS = 4


@dataclass(frozen=True, eq=False)
class Sample:
    """Points on the surface of an object.

    Attributes:
        xyz: in the units of the model.
        rgb: colours; grey where the model has none.
        part, part_fine: indices into the names.
        part_names, fine_names: sorted.
        surface: the meshes that the points lie on.
        label_kind: what the parts are.
        has_color: whether the model states any colour.
    """

    xyz: Float[np.ndarray, "N 3"]
    rgb: UInt8[np.ndarray, "N 3"]
    part: Integer[np.ndarray, " N"]
    part_fine: Integer[np.ndarray, " N"]
    part_names: tuple[str, ...]
    fine_names: tuple[str, ...]
    surface: list[Surface]
    label_kind: str
    has_color: bool


def stream(*names: str) -> np.random.Generator:
    """Random numbers that depend on the names only, not on the order or number of processes."""
    return np.random.default_rng(zlib.crc32("/".join(names).encode()))


def sample_model(model: Model, generator: np.random.Generator) -> Sample:
    """Draw `DENSE_POINTS` points and label them.

    Raises:
        UnusableModelError: too much of the model is missing, it has no surface, or fewer than three parts.
    """
    pieces = usable_pieces(model.pieces)
    if not pieces:
        raise UnusableModelError("no visual geometry")
    if len(model.missing) > 0.1 * len(pieces):
        raise UnusableModelError(f"the package lacks {len(model.missing)} of its meshes, such as {model.missing[0]}")
    labels, fines, kind = label_pieces(Model(pieces, model.label_kind, fixed_parent=model.fixed_parent))
    for _ in range(_REDRAWS):
        kept = [i for i, label in enumerate(labels) if label is not None]
        xyz, rgb, owner = _draw_points([pieces[i].mesh for i in kept], DENSE_POINTS, generator)
        part_names, part = _numbered([str(labels[i]) for i in kept], owner)
        counts = np.bincount(part, minlength=len(part_names))
        few = {name for name, count in zip(part_names, counts, strict=True) if count < FEWEST_POINTS}
        if not few:
            break
        labels = [None if label in few else label for label in labels]
    else:
        raise UnusableModelError(f"parts with fewer than {FEWEST_POINTS} points after {_REDRAWS} draws")
    if len(part_names) < FEWEST_PARTS:
        raise UnusableModelError(f"only {len(part_names)} parts")
    fine_names, part_fine = _numbered([str(fines[i]) for i in kept], owner)
    surface = [pieces[i].mesh for i in kept]
    has_color = any(mesh.color.known for mesh in surface)
    return Sample(xyz, rgb, part, part_fine, part_names, fine_names, surface, kind, has_color)


def _draw_points(
    meshes: Sequence[Surface], count: int, generator: np.random.Generator
) -> tuple[Float[np.ndarray, "N 3"], UInt8[np.ndarray, "N 3"], Integer[np.ndarray, " N"]]:
    """Positions, colours, and the mesh of each point.

    Args:
        meshes: at least one, with a surface.
        count: of points over all meshes, even by area.
        generator: decides which.

    Raises:
        ValueError: the meshes have no area.
    """
    joined = Mesh.of([("", mesh) for mesh in meshes])
    faces, weights = draw_on_faces(joined.face_areas(), count, generator)
    xyz = (joined.vertices[joined.faces[faces]] * weights[:, :, None]).sum(axis=1)
    rgb = np.clip(np.round(joined.colors_at(faces, weights)), 0, 255).astype(np.uint8)
    return xyz, rgb, joined.piece[faces]


def _numbered(
    names: Sequence[str], owner: Integer[np.ndarray, " N"]
) -> tuple[tuple[str, ...], Integer[np.ndarray, " N"]]:
    """The distinct names of the pieces that got a point, sorted, and each point's index into them."""
    met = sorted({names[number] for number in np.unique(owner)})
    index = {name: k for k, name in enumerate(met)}
    return tuple(met), np.array([index.get(name, -1) for name in names])[owner]
