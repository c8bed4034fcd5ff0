"""glTF with normalised integers and compressed geometry."""

import base64
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from point_sam.mesh import MeshError, load_mesh
from point_sam.mesh.colors import Textured

pytest.importorskip("trimesh")
_PLACES = np.array([[0, 0, 0], [1, 0, 0], [1, -1, 0], [0, -1, 0.5]])
_UV = np.array([[0, 1], [1, 1], [1, 0], [0.2, 0]])
_KINDS = {np.int8: 5120, np.uint8: 5121, np.int16: 5122, np.uint16: 5123}


def quad(place_type: type, uv_type: type, stride: int) -> tuple[dict[str, Any], bytes]:
    """The tree and the buffer of a textured quad in normalised integers."""
    places = np.rint(_PLACES * np.iinfo(place_type).max).astype(place_type)
    rows = np.zeros((4, stride), np.uint8)
    rows[:, : 3 * places.itemsize] = places.view(np.uint8).reshape(4, -1)
    uv = np.rint(_UV * np.iinfo(uv_type).max).astype(uv_type).tobytes()
    data = rows.tobytes() + uv
    faces = np.array([0, 1, 2, 0, 2, 3], np.uint16).tobytes()
    tree = {
        "asset": {"version": "2.0"},
        "extensionsRequired": ["KHR_mesh_quantization"],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "scale": [3, 3, 3]}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [{"source": 0}],
        "images": [{"uri": "t.png"}],
        "accessors": [
            {"bufferView": 0, "componentType": _KINDS[place_type], "count": 4, "type": "VEC3", "normalized": True},
            {"bufferView": 1, "componentType": _KINDS[uv_type], "count": 4, "type": "VEC2", "normalized": True},
            {"bufferView": 2, "componentType": 5123, "count": 6, "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteLength": 4 * stride, "byteStride": stride},
            {"buffer": 0, "byteOffset": 4 * stride, "byteLength": len(uv)},
            {"buffer": 0, "byteOffset": len(data), "byteLength": len(faces)},
        ],
        "buffers": [{"byteLength": len(data) + len(faces)}],
    }
    return tree, data + faces


def write(folder: Path, kind: str, tree: dict[str, Any], data: bytes) -> Path:
    Image.new("RGB", (2, 2), (9, 8, 7)).save(folder / "t.png")
    path = folder / f"quad.{'glb' if kind == 'glb' else 'gltf'}"
    if kind == "glb":
        text = json.dumps(tree).encode()
        text += b" " * (-len(text) % 4)
        data += b"\0" * (-len(data) % 4)
        chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data
        path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)
        return path
    if kind == "beside":
        (folder / "quad.bin").write_bytes(data)
        tree["buffers"][0]["uri"] = "quad.bin"
    else:
        tree["buffers"][0]["uri"] = "data:application/octet-stream;base64," + base64.b64encode(data).decode()
    path.write_text(json.dumps(tree))
    return path


@pytest.mark.parametrize("kind", ["glb", "beside", "inside"])
@pytest.mark.parametrize(("place_type", "uv_type", "stride"), [(np.int16, np.uint16, 8), (np.int8, np.uint8, 4)])
def test_normalised_integers_stand_for_fractions(tmp_path: Path, kind: str, place_type, uv_type, stride) -> None:
    path = write(tmp_path, kind, *quad(place_type, uv_type, stride))

    mesh = load_mesh(path)

    np.testing.assert_allclose(mesh.vertices, 3 * _PLACES, atol=3 / np.iinfo(place_type).max)
    (color,) = mesh.colors
    assert isinstance(color, Textured)
    np.testing.assert_allclose(color.uv, _UV[mesh.faces], atol=1 / np.iinfo(uv_type).max)


def test_integers_that_are_not_normalised_stay(tmp_path: Path) -> None:
    tree, data = quad(np.int16, np.uint16, 8)
    tree["accessors"][0]["normalized"] = False

    mesh = load_mesh(write(tmp_path, "glb", tree, data))

    np.testing.assert_allclose(mesh.vertices, 3 * np.rint(_PLACES * 32767))


@pytest.mark.parametrize(
    ("name", "told"),
    [("EXT_meshopt_compression", "which is not read"), ("KHR_draco_mesh_compression", "pip install DracoPy")],
)
def test_compressed_geometry_is_refused(tmp_path: Path, monkeypatch, name: str, told: str) -> None:
    monkeypatch.setattr("point_sam.mesh.gltf.find_spec", lambda module: None)
    tree, data = quad(np.int16, np.uint16, 8)
    tree["extensionsRequired"].append(name)

    with pytest.raises(MeshError, match=f"quad.glb: its geometry is compressed by {name}.*{told}"):
        load_mesh(write(tmp_path, "glb", tree, data))


@pytest.mark.parametrize("cut", [10, 19, 60, 400])
def test_file_that_ends_early_is_refused_in_one_line(tmp_path: Path, cut: int) -> None:
    path = write(tmp_path, "glb", *quad(np.int16, np.uint16, 8))
    path.write_bytes(path.read_bytes()[:cut])

    with pytest.raises(MeshError, match=r"quad\.glb: ") as told:
        load_mesh(path)
    assert "\n" not in str(told.value)
