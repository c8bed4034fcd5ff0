from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from point_sam import PointCloud, write_pointcloud
from point_sam.mesh import Mesh, MeshError, is_mesh_file, load_mesh

trimesh = pytest.importorskip("trimesh")
_OBJ = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
_UV = "vt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"


def outward(mesh: Mesh, faces: np.ndarray) -> np.ndarray:
    """Whether faces look away from the middle of what they enclose."""
    centers = mesh.vertices[mesh.faces[faces]].mean(axis=1)
    return np.einsum("nd,nd->n", centers - centers.mean(axis=0), mesh.face_normals()[faces]) > 0


def test_nodes_of_a_scene_are_taken_to_their_places_and_mirrored_ones_still_face_outwards(two_boxes: Path) -> None:
    mesh = load_mesh(two_boxes)

    assert sorted(mesh.names) == ["left", "right"]
    assert mesh.face_areas().sum() == pytest.approx(2 * 24)
    for piece, name in enumerate(mesh.names):
        faces = np.flatnonzero(mesh.piece == piece)
        corners = mesh.vertices[mesh.faces[faces]].reshape(-1, 3)
        middle = {"right": 5, "left": -5}[name]
        np.testing.assert_allclose(
            [corners.min(axis=0), corners.max(axis=0)], [[middle - 1, -1, -1], [middle + 1, 1, 1]]
        )
        assert outward(mesh, faces).all()
        np.testing.assert_allclose(mesh.colors[piece].at(np.zeros(1, int), np.eye(3)[:1]), [[255, 0, 0]])


@pytest.mark.parametrize("suffix", ["glb", "gltf", "obj", "stl", "off", "ply"])
def test_every_format_gives_the_same_surface(tmp_path: Path, suffix: str) -> None:
    exported = trimesh.creation.box((1, 2, 3)).export(file_type=suffix)
    path = tmp_path / f"box.{suffix}"
    if suffix == "gltf":
        for name, data in exported.items():
            (tmp_path / name).write_bytes(data)
        (tmp_path / "model.gltf").rename(path)
    else:
        path.write_bytes(exported if isinstance(exported, bytes) else exported.encode())

    mesh = load_mesh(path)

    assert is_mesh_file(path)
    assert len(mesh.faces) == 12
    assert mesh.face_areas().sum() == pytest.approx(22)
    np.testing.assert_allclose(np.ptp(mesh.vertices, axis=0), [1, 2, 3])


def test_texture_of_an_obj_is_laid_over_it_and_a_missing_one_leaves_the_materials_colour(tmp_path: Path) -> None:
    Image.fromarray(np.array([[[0, 0, 255], [0, 255, 0]], [[255, 0, 0], [9, 9, 9]]], np.uint8)).save(tmp_path / "t.png")
    (tmp_path / "quad.mtl").write_text("newmtl m\nKd 0.2 0.4 0.6\nmap_Kd t.png\n")
    (tmp_path / "quad.obj").write_text("mtllib quad.mtl\n" + _OBJ + _UV + "usemtl m\nf 1/1 2/2 3/3\nf 1/1 3/3 4/4\n")
    weights = np.array([[0.8, 0.1, 0.1]])

    textured = load_mesh(tmp_path / "quad.obj").colors_at(np.zeros(1, int), weights)
    (tmp_path / "t.png").unlink()
    with pytest.warns(UserWarning, match=r"quad\.obj: names t\.png, which cannot be read beside it"):
        plain = load_mesh(tmp_path / "quad.obj").colors_at(np.zeros(1, int), weights)

    np.testing.assert_allclose(textured, [[255, 0, 0]])
    np.testing.assert_allclose(plain, [[51, 102, 153]], atol=1)


@pytest.mark.parametrize(
    ("written", "there"),
    [("a wood.png", "a wood.png"), ("a%20wood.png", "a wood.png"), ("maps\\wood.png", "maps/wood.png"),
     ("-s 2 2 1 wood.png", "wood.png")],
)  # fmt: skip
@pytest.mark.filterwarnings("error")
def test_names_of_textures_are_taken_as_programs_write_them(tmp_path: Path, written: str, there: str) -> None:
    (tmp_path / "maps").mkdir()
    Image.new("RGB", (4, 4), (1, 2, 250)).save(tmp_path / there)
    (tmp_path / "quad.mtl").write_text(f"newmtl m\nmap_Kd {written}\n")
    (tmp_path / "quad.obj").write_text("mtllib quad.mtl\n" + _OBJ + _UV + "usemtl m\nf 1/1 2/2 3/3\n")

    mesh = load_mesh(tmp_path / "quad.obj")

    np.testing.assert_allclose(mesh.colors_at(np.zeros(1, int), np.eye(3)[:1]), [[1, 2, 250]])


@pytest.mark.parametrize("damage", ["no materials", "no picture", "outside"])
def test_colours_that_are_missing_are_none_and_are_told(tmp_path: Path, damage: str) -> None:
    missing = {"no materials": "quad.mtl", "no picture": "t.png", "outside": "../t.png"}[damage]
    (tmp_path / "in").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "t.png")
    (tmp_path / "in" / "t.png").write_bytes(b"\x89PNG and no more")
    if damage != "no materials":
        (tmp_path / "in" / "quad.mtl").write_text(f"newmtl m\nmap_Kd {missing}\n")
    path = tmp_path / "in" / "quad.obj"
    path.write_text("mtllib quad.mtl\n" + _OBJ + _UV + "usemtl m\nf 1/1 2/2 3/3\n")

    with pytest.warns(UserWarning, match=f"names {missing}, which cannot be read") as told:
        mesh = load_mesh(path)

    assert not mesh.has_color
    assert len(told) == 1


def test_texture_that_a_ply_names_in_vain_is_told_without_a_traceback(tmp_path: Path, capfd) -> None:
    (tmp_path / "leaf.ply").write_text(
        "ply\nformat ascii 1.0\ncomment TextureFile leaf.png\nelement vertex 3\nproperty float x\nproperty float y\n"
        "property float z\nproperty float s\nproperty float t\nelement face 1\nproperty list uchar int vertex_indices\n"
        "end_header\n0 0 0 0 0\n1 0 0 1 0\n0 1 0 0 1\n3 0 1 2\n"
    )

    with pytest.warns(UserWarning, match=r"names leaf\.png"):
        assert not load_mesh(tmp_path / "leaf.ply").has_color
    assert capfd.readouterr().err == ""


def test_vertex_colours_of_a_ply_are_kept(tmp_path: Path) -> None:
    box = trimesh.creation.box((1, 1, 1))
    box.visual.vertex_colors = np.tile([10, 20, 30, 255], (8, 1))
    box.export(tmp_path / "box.ply")

    mesh = load_mesh(tmp_path / "box.ply")

    assert mesh.has_color
    np.testing.assert_allclose(mesh.colors_at(np.array([5]), np.full((1, 3), 1 / 3)), [[10, 20, 30]])


def test_ply_without_faces_is_a_cloud_and_one_with_faces_a_mesh(tmp_path: Path) -> None:
    write_pointcloud(tmp_path / "cloud.ply", PointCloud(np.eye(3)))
    trimesh.creation.box().export(tmp_path / "box.ply", encoding="ascii")
    (tmp_path / "none.ply").write_text("ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nelement face 0\n"
                                       "property list uchar int vertex_indices\nend_header\n0\n")  # fmt: skip

    assert [is_mesh_file(tmp_path / name) for name in ("cloud.ply", "box.ply", "none.ply", "gone.ply")] == [
        False, True, False, False,
    ]  # fmt: skip
    assert is_mesh_file("gone.glb")
    assert not is_mesh_file("scene.pcd")


def test_thousands_of_components_are_read(tmp_path: Path) -> None:
    count = 3000
    lines = [f"v {i} {k} 0\n" for i in range(count) for k in (0, 1)] + [f"v {i} 0 1\n" for i in range(count)]
    faces = [f"f {2 * i + 1} {2 * i + 2} {2 * count + i + 1}\n" for i in range(count)]
    (tmp_path / "many.obj").write_text("".join(lines + faces))

    assert load_mesh(tmp_path / "many.obj").face_areas().sum() == pytest.approx(count / 2)


def test_buffer_that_is_missing_is_one_line(gltf, tmp_path: Path) -> None:
    path = gltf(lambda tree: tree["buffers"][0].update(uri="gone.bin"))

    with pytest.raises(MeshError, match=r"triangle\.gltf: cannot be read as \.gltf: ") as told:
        load_mesh(path)
    assert "\n" not in str(told.value)


def test_vertex_colours_under_a_white_material_count(gltf, tmp_path: Path) -> None:
    def color(tree):
        tree["materials"] = [{"pbrMetallicRoughness": {"metallicFactor": 0}}]
        tree["meshes"][0]["primitives"][0] |= {"material": 0, "attributes": {"POSITION": 0, "COLOR_0": 1}}
        data = np.tile(np.array([0.2, 0.4, 0.6], "<f4"), 3).tobytes()
        (tmp_path / "colors.bin").write_bytes(data)
        tree["buffers"].append({"uri": "colors.bin", "byteLength": len(data)})
        tree["bufferViews"].append({"buffer": 1, "byteLength": len(data)})
        tree["accessors"].append({"bufferView": 1, "componentType": 5126, "count": 3, "type": "VEC3"})

    mesh = load_mesh(gltf(color))

    np.testing.assert_allclose(mesh.colors_at(np.zeros(1, int), np.eye(3)[:1]), [[51, 102, 153]], atol=1e-4)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("empty.glb", b"", "the file is empty"),
        ("bad.glb", b"glTF" + bytes(40), "cannot be read as .glb"),
        ("bad.gltf", b"{", "cannot be read as .gltf"),
        ("bad.stl", b"\x01" * 200, "bad.stl: "),
        ("bad.off", b"OFF\nnonsense", "bad.off: "),
        ("points.obj", b"v 0 0 0\nv 1 1 1\n", "points.obj: "),
        ("nan.obj", b"v 0 0 0\nv nan 0 0\nv 0 1 0\nf 1 2 3\n", "1 of 1 faces have NaN or infinite corners"),
        ("beyond.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "beyond.obj: "),
        ("huge.obj", b"v 0 0 0\nv 1e300 0 0\nv 0 1e300 0\nf 1 2 3\n", "too large for areas"),
        ("cut.ply", b"ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
                    b"element face 1\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n1 0 0\n", "cut.ply: "),
        ("scene.pcd", b"x", "'.pcd' is no suffix of a mesh"),
    ],
)  # fmt: skip
def test_what_is_no_mesh_is_refused_in_one_line(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(MeshError) as error:
        load_mesh(tmp_path / name)
    assert told in str(error.value)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    (tmp_path / "folder.glb").mkdir()
    with pytest.raises(FileNotFoundError, match=r"gone\.glb: no such file"):
        load_mesh(tmp_path / "gone.glb")
    with pytest.raises(MeshError, match="not a regular file"):
        load_mesh(tmp_path / "folder.glb")


def test_missing_trimesh_names_the_extra(two_boxes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "trimesh", None)
    with pytest.raises(ImportError, match=r"point-sam\[mesh\]"):
        load_mesh(two_boxes)
