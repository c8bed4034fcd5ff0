"""GLB, the binary form of glTF 2.0 (Khronos Group, 2021): a node for each piece, textures inside.

glTF cannot blend a colour over a texture, so that each paint over one needs an image of its own. Those of several
paints are made smaller, so that together they have about the pixels of the one that they came from.
Colours are written with the numbers that were read: glTF wants linear ones in materials and vertices, which other
formats do not tell. Coordinates are float32; where that would cost digits, nodes hold their place in double precision.
"""

import io
import json
import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Int64

from point_sam.mesh.colors import Coloring, PerCorner, Textured, Uniform
from point_sam.mesh.formats.corners import split_vertices
from point_sam.mesh.mesh import Mesh
from point_sam.mesh.surfaces import Surface

_FLOAT, _UINT, _UBYTE = 5126, 5125, 5121  # component types
_VERTICES, _FACES = 34962, 34963  # targets of buffer views
_NEAR = 16  # sizes of the mesh from the origin, within which float32 keeps a millionth of its size


@dataclass
class _Content:
    """The JSON chunk and the binary one, as they grow."""

    tree: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)
    known: dict[Any, int] = field(default_factory=dict)  # materials and textures that are there already
    shares: Counter[int] = field(default_factory=Counter)  # paints over each image, by its id

    def add(self, kind: str, entry: dict[str, Any]) -> int:
        entries = self.tree.setdefault(kind, [])
        entries.append(entry)
        return len(entries) - 1

    def view(self, data: bytes, target: int | None = None) -> int:
        self.data += b"\0" * (-len(self.data) % 4)
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data)}
        self.data += data
        return self.add("bufferViews", view if target is None else {**view, "target": target})

    def array(self, values: np.ndarray, component: int, kind: str, target: int, **more: Any) -> int:
        view = self.view(values.tobytes(), target)
        return self.add(
            "accessors", {"bufferView": view, "componentType": component, "count": len(values), "type": kind, **more}
        )


def write_glb(file: BinaryIO, mesh: Mesh, labels: Int64[np.ndarray, " F"] | None) -> None:
    """Write nodes of the pieces' names; a label is in the node's name and in its `extras`."""
    content = _Content(shares=_paints_of_images(mesh))
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    is_near = max(abs(low).max(), abs(high).max()) <= _NEAR * np.linalg.norm(high - low)
    center = np.zeros(3) if is_near else (low + high) / 2
    for name, faces, surface in mesh.surfaces(np.arange(len(mesh.faces))):
        node: dict[str, Any] = {"name": name, "mesh": _mesh(content, surface, center)}
        if labels is not None:
            node |= {"name": f"{name} label {labels[faces[0]]}", "extras": {"label": int(labels[faces[0]])}}
        if not is_near:
            node["translation"] = center.tolist()
        content.add("nodes", node)
    tree = {
        "asset": {"version": "2.0", "generator": "point-sam"},
        "scene": 0,
        "scenes": [{"nodes": list(range(len(content.tree["nodes"])))}],
        **content.tree,
        "buffers": [{"byteLength": len(content.data)}],
    }
    text = json.dumps(tree, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    content.data += b"\0" * (-len(content.data) % 4)
    file.write(struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(content.data)))
    file.write(struct.pack("<I4s", len(text), b"JSON") + text)
    file.write(struct.pack("<I4s", len(content.data), b"BIN\0"))
    file.write(content.data)


def _mesh(content: _Content, surface: Surface, center: np.ndarray) -> int:
    color = surface.color
    values = np.zeros((len(surface.faces), 3, 0))
    if isinstance(color, Textured):
        values = color.uv
    elif isinstance(color, PerCorner):
        values = np.clip(np.round(color.rgb), 0, 255)
    old, each, faces = split_vertices(surface.faces, values)
    xyz = (surface.vertices[old] - center).astype("<f4")
    bounds = {"min": xyz.min(axis=0).tolist(), "max": xyz.max(axis=0).tolist()}
    attributes = {"POSITION": content.array(xyz, _FLOAT, "VEC3", _VERTICES, **bounds)}
    if isinstance(color, Textured):
        attributes["TEXCOORD_0"] = content.array(each.astype("<f4"), _FLOAT, "VEC2", _VERTICES)
    elif isinstance(color, PerCorner):
        rgba = np.full((len(each), 4), 255, np.uint8)
        rgba[:, :3] = each
        attributes["COLOR_0"] = content.array(rgba, _UBYTE, "VEC4", _VERTICES, normalized=True)
    indices = content.array(faces.astype("<u4").ravel(), _UINT, "SCALAR", _FACES)
    primitive = {"attributes": attributes, "indices": indices, "material": _material(content, color)}
    return content.add("meshes", {"primitives": [primitive]})


def _material(content: _Content, color: Coloring) -> int:
    if isinstance(color, Textured):
        key: Any = (id(color.image), color.tint, color.paint)
    else:
        key = color.rgb if isinstance(color, Uniform) and color.known else None
    if key not in content.known:
        # Without these two glTF takes the surface for bare metal, which is black where nothing is mirrored.
        surface: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 1.0}
        if isinstance(color, Textured):
            surface["baseColorTexture"] = {"index": _texture(content, color)}
        elif isinstance(color, Uniform) and color.known:
            surface["baseColorFactor"] = [*np.clip(np.asarray(color.rgb) / 255, 0, 1).tolist(), 1.0]
        content.known[key] = content.add("materials", {"pbrMetallicRoughness": surface, "doubleSided": True})
    return content.known[key]


def _texture(content: _Content, color: Textured) -> int:
    from PIL import Image

    picture = Image.fromarray(color.finished_image())
    if color.paint is not None:
        shrink = content.shares[id(color.image)] ** -0.5
        picture = picture.resize([max(1, round(side * shrink)) for side in picture.size])
    file = io.BytesIO()
    picture.save(file, format="PNG")
    image = content.add("images", {"bufferView": content.view(file.getvalue()), "mimeType": "image/png"})
    return content.add("textures", {"source": image})


def _paints_of_images(mesh: Mesh) -> Counter[int]:
    textured = [color for color in mesh.colors if isinstance(color, Textured)]
    return Counter(image for image, _ in {(id(c.image), (c.tint, c.paint)) for c in textured if c.paint is not None})
