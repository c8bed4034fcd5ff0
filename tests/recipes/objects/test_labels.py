from collections.abc import Sequence

import numpy as np
import pytest

from point_sam.mesh.surfaces import Surface
from recipes.objects.labels import label_pieces, usable_pieces
from recipes.objects.pieces import Model, Piece, UnusableModelError
from recipes.objects.primitives import plain


def square(area: float) -> Surface:
    side = np.sqrt(area)
    return plain([[0, 0, 0], [side, 0, 0], [side, side, 0], [0, side, 0]], [[0, 1, 2], [0, 2, 3]])


def model(parts: Sequence[tuple[str, str, float]], **options: object) -> Model:
    return Model([Piece(part, fine, square(area)) for part, fine, area in parts], "link", **options)  # type: ignore[arg-type]


def test_parts_and_fine_parts_keep_their_names() -> None:
    labels, fines, kind = label_pieces(model([("a", "a/0", 1), ("a", "a/1", 1), ("b", "b/0", 1), ("c", "c/0", 1)]))
    assert labels == ["a", "a", "b", "c"]
    assert fines == ["a/0", "a/1", "b/0", "c/0"]
    assert kind == "link"


def test_part_below_the_smallest_share_is_left_out() -> None:
    labels, fines, _ = label_pieces(model([("a", "a", 1), ("b", "b", 1), ("c", "c", 1), ("dust", "dust", 0.01)]))
    assert labels == ["a", "b", "c", None]
    assert fines == ["a", "b", "c", None]


def test_small_fine_parts_go_together_as_the_rest_of_their_part() -> None:
    parts = [("a", "a/0", 1), ("a", "a/1", 0.005), ("a", "a/2", 0.005), ("b", "b", 1), ("c", "c", 1)]
    labels, fines, _ = label_pieces(model(parts))
    assert labels[:3] == ["a", "a", "a"]
    assert fines[:3] == ["a/0", "a/_rest", "a/_rest"]


def test_tiny_bolted_links_become_part_of_what_carries_them() -> None:
    parts = [("a", "a", 1), ("b", "b", 1), ("c", "c", 1), ("screw", "screw", 0.005), ("cap", "cap", 0.005)]
    bolted = {"screw": "plate", "plate": "b", "cap": "screw"}  # the plate has no surface of its own
    labels, _, _ = label_pieces(model(parts, fixed_parent=bolted))
    assert labels == ["a", "b", "c", "b", "b"]


def test_bolts_in_a_circle_end() -> None:
    parts = [("a", "a", 1), ("b", "b", 1), ("c", "c", 1), ("x", "x", 0.005)]
    labels, _, _ = label_pieces(model(parts, fixed_parent={"x": "y", "y": "z", "z": "y"}))
    assert labels == ["a", "b", "c", None]


def test_fine_parts_stand_in_where_the_coarse_ones_are_too_few() -> None:
    labels, fines, kind = label_pieces(model([("a", "a/0", 1), ("a", "a/1", 1), ("b", "b/0", 1)]))
    assert labels == fines == ["a/0", "a/1", "b/0"]
    assert kind == "link+geom/material"


def test_fewer_than_three_parts_are_refused() -> None:
    with pytest.raises(UnusableModelError, match="only 2 parts"):
        label_pieces(model([("a", "a", 1), ("b", "b", 1)]))


def test_pieces_without_surface_or_with_infinite_coordinates_are_unusable() -> None:
    good, flat = Piece("a", "a", square(1)), Piece("b", "b", square(0))
    empty = Piece("c", "c", plain(np.zeros((0, 3)), np.zeros((0, 3), int)))
    endless = Piece("d", "d", plain([[0, 0, 0], [np.inf, 0, 0], [0, 1, 0]], [[0, 1, 2]]))
    assert usable_pieces([good, flat, empty, endless]) == [good]
