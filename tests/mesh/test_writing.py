import json
from pathlib import Path

import numpy as np
import pytest

from point_sam.mesh import Mesh, MeshError, Paint, load_mesh, paint_parts, part_meshes, write_mesh
from point_sam.mesh.colors import UNKNOWN, PerCorner, Textured, uniform
from point_sam.mesh.surfaces import Surface

trimesh = pytest.importorskip("trimesh")
_ORANGE = Paint((255, 120, 0), 0.5)
_MIDDLE = np.full((1, 3), 1 / 3)
SUFFIXES = (".glb", ".obj", ".ply")


def square(z: float, color: object) -> Surface:
    corners = np.array([[0, 0, z], [1, 0, z], [1, 1, z], [0, 1, z]])
    return Surface(corners, np.array([[0, 1, 2], [0, 2, 3]]), color)


@pytest.fixture
def colorful() -> Mesh:
    """Four squares above each other: texture (left half red, right half blue), corners, material, no colour."""
    uv = np.array([[[0.1, 0.5], [0.1, 0.5], [0.1, 0.5]], [[0.9, 0.5], [0.9, 0.5], [0.9, 0.5]]])
    image = np.array([[[200, 0, 0], [0, 0, 200]]] * 2, np.uint8)
    rgb = np.array([[[10.0, 20, 30]] * 3, [[40.0, 50, 60]] * 3])
    colors = [Textured(uv, image), PerCorner(rgb), uniform((7, 8, 9)), UNKNOWN]
    return Mesh.of([(f"square{k}", square(float(k), color)) for k, color in enumerate(colors)])


def by_place(mesh: Mesh) -> dict[tuple[float, ...], list[float]]:
    """Colour in the middle of each face, by where the middle is."""
    centers = mesh.vertices[mesh.faces].mean(axis=1).round(4)
    rgb = mesh.colors_at(np.arange(len(mesh.faces)), np.tile(_MIDDLE, (len(mesh.faces), 1))).round(3)
    return {tuple(center): color for center, color in zip(centers.tolist(), rgb.tolist(), strict=True)}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_written_is_read_back_with_its_colours(colorful: Mesh, tmp_path: Path, suffix: str) -> None:
    write_mesh(tmp_path / f"out{suffix}", colorful)
    read = by_place(load_mesh(tmp_path / f"out{suffix}"))

    wanted = by_place(colorful)
    assert read.keys() == wanted.keys()
    for place, color in wanted.items():
        np.testing.assert_allclose(read[place], color, atol=0.5)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_painted_part_is_blended_and_the_rest_keeps_its_colours(colorful: Mesh, tmp_path: Path, suffix: str) -> None:
    labels = np.array([1, 0] * 4)

    painted, painted_labels = paint_parts(colorful, labels, {1: _ORANGE})
    write_mesh(tmp_path / f"out{suffix}", painted, painted_labels)
    read = by_place(load_mesh(tmp_path / f"out{suffix}"))

    assert sorted(painted_labels) == sorted(labels)
    for k, (place, color) in enumerate(by_place(colorful).items()):
        expected = (np.array(color) + _ORANGE.rgb) / 2 if labels[k] else color
        np.testing.assert_allclose(read[place], expected, atol=1)


def test_labels_of_faces_stand_in_the_ply_the_groups_of_the_obj_and_the_nodes_of_the_glb(
    colorful: Mesh, tmp_path: Path
) -> None:
    painted, labels = paint_parts(colorful, np.array([3, 3, 3, 3, 5, 5, 5, -1]), {})
    for suffix in SUFFIXES:
        write_mesh(tmp_path / f"out{suffix}", painted, labels)

    ply = trimesh.load_mesh(tmp_path / "out.ply", process=False)
    np.testing.assert_array_equal(ply.metadata["_ply_raw"]["face"]["data"]["label"].ravel(), labels)
    groups = [line for line in (tmp_path / "out.obj").read_text().splitlines() if line.startswith("g ")]
    assert groups == ["g label_-1", "g label_3", "g label_3", "g label_5", "g label_5"]
    chunk = (tmp_path / "out.glb").read_bytes()[12:]
    nodes = json.loads(chunk[8 : 8 + int.from_bytes(chunk[:4], "little")])["nodes"]
    extras = {node["name"]: node["extras"]["label"] for node in nodes}
    assert extras == {
        "square3 label -1": -1,
        "square0 label 3": 3,
        "square1 label 3": 3,
        "square2 label 5": 5,
        "square3 label 5": 5,
    }


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_coordinates_far_from_the_origin_keep_their_digits(tmp_path: Path, suffix: str) -> None:
    matrix = np.eye(4)
    matrix[:3, 3] = 2_600_000.123, 1_200_000.456, 400
    mesh = Mesh.of([("square", square(0.0, UNKNOWN).moved(matrix))])

    write_mesh(tmp_path / f"far{suffix}", mesh)
    read = load_mesh(tmp_path / f"far{suffix}")

    np.testing.assert_allclose(np.unique(read.vertices, axis=0), np.unique(mesh.vertices, axis=0), rtol=0, atol=1e-6)


def test_parts_together_are_the_mesh(colorful: Mesh) -> None:
    parts = part_meshes(colorful, np.array([2, 0, 2, 2, 0, 0, 0, 0]))

    assert list(parts) == [0, 2]
    assert parts[2].names == ("square0", "square1")
    together = {**by_place(parts[0]), **by_place(parts[2])}
    assert together == by_place(colorful)


def test_one_texture_is_written_once_for_each_paint(colorful: Mesh, tmp_path: Path) -> None:
    many = Mesh.of([(str(k), square(float(k), colorful.colors[0])) for k in range(20)])

    write_mesh(tmp_path / "many.glb", many)

    assert (tmp_path / "many.glb").read_bytes().count(b"\x89PNG") == 1


def test_many_paints_over_a_texture_share_its_pixels_and_keep_its_places(colorful: Mesh, tmp_path: Path) -> None:
    image = np.repeat(np.repeat(np.array([[[200, 0, 0], [0, 0, 200]]], np.uint8), 64, axis=0), 32, axis=1)
    surface = square(0.0, Textured(colorful.colors[0].uv, image))
    many = Mesh.of([(str(k), Surface(surface.vertices + k, surface.faces, surface.color)) for k in range(16)])
    labels = np.repeat(np.arange(16), 2)
    paints = {k: Paint((0, 10 * k, 0), 0.5) for k in range(1, 16)}

    write_mesh(tmp_path / "many.glb", *paint_parts(many, labels, paints))

    scene = trimesh.load_scene(tmp_path / "many.glb", process=False)
    sizes = sorted(g.visual.material.baseColorTexture.size for g in scene.geometry.values())
    assert sizes == [(17, 17)] * 15 + [(64, 64)]  # 64 / sqrt(15); what bears no paint stays
    colors = by_place(load_mesh(tmp_path / "many.glb"))
    for place, color in by_place(paint_parts(many, labels, paints)[0]).items():
        np.testing.assert_allclose(colors[place], color, atol=1)


def test_unknown_suffix_wrong_labels_and_missing_folder(colorful: Mesh, tmp_path: Path) -> None:
    with pytest.raises(MeshError, match=r"out\.stl: meshes are written as \.glb \.obj \.ply"):
        write_mesh(tmp_path / "out.stl", colorful)
    with pytest.raises(MeshError, match="3 labels for 8 faces"):
        write_mesh(tmp_path / "out.glb", colorful, np.zeros(3, int))
    with pytest.raises(ValueError, match="3 labels for 8 faces"):
        paint_parts(colorful, np.zeros(3, int), {})
    with pytest.raises(MeshError, match="beyond the 32 bits"):
        write_mesh(tmp_path / "out.ply", colorful, np.full(8, 1 << 40))
    with pytest.raises(FileNotFoundError):
        write_mesh(tmp_path / "gone" / "out.glb", colorful)
    assert list(tmp_path.iterdir()) == []
