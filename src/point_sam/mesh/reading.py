"""From a mesh file to a `Mesh`, through trimesh.

trimesh takes much garbage for an empty scene, and a scene may hold curves and points beside triangles; what counts here
is that some triangle can be had.
"""

import io
import logging
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from point_sam.mesh.colors import UNKNOWN, Coloring, PerCorner, color_of_trimesh, texture_pixels
from point_sam.mesh.gltf import prepare_gltf
from point_sam.mesh.mesh import Mesh, MeshError
from point_sam.mesh.resources import resources_of
from point_sam.mesh.surfaces import Surface
from point_sam.messages import first_line, printable

READABLE = (".glb", ".gltf", ".obj", ".off", ".ply", ".stl")
_HEADER = 1 << 16  # bytes in which the header of a PLY file ends
_MOST_NAMES, _MAX_NAME = 3, 80  # of missing files in a warning
_PLY_FACES = re.compile(rb"^element[ \t]+face[ \t]+0*[1-9]", re.MULTILINE)


def is_mesh_file(path: str | os.PathLike[str]) -> bool:
    """Whether a path names a mesh: by its suffix, and a PLY file if its header counts faces (else it is a cloud).

    Raises:
        OSError: a PLY file that is there cannot be read.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix != ".ply" or not path.is_file():
        return suffix in READABLE and suffix != ".ply"
    with open(path, "rb") as file:
        head = file.read(_HEADER).partition(b"end_header")[0].replace(b"\r", b"\n")
    return _PLY_FACES.search(head) is not None


def load_mesh(path: str | os.PathLike[str]) -> Mesh:
    """Read a mesh with its colours: GLB, GLTF, OBJ, STL, OFF, or a PLY with faces.

    Every node of a scene is taken to its place. Textures, vertex, face and material colours are kept; a texture that
    is missing leaves the material's colour, with a warning that names it. Nothing is merged, filled or turned.

    Args:
        path: a file; the textures and buffers that it names are looked for beside it.

    Raises:
        FileNotFoundError: no such file.
        MeshError: another suffix, a damaged file, no triangles, or coordinates that are not finite.
        ImportError: trimesh is not installed.
    """
    path = Path(path)
    if path.suffix.lower() not in READABLE:
        raise MeshError(f"{path}: {path.suffix!r} is no suffix of a mesh; known are {' '.join(READABLE)}")
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    if not path.is_file():
        raise MeshError(f"{path}: is not a regular file; give one file")
    if path.stat().st_size == 0:
        raise MeshError(f"{path}: the file is empty (0 bytes)")
    trimesh = import_trimesh()
    resources = resources_of(trimesh, path)
    try:
        surfaces = list(_surfaces(_scene(trimesh, path, resources)))
    except MeshError:
        raise
    except MemoryError as err:
        raise MeshError(f"{path}: does not fit into memory") from err
    except Exception as err:  # trimesh's readers raise whatever their parser met
        reason = f"{type(err).__name__}: {first_line(err)}"
        raise MeshError(f"{path}: cannot be read as {path.suffix.lower()}: {reason}") from err
    if not surfaces:
        raise MeshError(f"{path}: holds no triangles; a cloud of points is .ply, .pcd, .xyz, ...")
    mesh = Mesh.of(surfaces)
    _check(mesh, path)
    if resources.missing:
        names = ", ".join(printable(name, _MAX_NAME) for name in resources.missing[:_MOST_NAMES])
        more = ", ..." if len(resources.missing) > _MOST_NAMES else ""
        warnings.warn(
            f"{path}: names {names}{more}, which cannot be read beside it; what hangs on that has its material's "
            f"colour, or none",
            stacklevel=2,
        )
    return mesh


def import_trimesh() -> Any:
    """The module trimesh.

    Raises:
        ImportError: it is not installed.
    """
    try:
        import trimesh
    except ImportError as err:
        raise ImportError("reading meshes needs trimesh: pip install 'point-sam[mesh]'") from err
    if not trimesh.util.log.handlers:  # else Python prints its warnings, tracebacks among them, where nobody logs
        trimesh.util.log.addHandler(logging.NullHandler())
    return trimesh


def _scene(trimesh: Any, path: Path, resources: Any) -> Any:
    suffix = path.suffix.lower()
    content = prepare_gltf(path, resources.get) if suffix in (".glb", ".gltf") else None
    if content is None:
        return trimesh.load_scene(path, resolver=resources, process=False)
    return trimesh.load_scene(io.BytesIO(content), file_type=suffix[1:], resolver=resources, process=False)


def _surfaces(scene: Any) -> Iterator[tuple[str, Surface]]:
    arrays: dict[int, np.ndarray] = {}
    colors: dict[str, Coloring] = {}  # nodes may show one geometry many times, geometries share one texture

    def pixels(image: Any) -> np.ndarray:
        if id(image) not in arrays:
            arrays[id(image)] = texture_pixels(image)
        return arrays[id(image)]

    for node in scene.graph.nodes_geometry:
        matrix, key = scene.graph[node]
        geometry = scene.geometry[key]
        if not hasattr(geometry, "faces") or len(geometry.faces) == 0:  # a curve or a set of points
            continue
        if key not in colors:
            colors[key] = _color(geometry, pixels)
        surface = Surface(np.asarray(geometry.vertices, float), np.asarray(geometry.faces), colors[key])
        yield str(node), surface.moved(np.asarray(matrix, float))


def _color(geometry: Any, pixels: Any) -> Coloring:
    """As for labelled objects, but for glTF's vertex colours under a white material, which trimesh puts aside.

    And without the grey picture that trimesh makes up where an OBJ's materials or a PLY's texture are missing.
    """
    visual = geometry.visual
    if _is_made_up(getattr(getattr(visual, "material", None), "image", None)):
        return UNKNOWN
    aside = getattr(visual, "vertex_attributes", {})
    plain = color_of_trimesh(geometry, pixels)
    if "color" not in aside or not hasattr(visual, "material") or isinstance(plain, PerCorner):
        return plain
    if getattr(visual.material, "baseColorTexture", None) is not None:
        return plain
    factor = getattr(visual.material, "baseColorFactor", None)
    if factor is not None and (np.asarray(factor)[:3] != np.asarray(factor).max()).any():
        return plain
    rgb = np.asarray(aside["color"])[:, :3]
    scale = {"f": 255.0, "u": 255 / np.iinfo(rgb.dtype).max if rgb.dtype.kind == "u" else 1.0}[rgb.dtype.kind]
    return PerCorner(rgb.astype(float)[np.asarray(geometry.faces)] * scale)


def _is_made_up(image: Any) -> bool:
    """Whether it is the picture of `trimesh.visual.material.color_image()`."""
    if image is None or image.size != (2, 2) or image.mode != "RGBA":
        return False
    return bool((np.asarray(image) == [100, 100, 100, 255]).all())


def _check(mesh: Mesh, path: Path) -> None:
    used = mesh.faces.ravel()
    if used.min() < 0 or used.max() >= len(mesh.vertices):
        raise MeshError(f"{path}: a face names vertex {used.max()} of {len(mesh.vertices)}")
    with np.errstate(invalid="ignore"):
        broken = ~np.isfinite(mesh.vertices[mesh.faces]).all(axis=(1, 2))
    if broken.any():
        raise MeshError(
            f"{path}: {int(broken.sum())} of {len(broken)} faces have NaN or infinite corners, the first is face "
            f"{int(broken.argmax())}; repair the source"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        area = mesh.face_areas().sum()
    if not np.isfinite(area):
        raise MeshError(f"{path}: the coordinates are too large for areas in float64; rescale the mesh")
