import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from point_sam.ops import nearest, neighbors
from point_sam.ops.neighbors import _search_tiles, _search_tree

COORDINATES = st.lists(st.tuples(*[st.integers(-2, 2)] * 3), min_size=1, max_size=30)


def brute_force(query: np.ndarray, points: np.ndarray, k: int) -> np.ndarray:
    squared = ((query[:, None].astype(np.float64) - points[None].astype(np.float64)) ** 2).sum(-1)
    return np.argsort(squared, axis=1, kind="stable")[:, :k]


@settings(deadline=None, max_examples=60)
@given(COORDINATES, COORDINATES, st.data())
def test_ties_go_to_the_lowest_index_on_both_paths(query, points, data):
    query, points = np.array(query, np.float32), np.array(points, np.float32)
    k = data.draw(st.integers(1, len(points)))
    expected = brute_force(query, points, k)
    for search in (_search_tree, _search_tiles):
        distance, index = search(torch.from_numpy(query), torch.from_numpy(points), k)
        np.testing.assert_array_equal(index, expected)
        np.testing.assert_allclose(distance, np.linalg.norm(query[:, None] - points[expected], axis=-1), rtol=1e-6)


@pytest.mark.parametrize("tile", [64, 1 << 20])
def test_both_paths_agree_in_tiles(tile, monkeypatch):
    monkeypatch.setattr(neighbors, "_TILE", tile)
    rng = np.random.default_rng(0)
    query, points = (torch.from_numpy(rng.normal(size=(n, 3)).astype(np.float32)) for n in (37, 200))
    for search in (_search_tree, _search_tiles):
        distance, index = search(query, points, 16)
        np.testing.assert_array_equal(index, brute_force(query.numpy(), points.numpy(), 16))
        assert (distance.diff(dim=1) >= 0).all()


def test_a_grid_where_every_query_is_full_of_ties():
    axis = np.arange(6, dtype=np.float32)
    grid = np.stack(np.meshgrid(axis, axis, axis), -1).reshape(-1, 3)
    points = torch.from_numpy(np.concatenate([grid, grid]))[None]
    _, index = nearest(points, points, 20)
    np.testing.assert_array_equal(index[0], brute_force(points[0].numpy(), points[0].numpy(), 20))


def test_clouds_of_a_batch_are_searched_apart():
    rng = np.random.default_rng(0)
    query, points = (torch.from_numpy(rng.normal(size=(2, n, 3)).astype(np.float32)) for n in (5, 30))
    distance, index = nearest(query, points, 4)
    assert (distance.dtype, index.dtype) == (torch.float32, torch.int64)
    for b in range(2):
        np.testing.assert_array_equal(index[b], brute_force(query[b].numpy(), points[b].numpy(), 4))


@pytest.mark.parametrize("k", [0, 4])
def test_impossible_k_is_refused(k):
    with pytest.raises(ValueError, match=rf"k is {k}; it must lie in \[1, 3\]"):
        nearest(torch.zeros(1, 2, 3), torch.zeros(1, 3, 3), k)


def test_different_devices_are_refused():
    with pytest.raises(ValueError, match="query is on cpu but points are on meta"):
        nearest(torch.zeros(1, 2, 3), torch.zeros(1, 3, 3, device="meta"), 1)
