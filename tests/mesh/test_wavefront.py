"""OBJ files: which faces come under which names, with which colours, and what is wrong with a damaged one."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from point_sam.mesh.surfaces import Surface
from point_sam.mesh.wavefront import read_obj_surfaces

_POINT = np.zeros(1, int), np.full((1, 3), 1 / 3)
_SQUARE = "v 0 {y} 0\nv 1 {y} 0\nv 1 {y} 1\nv 0 {y} 1\nf -4/1 -3/2 -2/3 -1/4\n"


@pytest.fixture
def chair(tmp_path: Path) -> Path:
    """Three squares of a red, a textured and an unknown material."""
    Image.new("RGB", (2, 2), (0, 255, 0)).save(tmp_path / "green.png")
    (tmp_path / "chair.mtl").write_text(
        "newmtl red\nKd 1 0 0\nnewmtl leaf\nKd 0 0 0\nmap_Kd -s 1 1 1 C:\\textures\\green.png\n"
    )
    names = [("o seat", "red"), ("o back\ng rest", "leaf"), ("g leg", "none")]
    squares = [f"{name}\nusemtl {material}\n" + _SQUARE.format(y=y) for y, (name, material) in enumerate(names)]
    path = tmp_path / "chair.obj"
    path.write_text("mtllib chair.mtl\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n" + "".join(squares))
    return path


def colors(path: Path) -> list[list[float]]:
    """At the middle of each surface's first face."""
    return [surface.color.at(*_POINT)[0].round().tolist() for _, surface in read_obj_surfaces(path)]


def heights(surface: Surface) -> list[float]:
    return np.unique(surface.vertices[surface.faces][..., 1]).tolist()


def test_faces_come_under_object_group_and_material(chair: Path) -> None:
    found = read_obj_surfaces(chair)
    assert [names for names, _ in found] == [("seat", "", "red"), ("back", "rest", "leaf"), ("back", "leg", "none")]
    assert [heights(surface) for _, surface in found] == [[0], [1], [2]]


def test_image_hides_the_black_colour_beside_it_and_an_unknown_material_has_none(chair: Path) -> None:
    assert colors(chair)[:2] == [[255, 0, 0], [0, 255, 0]]
    assert [surface.color.known for _, surface in read_obj_surfaces(chair)] == [True, True, False]


def test_damaged_image_leaves_the_plain_colour(chair: Path) -> None:
    (chair.parent / "green.png").write_bytes(b"no picture")
    assert colors(chair)[1] == [0, 0, 0]


def test_polygons_are_cut_into_triangles_of_the_same_area(chair: Path) -> None:
    for _, surface in read_obj_surfaces(chair):
        assert surface.face_areas().tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("v 0 0\n", "line 1 cannot be read: 'v 0 0'"),
        ("v 0 0 0\nf 1 x 2\n", "line 2"),
        ("v 0 0 0\nf 1 2 3\n", "names vertex 3 of 1"),
        ("v 0 0 0\n", "holds no faces"),
        ("", "holds no faces"),
    ],
)
def test_damaged_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "a.obj"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        read_obj_surfaces(path)
