"""Readers by the name that the catalogue uses."""

from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from recipes.objects.entries import Entry
from recipes.objects.gltf import read_gltf, read_ring_tower
from recipes.objects.mjcf import read_mjcf
from recipes.objects.obj import read_obj
from recipes.objects.pieces import Model, Piece
from recipes.objects.sdf import read_sdf
from recipes.objects.urdf import read_urdf
from recipes.objects.xmltools import frame

Reader = Callable[[Path, str, Mapping[str, Any], np.random.Generator | None], Model]


def read_entry(root: Path, entry: Entry, generator: np.random.Generator | None = None) -> Model:
    """The model of an entry.

    Args:
        root: of its package.
        entry: which.
        generator: draws a random pose; None takes the rest pose.

    Raises:
        FileNotFoundError: the package does not have its file.
        ValueError: the file is damaged, or the catalogue names no such reader.
    """
    if entry.reader not in READERS:
        raise ValueError(f"{entry.key}: no reader {entry.reader!r}; there are {', '.join(READERS)}")
    if not (root / entry.path).is_file():
        raise FileNotFoundError(f"the package has no file {entry.path}")
    return READERS[entry.reader](root, entry.path, entry.options, generator)


def _urdf(root: Path, path: str, options: Mapping[str, Any], generator: np.random.Generator | None) -> Model:
    return read_urdf(root / path, generator, **options)


def _mjcf(root: Path, path: str, options: Mapping[str, Any], generator: np.random.Generator | None) -> Model:
    return read_mjcf(root / path, generator, **options)


def _sdf(root: Path, path: str, options: Mapping[str, Any], generator: np.random.Generator | None) -> Model:
    return read_sdf(root / path, **options)


def _obj(root: Path, path: str, options: Mapping[str, Any], generator: np.random.Generator | None) -> Model:
    return read_obj(root / path, **options)


def _gltf(root: Path, path: str, options: Mapping[str, Any], generator: np.random.Generator | None) -> Model:
    return read_gltf(root / path, **options)


def _ring_tower(root: Path, path: str, options: Mapping[str, Any], generator: np.random.Generator | None) -> Model:
    return read_ring_tower(root / path, tuple(root / ring for ring in options["rings"]))


def _assembly(root: Path, path: str, options: Mapping[str, Any], generator: np.random.Generator | None) -> Model:
    """Furniture in several URDF files, each put into its place by a chain of poses; a file is a part."""
    pieces = []
    for file, poses in options["parts"]:
        place = reduce(np.matmul, (frame(pose[:3], pose[3:]) for pose in poses), np.eye(4))
        part = Path(file).stem
        pieces += [
            Piece(part, f"{part}/{piece.fine}", piece.mesh.moved(place)) for piece in read_urdf(root / file).pieces
        ]
    return Model(pieces, "assembly_part")


READERS: dict[str, Reader] = {
    "urdf": _urdf,
    "mjcf": _mjcf,
    "sdf": _sdf,
    "obj": _obj,
    "gltf": _gltf,
    "ring_tower": _ring_tower,
    "assembly": _assembly,
}
