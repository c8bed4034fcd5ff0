"""glTF scenes: a node is a part, a material of it a finer one."""

from pathlib import Path

import numpy as np

from recipes.objects.meshes import read_meshes
from recipes.objects.pieces import Model, Piece, UnusableModelError


def read_gltf(path: Path) -> Model:
    """A `.glb` or `.gltf` file, in its own frame.

    Raises:
        ValueError: the file is damaged.
    """
    return Model([Piece(node, f"{node}/{material}", mesh) for material, node, mesh in read_meshes(path)], "gltf_node")


def read_ring_tower(base: Path, rings: tuple[Path, ...]) -> Model:
    """A toy in several files: rings stacked on a base with a pole, each by its own height.

    Raises:
        ValueError: a file is damaged.
        UnusableModelError: the base has no node of that name.
    """
    pieces = [Piece(node, node, mesh) for _, node, mesh in read_meshes(base)]
    top = max((piece.mesh.vertices[:, 2].max() for piece in pieces if piece.part == "base"), default=None)
    if top is None:
        raise UnusableModelError(f"{base.name} has no node 'base' to stack the rings on")
    for path in rings:
        for _, _, mesh in read_meshes(path):
            lift = np.eye(4)
            lift[2, 3] = top - mesh.vertices[:, 2].min()
            lifted = mesh.moved(lift)
            top = lifted.vertices[:, 2].max()
            pieces.append(Piece(path.stem, path.stem, lifted))
    return Model(pieces, "gltf_node")
