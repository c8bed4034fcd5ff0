"""Balls of an octree, against brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import cKDTree

from point_sam.ops import Octree, octree

# Whole numbers of few values: points that coincide, lie on a line or in a plane come up often.
CLOUDS = arrays(np.float32, st.tuples(st.integers(1, 80), st.just(3)), elements=st.integers(-4, 4).map(float))
RADII = st.floats(0, 9)


def within(coords, center, radius):
    return ((coords - center) ** 2).sum(axis=1) <= radius**2


@given(CLOUDS, RADII, st.integers(0, 79))
def test_a_ball_of_few_points_gives_them_all(coords, radius, at):
    center = coords[at % len(coords)].astype(np.float64)

    sample = Octree(coords).sample_ball(center, radius, 100)

    np.testing.assert_array_equal(np.sort(sample.points), np.flatnonzero(within(coords, center, radius)))
    np.testing.assert_array_equal(sample.coords, coords[sample.points])
    assert sample.count == len(sample.points)


@given(CLOUDS, RADII, st.integers(0, 79), st.integers(1, 20))
def test_a_sample_is_bounded_distinct_inside_and_full(coords, radius, at, most):
    center = coords[at % len(coords)].astype(np.float64)
    inside = within(coords, center, radius)

    sample = Octree(coords).sample_ball(center, radius, most)

    assert inside[sample.points].all()
    assert len(np.unique(sample.points)) == len(sample.points) == min(most, inside.sum())
    assert sample.count >= inside.sum()


@given(CLOUDS, RADII, st.integers(0, 79), st.integers(1, 20))
def test_all_points_of_a_ball_take_the_value_of_the_nearest_of_the_sample(coords, radius, at, most):
    center = coords[at % len(coords)].astype(np.float64)
    tree = Octree(coords)
    sample = tree.sample_ball(center, radius, most)

    points, values = tree.spread(sample, np.arange(len(sample.points), dtype=np.float32))

    np.testing.assert_array_equal(np.sort(points), np.flatnonzero(within(coords, center, radius)))
    distance = np.linalg.norm(coords[points] - sample.coords[values.astype(int)], axis=1)
    expected = np.linalg.norm(coords[points][:, None] - sample.coords[None], axis=2).min(axis=1)
    np.testing.assert_allclose(distance, expected, rtol=1e-6)


def test_a_place_without_points_gives_an_empty_sample():
    tree = Octree(np.eye(3, dtype=np.float32))

    sample = tree.sample_ball(np.full(3, 9.0), 0.5, 10)

    assert len(sample.points) == sample.count == 0


@pytest.mark.parametrize("radius", [0.3, 2.0])
def test_a_sample_is_spread_evenly_whatever_the_density(radius):
    rng = np.random.default_rng(0)
    plane = np.c_[rng.uniform(-1, 1, (20_000, 2)), np.zeros(20_000)]
    dense = np.c_[rng.uniform(0, 0.1, (20_000, 2)), np.zeros(20_000)]  # half of all points in a 400th of the area
    coords = np.concatenate([plane, dense]).astype(np.float32)
    center = np.array([-0.2, -0.2, 0])

    sample = Octree(coords).sample_ball(center, radius, 500)

    inside = coords[within(coords, center, radius)]
    area = np.pi * radius**2 if radius < 1 else 4.0
    spacing = (area / 500) ** 0.5
    assert len(sample.points) == 500
    # Every point has one of the sample near it: a random choice would leave holes where the cloud is thin.
    assert cKDTree(sample.coords).query(inside)[0].max() < 4 * spacing
    assert (sample.coords[:, :2] > 0).all(axis=1).mean() < 0.4


def test_in_a_ball_of_very_many_points_those_of_a_cell_share_a_value(monkeypatch):
    coords = np.random.default_rng(0).uniform(-1, 1, (4000, 3)).astype(np.float32)
    tree = Octree(coords)
    sample = tree.sample_ball(np.zeros(3), 0.8, 200)
    values = sample.coords[:, 0].astype(np.float32)
    monkeypatch.setattr(octree, "_SPREAD", 100)

    points, shared = tree.spread(sample, values)

    assert len(np.unique(points)) == len(points)
    assert np.isin(np.flatnonzero(within(coords, np.zeros(3), 0.8)), points).all()
    assert np.abs(shared - coords[points, 0]).max() < 0.5
    assert np.corrcoef(shared, coords[points, 0])[0, 1] > 0.95


@given(st.permutations(range(60)))
def test_the_order_of_the_points_does_not_matter(order):
    coords = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    center = coords[0].astype(np.float64)

    one = Octree(coords).sample_ball(center, 1.5, 12)
    other = Octree(coords[order]).sample_ball(center, 1.5, 12)

    np.testing.assert_array_equal(one.coords, other.coords)


@pytest.mark.parametrize("count", [1, 2, 5000])
def test_points_that_coincide_are_in_one_ball(count):
    coords = np.full((count, 3), 0.25, np.float32)

    sample = Octree(coords).sample_ball(np.full(3, 0.25), 0.0, 100)

    assert len(sample.points) == min(count, 100)
    assert sample.holds(np.array([[0.25, 0.25, 0.25], [0.3, 0.25, 0.25]])).tolist() == [True, False]
