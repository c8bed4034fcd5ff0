import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from point_sam.mesh.colors import uniform
from point_sam.mesh.surfaces import Surface
from recipes.objects import primitives
from recipes.objects.pieces import Model, Piece, UnusableModelError
from recipes.objects.sampling import DENSE_POINTS, sample_model, stream
from recipes.objects.visibility import fibonacci_sphere, seen_from_outside


def boxes(*edges: float) -> Model:
    """Boxes a, b, c, ... in a row along x, ten apart."""
    pieces = []
    for k, edge in enumerate(edges):
        place = np.eye(4)
        place[0, 3] = 10 * k
        pieces.append(Piece("abcdef"[k], "abcdef"[k], primitives.box([edge] * 3).moved(place)))
    return Model(pieces, "link")


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0.3, 3), min_size=3, max_size=5), st.integers(0, 99))
def test_points_lie_on_their_part_in_the_number_that_its_area_asks_for(edges: list[float], seed: int) -> None:
    sample = sample_model(boxes(*edges), np.random.default_rng(seed))
    assert len(sample.xyz) == DENSE_POINTS
    shares = np.square(edges) / np.square(edges).sum()
    for number, name in enumerate(sample.part_names):
        k = "abcdef".index(name)
        mine = sample.xyz[sample.part == number] - [10 * k, 0, 0]
        np.testing.assert_allclose(np.abs(mine).max(axis=1), edges[k] / 2)
        assert abs(len(mine) / DENSE_POINTS - shares[k]) < 0.03


def test_points_spread_evenly_over_a_face() -> None:
    sample = sample_model(boxes(1, 1, 1), np.random.default_rng(0))
    top = sample.xyz[(sample.part == 0) & (sample.xyz[:, 2] > 0.499)]
    quarters = np.histogram2d(top[:, 0], top[:, 1], bins=2, range=[[-0.5, 0.5]] * 2)[0]
    assert quarters.min() > 0.8 * quarters.max()


def test_colours_are_those_of_the_pieces_and_grey_is_no_colour() -> None:
    plain = boxes(1, 1, 1)
    assert not sample_model(plain, np.random.default_rng(0)).has_color
    first = plain.pieces[0].mesh
    red = Surface(first.vertices, first.faces, uniform([300, 0, 0]))
    sample = sample_model(Model([Piece("a", "a", red), *plain.pieces[1:]], "link"), np.random.default_rng(0))
    assert sample.has_color
    assert np.unique(sample.rgb[sample.part == 0], axis=0).tolist() == [[255, 0, 0]]
    assert np.unique(sample.rgb[sample.part != 0], axis=0).tolist() == [[170, 170, 170]]


def test_stream_depends_on_the_names_alone() -> None:
    assert stream("a/b", "rest").random() == stream("a", "b", "rest").random()
    assert stream("a/b", "rest").random() != stream("a/b", "random").random()


def test_model_without_a_surface_or_without_most_of_its_meshes_is_refused() -> None:
    with pytest.raises(UnusableModelError, match="no visual geometry"):
        sample_model(Model([], "link"), np.random.default_rng(0))
    lacking = Model(boxes(1, 1, 1).pieces, "link", missing=("wheel.stl",))
    with pytest.raises(UnusableModelError, match=r"lacks 1 of its meshes, such as wheel\.stl"):
        sample_model(lacking, np.random.default_rng(0))


def test_point_inside_a_closed_box_is_hidden_and_one_on_it_is_seen() -> None:
    outer = primitives.box([2, 2, 2])
    inner = primitives.box([0.5, 0.5, 0.5])
    points = np.array([[1.0, 0.3, 0.2], [0.25, 0.1, 0.1], [0.1, 0.2, -1.0]])
    assert seen_from_outside([outer, inner], points).tolist() == [True, False, True]


def test_directions_are_unit_vectors_without_a_preferred_side() -> None:
    directions = fibonacci_sphere(32)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1)
    assert np.abs(directions.mean(axis=0)).max() < 0.05
