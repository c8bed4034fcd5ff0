"""OBJ files as models: their objects, groups or materials are the parts, whichever tell the faces apart best."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from point_sam.mesh.wavefront import Names, read_obj_surfaces
from recipes.objects.labels import FEWEST_PARTS, MIN_SHARE
from recipes.objects.meshes import Y_UP_TO_Z_UP
from recipes.objects.pieces import Model, Piece, UnusableModelError

MOST_PARTS = 32
# Tried in this order; the first that gives a sensible number of parts names them.
_LEVELS: tuple[tuple[str, Callable[[Names], str]], ...] = (
    ("obj_object", lambda names: names[0]),
    ("obj_group", lambda names: names[1]),
    ("obj_object+group", lambda names: f"{names[0]}|{names[1]}"),
    ("obj_material", lambda names: names[2]),
)


def read_obj(path: Path, *, y_up: bool = False) -> Model:
    """An OBJ file with the colours and textures of its MTL file.

    Args:
        path: the file.
        y_up: turn it so that z is up.

    Raises:
        UnusableModelError: no level of names gives three parts or more.
        ValueError: the file is damaged.
    """
    turn = np.eye(4)
    if y_up:
        turn[:3, :3] = Y_UP_TO_Z_UP
    named = [(names, surface.moved(turn)) for names, surface in read_obj_surfaces(path)]
    kind, part_of = _level([(names, float(surface.face_areas().sum())) for names, surface in named])
    return Model([Piece(part_of(names), "|".join(names), surface) for names, surface in named], kind)


def _level(areas: Sequence[tuple[Names, float]]) -> tuple[str, Callable[[Names], str]]:
    total = sum(area for _, area in areas)
    too_many = None
    for level in _LEVELS:
        by_part: dict[str, float] = {}
        for names, area in areas:
            by_part[level[1](names)] = by_part.get(level[1](names), 0.0) + area
        count = sum(area >= MIN_SHARE * total for area in by_part.values())
        if FEWEST_PARTS <= count <= MOST_PARTS:
            return level
        if count > MOST_PARTS and too_many is None:
            too_many = level
    if too_many is None:
        raise UnusableModelError("fewer than three objects, groups or materials")
    return too_many
