"""PartNet-Mobility (Xiang et al., CVPR 2020, SAPIEN): one folder per object, points drawn on its surface.

    ROOT/ID/meta.json            "model_cat": the category
    ROOT/ID/result.json          the tree of parts; a leaf names its meshes in "objs"
    ROOT/ID/textured_objs/*.obj  the meshes, with .mtl and images, in one frame, y up
    ROOT/ID/mobility_v2.json     what moves together: "parts" with the ids of leaves

ROOT may be one object's folder too. The data hold no clouds, so 10,000 points are drawn on the meshes, evenly by area
and seeded by the object's ID: the same each time. Granularities: `link`, what moves together (left out where the file
is missing), and `part`, the leaves. Meshes that no leaf names are left out.
"""

import json
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from point_sam.clouds import PointCloudError
from point_sam.datasets.labeled import LabeledCloud
from point_sam.datasets.opening import Layout
from point_sam.mesh.mesh import Mesh
from point_sam.mesh.sampling import sample_surface
from point_sam.mesh.wavefront import read_obj_surfaces

NUM_POINTS = 10_000  # as many as PartNet's own point_sample/ has of a shape
_TREE, _META, _MOVES, _MESHES = "result.json", "meta.json", "mobility_v2.json", "textured_objs"


class PartNetMobility:
    """One object per entry.

    Attributes:
        root: the folder of the objects.
        names: the objects' IDs, in ascending order.
        families: their categories, as "model_cat" has them.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        """List the objects; only their `meta.json` are read.

        Raises:
            FileNotFoundError: no such folder, or no objects in it.
        """
        self.root = Path(root)
        self._folders = sorted(_objects(self.root), key=lambda folder: (len(folder.name), folder.name))
        if not self._folders:
            raise FileNotFoundError(f"{self.root}: no ID/{_TREE} with ID/{_MESHES} in it, as PartNet-Mobility has them")
        self.names: Sequence[str] = [folder.resolve().name for folder in self._folders]
        self.families: Sequence[str] = [_category(folder) for folder in self._folders]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> LabeledCloud:
        """Read the meshes of one object and draw points on them.

        Raises:
            PointCloudError: its tree or a mesh is missing or damaged, or there is no surface.
        """
        folder = self._folders[index]
        leaves = list(_leaves(_read_json(folder / _TREE), folder))
        links = _links(folder)
        surfaces, leaf_of = [], []
        try:
            for leaf, (_, objs) in enumerate(leaves):
                for name in objs:
                    found = read_obj_surfaces(folder / _MESHES / f"{name}.obj")
                    surfaces += [(name, surface) for _, surface in found]
                    leaf_of += [leaf] * len(found)
            mesh = Mesh.of(surfaces)
            samples = sample_surface(mesh, NUM_POINTS, zlib.crc32(self.names[index].encode()))
        except (OSError, ValueError) as err:
            raise PointCloudError(f"{folder}: {err}") from err
        part = np.array(leaf_of)[mesh.piece[samples.face]]
        labels = {"part": part}
        if links:
            labels = {"link": np.array([links.get(number, -1) for number, _ in leaves])[part], **labels}
        xyz = samples.xyz.astype(np.float32)
        return LabeledCloud(xyz, samples.rgb, labels, name=self.names[index], family=self.families[index])

    def split(self, name: str) -> list[int]:
        """PartNet-Mobility is published without a split.

        Raises:
            ValueError: another name than all.
        """
        if name != "all":
            raise ValueError(f"PartNet-Mobility has no split {name!r}; it has all")
        return list(range(len(self)))


def _objects(root: Path) -> Iterator[Path]:
    for folder in (root, *(path for path in root.iterdir() if path.is_dir())):
        if (folder / _TREE).is_file() and (folder / _MESHES).is_dir():
            yield folder


def _category(folder: Path) -> str:
    try:
        meta = json.loads((folder / _META).read_text())
    except (OSError, ValueError):  # the category is for reports only: an object without one is named by its ID
        return folder.resolve().name
    return str(meta.get("model_cat", folder.resolve().name)) if isinstance(meta, dict) else folder.resolve().name


def _leaves(nodes: Any, folder: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and meshes of every node without children that names meshes."""
    if not isinstance(nodes, list) or not all(isinstance(node, dict) for node in nodes):
        raise PointCloudError(f"{folder / _TREE}: is no tree of parts; expected a list of objects")
    for node in nodes:
        if node.get("children"):
            yield from _leaves(node["children"], folder)
        elif node.get("objs"):
            yield int(node.get("id", -1)), [str(name) for name in node["objs"]]


def _links(folder: Path) -> dict[int, int]:
    """Leaf's number -> number of what it moves with."""
    path = folder / _MOVES
    if not path.is_file():
        return {}
    links: dict[int, int] = {}
    try:
        for entry in _read_json(path):
            for leaf in _descend(entry.get("parts", [])):
                links[leaf] = int(entry["id"])
    except (KeyError, TypeError, AttributeError, ValueError) as err:
        raise PointCloudError(f"{path}: is not what moves together: {err!r}") from err
    return links


def _descend(parts: Any) -> Iterator[int]:
    for part in parts:
        yield int(part["id"])
        yield from _descend(part.get("children") or [])


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as err:
        raise PointCloudError(f"{path}: cannot be read: {err}") from err


LAYOUT = Layout(
    "partnet-mobility",
    "PartNet-Mobility: ID/result.json, ID/textured_objs/*.obj, ID/mobility_v2.json; points are drawn on the meshes",
    lambda path: path.is_dir() and any(True for _ in _objects(path)),
    PartNetMobility,
)
