"""OBJ files as surfaces with the names by which their faces are told apart, read with numpy alone.

trimesh joins faces of one material; here objects and groups are what matters.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, Integer

from point_sam.mesh.colors import UNKNOWN, Coloring, Textured, texture_pixels, uniform
from point_sam.mesh.surfaces import Surface

Names = tuple[str, str, str]


def read_obj_surfaces(path: Path) -> list[tuple[Names, Surface]]:
    """Object, group and material ("" where the file names none), and the surface of the faces under these names.

    Polygons are cut into fans. Colours and textures are those of the MTL file beside it.

    Raises:
        ValueError: a line cannot be read, a face names a vertex that is not there, or there are no faces.
        OSError: the file cannot be read.
    """
    lines = _read_lines(path)
    vertices, faces, corners = np.array(lines.vertices, float), np.array(lines.faces), np.array(lines.corners)
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise ValueError(f"{path.name}: a face names vertex {faces.max() + 1} of {len(vertices)}")
    uv, owner = np.array(lines.uv, float), np.array(lines.names)
    materials = _read_materials(path.parent / lines.library) if lines.library else {}
    images: dict[Path, np.ndarray | None] = {}
    surfaces = []
    for names, number in lines.keys.items():
        chosen = owner == number
        used, own_faces = np.unique(faces[chosen], return_inverse=True)
        color = _coloring(materials.get(names[2], _Material()), uv, corners[chosen], images)
        surfaces.append((names, Surface(vertices[used], own_faces.reshape(-1, 3), color)))
    return surfaces


@dataclass
class _Material:
    """One material of an MTL file: diffuse colour 0..255 and image, where it has them."""

    diffuse: tuple[float, float, float] | None = None
    image: Path | None = None


@dataclass
class _Lines:
    """What an OBJ file says.

    Attributes:
        vertices: as in the file.
        uv: texture coordinates, v = 0 at the image's bottom row.
        faces, corners: of each triangle, its three indices into `vertices` and into `uv`, -1 where it has none.
        names: of each triangle, the number of its names.
        keys: names -> their number.
        current: the names that the next face comes under.
        library: the MTL file, "" without one.
    """

    vertices: list[list[float]] = field(default_factory=list)
    uv: list[list[float]] = field(default_factory=list)
    faces: list[list[int]] = field(default_factory=list)
    corners: list[list[int]] = field(default_factory=list)
    names: list[int] = field(default_factory=list)
    keys: dict[Names, int] = field(default_factory=dict)
    current: Names = ("", "", "")
    library: str = ""


def _read_lines(path: Path) -> _Lines:
    lines = _Lines()
    for number, line in enumerate(_text(path), start=1):
        try:
            _take(lines, line)
        except (ValueError, IndexError) as err:
            raise ValueError(f"{path.name}: line {number} cannot be read: {line.strip()[:80]!r}") from err
    if not lines.faces:
        raise ValueError(f"{path.name}: holds no faces")
    return lines


def _text(path: Path) -> Iterator[str]:
    with open(path, encoding="utf-8", errors="replace") as file:
        yield from file


def _take(lines: _Lines, line: str) -> None:
    word, *others = line.split(None, 1)[:2] or [""]
    rest = others[0].strip() if others else ""
    if word == "v":
        lines.vertices.append([float(value) for value in rest.split()[:3]])
        if len(lines.vertices[-1]) != 3:
            raise ValueError("a vertex has three coordinates")
    elif word == "vt":
        values = [float(value) for value in rest.split()[:2]]
        lines.uv.append(values if len(values) == 2 else [values[0], 0.0])
    elif word == "f":
        _take_face(lines, rest.split())
    elif word == "o":
        lines.current = (rest, "", lines.current[2])
    elif word == "g":
        lines.current = (lines.current[0], rest, lines.current[2])
    elif word == "usemtl":
        lines.current = (*lines.current[:2], rest)
    elif word == "mtllib":
        lines.library = rest


def _take_face(lines: _Lines, corners: list[str]) -> None:
    vertices, uv = [], []
    for corner in corners:
        vertex, _, rest = corner.partition("/")
        texture = rest.partition("/")[0]
        vertices.append(_index(int(vertex), len(lines.vertices)))
        uv.append(_index(int(texture), len(lines.uv)) if texture else -1)
    name = lines.keys.setdefault(lines.current, len(lines.keys))
    for k in range(1, len(vertices) - 1):
        lines.faces.append([vertices[0], vertices[k], vertices[k + 1]])
        lines.corners.append([uv[0], uv[k], uv[k + 1]])
        lines.names.append(name)


def _index(number: int, count: int) -> int:
    """From 1 on, or back from the last one."""
    return number - 1 if number > 0 else count + number


def _read_materials(path: Path) -> dict[str, _Material]:
    """The materials of an MTL file; none where it does not exist. An image that does not exist is passed over."""
    found: dict[str, _Material] = {}
    if not path.is_file():
        return found
    current = _Material()
    for line in _text(path):
        words = line.split()
        if not words:
            continue
        if words[0] == "newmtl":
            current = found.setdefault(" ".join(words[1:]), _Material())
        elif words[0] == "Kd":
            current.diffuse = _diffuse(words[1:]) or current.diffuse
        elif words[0].lower() == "map_kd" and len(words) > 1:
            current.image = _image(path.parent, line.strip().split(None, 1)[1]) or current.image
    return found


def _diffuse(words: list[str]) -> tuple[float, float, float] | None:
    try:
        red, green, blue = (float(word) * 255 for word in words[:3])
    except ValueError:
        return None
    return red, green, blue


def _image(folder: Path, written: str) -> Path | None:
    """The file that a map_Kd line means: options may precede it, and its folder may be that of another machine."""
    written = written.strip().replace("\\", "/")
    for name in (written, written.split()[-1], written.rpartition("/")[2]):
        if (folder / name).is_file():
            return folder / name
    return None


def _coloring(
    material: _Material,
    uv: Float[np.ndarray, "T 2"] | Float[np.ndarray, " 0"],
    corners: Integer[np.ndarray, "F 3"],
    images: dict[Path, np.ndarray | None],
) -> Coloring:
    """The material's image where every face has its place on it, else its colour."""
    if material.image is not None and (corners >= 0).all():
        pixels = _pixels(material.image, images)
        if pixels is not None:
            laid = uv[corners.clip(0, len(uv) - 1)] if len(uv) else np.zeros((len(corners), 3, 2))
            return Textured(np.stack([laid[..., 0], 1 - laid[..., 1]], axis=-1), pixels)
    return UNKNOWN if material.diffuse is None else uniform(material.diffuse)


def _pixels(path: Path, images: dict[Path, np.ndarray | None]) -> np.ndarray | None:
    """The image, read once; None where it is damaged, as some published ones are: the plain colour then stands."""
    from PIL import Image

    if path not in images:
        try:
            with Image.open(path) as image:
                images[path] = texture_pixels(image)
        except (OSError, ValueError, SyntaxError):
            images[path] = None
    return images[path]
