import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from point_sam.clouds import PointCloudError, normalize


@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 20), st.just(3)), elements=st.floats(-1e100, 1e100, width=64)),
)
def test_result_is_inside_the_unit_ball_and_touches_it(xyz):
    coords, center, scale = normalize(xyz)
    norms = np.linalg.norm(coords.astype(np.float64), axis=1)
    assert coords.dtype == np.float32
    assert scale > 0
    assert norms.max() <= 1 + 1e-6
    assert norms.max() >= 1 - 1e-6 or bool((coords == 0).all())
    assert np.isfinite(center).all()


def test_it_is_minus_mean_over_largest_norm():
    xyz = np.array([[0.0, 0, 0], [2, 0, 0], [0, 4, 0]])
    coords, center, scale = normalize(xyz)
    centered = xyz - xyz.mean(axis=0)
    np.testing.assert_allclose(center, xyz.mean(axis=0))
    assert scale == pytest.approx(np.linalg.norm(centered, axis=1).max())
    np.testing.assert_allclose(coords, centered / scale, atol=1e-7)


def test_utm_coordinates_keep_their_millimetres():
    local = np.random.default_rng(0).uniform(-1, 1, (500, 3))
    coords, _, scale = normalize(local + np.array([500_000.0, 5_400_000.0, 300.0]))
    expected, _, local_scale = normalize(local)
    assert scale == pytest.approx(local_scale, abs=1e-6)
    np.testing.assert_allclose(coords, expected, atol=1e-6)


@pytest.mark.parametrize("count", [1, 3, 7, 1000])
def test_points_that_coincide_have_scale_one(count):
    coords, center, scale = normalize(np.tile([0.1, 5_400_000.7, -3.3], (count, 1)))
    assert scale == 1.0
    assert not coords.any()
    assert center.tolist() == [0.1, 5_400_000.7, -3.3]


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e150, 1e300])
def test_extreme_sizes_neither_overflow_nor_vanish(size):
    coords, _, scale = normalize(np.array([[-size, 0, 0], [size, 0, 0]]))
    np.testing.assert_allclose(coords, [[-1, 0, 0], [1, 0, 0]])
    assert scale == pytest.approx(size, rel=1e-12)


@pytest.mark.parametrize(
    ("xyz", "reason"),
    [
        (np.array([[-1.7e308, 0, 0], [1.7e308, 0, 0]]), "too large"),
        (np.zeros((0, 3)), "no points"),
        (np.array([[np.nan, 0, 0]]), "NaN"),
    ],
)
def test_what_cannot_be_normalised_is_refused(xyz, reason):
    with pytest.raises(PointCloudError, match=reason):
        normalize(xyz)
