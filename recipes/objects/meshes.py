"""Mesh files (STL, OBJ, DAE, PLY, glTF) through trimesh, one mesh for each material or node."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from point_sam.mesh.colors import color_of_trimesh
from point_sam.mesh.reading import import_trimesh
from point_sam.mesh.surfaces import Surface

_COLLADA_HEAD = 6000  # bytes in which <asset> stands


def read_meshes(path: Path, *, honor_up_axis: bool = False) -> list[tuple[str, str, Surface]]:
    """Material's name, node's name and mesh of everything with faces in a file, in its own frame.

    COLLADA's unit is honoured. Its up axis is not by default, as in RViz: MeshLab writes Y_UP into files that are z-up.

    trimesh takes some garbage for an empty scene: the list is empty then.

    Args:
        path: the file.
        honor_up_axis: turn a COLLADA file that says Y_UP so that z is up, for exporters known to mean it.

    Raises:
        ImportError: trimesh is not installed.
        ValueError: the file is damaged.
    """
    return list(_read(path, honor_up_axis))


@lru_cache(maxsize=64)  # a robot names the same file for each of its legs
def _read(path: Path, honor_up_axis: bool) -> tuple[tuple[str, str, Surface], ...]:
    trimesh = import_trimesh()
    try:
        scene = trimesh.load_scene(path, process=False)
        return tuple(_items(scene, _collada_frame(path, honor_up_axis)))
    except Exception as err:  # trimesh's readers raise whatever their parser met
        raise ValueError(f"{path.name}: not readable as {path.suffix}: {type(err).__name__} {err}") from err


def _items(scene: Any, frame: np.ndarray) -> Any:
    for node in scene.graph.nodes_geometry:
        matrix, key = scene.graph[node]
        mesh = scene.geometry[key]
        if not hasattr(mesh, "faces") or len(mesh.faces) == 0:  # a curve or a set of points
            continue
        material = getattr(getattr(mesh.visual, "material", None), "name", None) or node
        plain = Surface(np.asarray(mesh.vertices, float), np.asarray(mesh.faces), color_of_trimesh(mesh))
        yield str(material), str(node), plain.moved(frame @ matrix)


def _collada_frame(path: Path, honor_up_axis: bool) -> np.ndarray:
    frame = np.eye(4)
    if path.suffix.lower() != ".dae":
        return frame
    with open(path, "rb") as file:
        head = file.read(_COLLADA_HEAD).decode("utf-8", "ignore")
    unit = re.search(r'<unit[^>]*meter="([^"]+)"', head)
    frame[:3, :3] *= float(unit.group(1)) if unit else 1.0
    if honor_up_axis and "Y_UP" in head:
        frame[:3, :3] = frame[:3, :3] @ Y_UP_TO_Z_UP
    return frame


Y_UP_TO_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
