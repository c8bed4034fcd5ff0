from pathlib import Path

import numpy as np
import pytest

from recipes.objects.obj import read_obj
from recipes.objects.pieces import UnusableModelError

_POINT = np.zeros(1, int), np.full((1, 3), 1 / 3)


def grid(path: Path, names: list[str]) -> Path:
    """A unit square for each line of names, such as `o seat` or `usemtl red`."""
    lines = []
    for k, name in enumerate(names):
        lines += [*name.split("; "), f"v {k} 0 0", f"v {k} 1 0", f"v {k} 0 1", "f -3 -2 -1"]
    path.write_text("\n".join(lines))
    return path


def test_objects_are_parts_with_the_colours_of_their_materials(obj: Path) -> None:
    model = read_obj(obj)
    assert model.label_kind == "obj_object"
    assert [piece.part for piece in model.pieces] == ["seat", "back", "leg"]
    seat, back, leg = (piece.mesh.color for piece in model.pieces)
    np.testing.assert_allclose(seat.at(*_POINT), [[255, 0, 0]])
    np.testing.assert_allclose(back.at(*_POINT), [[0, 255, 0]])  # the image, not the black Kd beside it
    assert not leg.known


def test_y_up_is_turned_to_z_up(obj: Path) -> None:
    heights = [piece.mesh.vertices[:, 2].mean() for piece in read_obj(obj, y_up=True).pieces]
    assert heights == [0, 1, 2]


@pytest.mark.parametrize(
    ("names", "kind", "parts"),
    [
        (["o a", "o b", "o c"], "obj_object", ["a", "b", "c"]),
        (["o a; g x", "g y", "g z"], "obj_group", ["x", "y", "z"]),
        (["o a; g x", "g y", "o b; g x", "g y"], "obj_object+group", ["a|x", "a|y", "b|x", "b|y"]),
        (["o a; usemtl r", "usemtl s", "usemtl t"], "obj_material", ["r", "s", "t"]),
    ],
)
def test_parts_are_named_by_the_first_level_that_tells_three_apart(
    tmp_path: Path, names: list[str], kind: str, parts: list[str]
) -> None:
    model = read_obj(grid(tmp_path / "a.obj", names))
    assert (model.label_kind, [piece.part for piece in model.pieces]) == (kind, parts)


def test_too_many_objects_give_way_to_groups(tmp_path: Path) -> None:
    names = [f"o {k}; usemtl {'rst'[k % 3]}" for k in range(40)]
    assert read_obj(grid(tmp_path / "a.obj", names)).label_kind == "obj_material"


def test_two_parts_do_not_make_an_object(tmp_path: Path) -> None:
    with pytest.raises(UnusableModelError, match="fewer than three"):
        read_obj(grid(tmp_path / "a.obj", ["o a", "o b"]))
