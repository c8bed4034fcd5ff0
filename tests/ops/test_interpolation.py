import numpy as np
import pytest
import torch

from point_sam.ops import gather_points, interpolation_weights


def test_weights_are_inverse_squared_distances():
    centers = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [9, 9, 9]]])
    index, weight = interpolation_weights(torch.tensor([[[0.5, 0, 0]]]), centers)
    assert index.tolist() == [[[0, 1, 2]]]
    inverse = np.array([4, 4, 1 / 4.25])
    np.testing.assert_allclose(weight[0, 0], inverse / inverse.sum(), rtol=1e-6)


def test_a_point_on_a_centre_takes_its_value_and_divides_by_no_zero():
    centers = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]])
    index, weight = interpolation_weights(centers, centers)
    assert torch.isfinite(weight).all()
    assert index[0, :, 0].tolist() == [0, 1, 2]
    np.testing.assert_allclose(weight[0, :, 0], 1, atol=1e-7)


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_centres(count):
    points = torch.rand(1, 10, 3, generator=torch.Generator().manual_seed(0))
    index, weight = interpolation_weights(points, points[:, :count])
    assert index.shape == weight.shape == (1, 10, count)
    np.testing.assert_allclose(weight.sum(-1), 1, rtol=1e-6)


def test_coinciding_centres_share_the_weight():
    _, weight = interpolation_weights(torch.zeros(1, 4, 3), torch.zeros(1, 3, 3))
    np.testing.assert_allclose(weight, 1 / 3, rtol=1e-6)


@pytest.mark.parametrize("expanded", [False, True])
def test_gathering_is_indexing_per_cloud(expanded):
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(1 if expanded else 3, 7, 2, generator=generator).expand(3, -1, -1)
    index = torch.randint(0, 7, (3, 4, 5), generator=generator)
    got = gather_points(values, index)
    assert got.shape == (3, 4, 5, 2)
    for b in range(3):
        assert torch.equal(got[b], values[b][index[b]])
