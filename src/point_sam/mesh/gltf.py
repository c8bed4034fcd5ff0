"""glTF 2.0 (Khronos Group, 2021) where trimesh needs help: compressed geometry, and integers that stand for fractions.

A file may store places and texture coordinates as normalised integers (sections 3.6.2.2 and KHR_mesh_quantization);
trimesh takes them as they stand, some ten thousand times too large. They are given to it as floats.
"""

import base64
import json
import struct
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from point_sam.mesh.mesh import MeshError

_MAGIC, _JSON = b"glTF", 0x4E4F534A
# Geometry that cannot be had without decoding it, and the module with which trimesh does.
_COMPRESSIONS = {"KHR_draco_mesh_compression": "DracoPy", "EXT_meshopt_compression": None}
_INTEGERS = {5120: ("<i1", 127), 5121: ("<u1", 255), 5122: ("<i2", 32767), 5123: ("<u2", 65535)}  # and what is 1
_FLOAT = 5126
_WIDTHS = {"VEC2": 2, "VEC3": 3}


def prepare_gltf(path: Path, get: Callable[[str], bytes]) -> bytes | None:
    """The content of a .glb or .gltf file as trimesh reads it rightly; None where that is the file as it is.

    Args:
        path: the file.
        get: the bytes of a file that it names.

    Raises:
        MeshError: its geometry is compressed in a way that cannot be read.
        OSError: the file, or one that it names, cannot be read.
    """
    content = path.read_bytes()
    parts = _take_apart(content)
    if parts is None:
        return None  # trimesh says what is wrong with it
    tree, binary = parts
    _refuse_compressed(tree, path)
    fractions = sorted(_fractions(tree))
    if not fractions:
        return None
    buffers = [binary if "uri" not in buffer else _content_of(buffer["uri"], get) for buffer in tree.get("buffers", [])]
    for number in fractions:
        _store_floats(tree, number, buffers)
    return _put_together(tree, binary, is_binary=content.startswith(_MAGIC))


def _take_apart(content: bytes) -> tuple[dict[str, Any], bytes] | None:
    """The JSON and the binary chunk, which a .gltf does not have; None of a damaged file."""
    text, binary = content, b""
    if content.startswith(_MAGIC):
        if len(content) < 20:
            return None
        length, kind = struct.unpack_from("<II", content, 12)
        if kind != _JSON:
            return None
        text, binary = content[20 : 20 + length], content[28 + length :]
    try:
        tree = json.loads(text)
    except ValueError:
        return None
    return (tree, binary) if isinstance(tree, dict) else None


def _put_together(tree: dict[str, Any], binary: bytes, *, is_binary: bool) -> bytes:
    text = json.dumps(tree).encode()
    if not is_binary:
        return text
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    chunks = struct.pack("<II", len(text), _JSON) + text
    if binary:
        chunks += struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", _MAGIC, 2, 12 + len(chunks)) + chunks


def _refuse_compressed(tree: dict[str, Any], path: Path) -> None:
    for name in tree.get("extensionsRequired", []):
        if name in _COMPRESSIONS:
            module = _COMPRESSIONS[name]
            if module is None:
                raise MeshError(f"{path}: its geometry is compressed by {name}, which is not read; export it without")
            if find_spec(module) is None:
                raise MeshError(
                    f"{path}: its geometry is compressed by {name}; pip install {module}, or export it without"
                )


def _fractions(tree: dict[str, Any]) -> Iterator[int]:
    """The accessors of places and texture coordinates in normalised integers."""
    used = {
        number
        for mesh in tree.get("meshes", [])
        for primitive in mesh.get("primitives", [])
        for name, number in primitive.get("attributes", {}).items()
        if name in ("POSITION", "TEXCOORD_0")
    }
    for number in used:
        accessor = tree["accessors"][number]
        if accessor.get("normalized") and accessor["componentType"] in _INTEGERS and "bufferView" in accessor:
            yield number


def _store_floats(tree: dict[str, Any], number: int, buffers: list[bytes]) -> None:
    """Let an accessor read floats from a buffer of its own."""
    accessor = tree["accessors"][number]
    view = tree["bufferViews"][accessor["bufferView"]]
    kind, largest = _INTEGERS[accessor["componentType"]]
    dtype, width = np.dtype(kind), _WIDTHS[accessor["type"]]
    start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    strides = (view.get("byteStride", width * dtype.itemsize), dtype.itemsize)
    integers = np.ndarray((accessor["count"], width), dtype, buffers[view["buffer"]], start, strides)
    floats = np.maximum(integers / np.float32(largest), -1).astype("<f4").tobytes()
    uri = "data:application/octet-stream;base64," + base64.b64encode(floats).decode()
    tree["buffers"].append({"byteLength": len(floats), "uri": uri})
    tree["bufferViews"].append({"buffer": len(tree["buffers"]) - 1, "byteLength": len(floats)})
    accessor.update(bufferView=len(tree["bufferViews"]) - 1, byteOffset=0, componentType=_FLOAT, normalized=False)


def _content_of(uri: str, get: Callable[[str], bytes]) -> bytes:
    head, found, data = uri.partition("base64,")
    return base64.b64decode(data) if found and head.startswith("data:") else get(uri)
