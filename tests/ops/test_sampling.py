import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from point_sam.ops import farthest_point_sample
from point_sam.ops.pruned_sampling import sample_pruned
from point_sam.ops.sampling import _sweep_numpy, _sweep_torch


def naive(points: np.ndarray, count: int) -> list[int]:
    """The definition, one point at a time."""
    chosen = [0]
    closest = [np.inf] * len(points)
    while len(chosen) < count:
        last = points[chosen[-1]]
        for i, point in enumerate(points):
            d = point - last
            closest[i] = min(closest[i], (d[0] * d[0] + d[1] * d[1]) + d[2] * d[2])
        chosen.append(int(np.argmax(closest)))
    return chosen


# Few values: many ties and duplicates.
GRIDS = st.lists(st.tuples(*[st.integers(-2, 2)] * 3), min_size=1, max_size=40)


@settings(deadline=None, max_examples=60)
@given(GRIDS, st.data())
def test_both_paths_follow_the_definition_through_ties(grid, data):
    points = np.array(grid, np.float32)
    count = data.draw(st.integers(1, len(points)))
    expected = naive(points, count)
    assert _sweep_numpy(points[None], count)[0].tolist() == expected
    assert _sweep_torch(torch.from_numpy(points)[None], count)[0].tolist() == expected
    assert sample_pruned(points, count).tolist() == expected


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("spread", ["surface", "grid", "line", "two clusters", "one place", "outlier"])
def test_pruning_changes_nothing_on_large_clouds(spread, dtype):
    rng = np.random.default_rng(0)
    points = {
        "surface": lambda: np.concatenate([rng.uniform(-1, 1, (40_000, 2)), rng.normal(0, 0.01, (40_000, 1))], axis=1),
        "grid": lambda: rng.integers(0, 34, (40_000, 3)) / 34,
        "line": lambda: np.linspace(0, 1, 40_000)[:, None] * [1, 0, 0],
        "two clusters": lambda: rng.normal(0, 0.01, (40_000, 3)) + rng.integers(0, 2, (40_000, 1)),
        "one place": lambda: np.full((40_000, 3), 0.1),
        "outlier": lambda: np.vstack([rng.normal(0, 1e-3, (39_999, 3)), [[1e4, 0, 0]]]),
    }[spread]().astype(dtype)
    expected = _sweep_numpy(points[None], 300)[0]
    sample = farthest_point_sample(torch.from_numpy(points)[None], 300)[0]
    np.testing.assert_array_equal(sample, expected)


def test_the_triton_kernel_follows_the_sweep():
    # In Triton's interpreter, which has to be asked for before the kernel is imported.
    program = """
import torch
from point_sam.ops.sampling import _sweep_torch
from point_sam.ops.triton_sampling import sample_triton
points = torch.randn(2, 1500, 3, generator=torch.Generator().manual_seed(0))
points[1] = (points[1] * 2).round()  # ties
assert torch.equal(sample_triton(points, 40), _sweep_torch(points, 40))
"""
    if importlib.util.find_spec("triton") is None and "CI" not in os.environ:
        pytest.skip("Triton is not installed")
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_random_points_in_a_batch_across_blocks(dtype, monkeypatch):
    monkeypatch.setattr("point_sam.ops.sampling._BLOCK", 64)
    points = np.random.default_rng(0).normal(size=(3, 150, 3)).astype(dtype)
    sample = farthest_point_sample(torch.from_numpy(points), 40)
    for b in range(3):
        assert sample[b].tolist() == naive(points[b], 40)
    assert torch.equal(_sweep_torch(torch.from_numpy(points), 40), sample)


def test_the_originals_samples_are_reproduced(reference):
    coords = torch.from_numpy(reference("cloud")["coords"])[None]
    for variant in ("base", "large", "knn_small", "voronoi_small"):
        expected = reference(variant)["fps_idx"]
        np.testing.assert_array_equal(_sweep_numpy(coords.numpy(), len(expected))[0], expected)
        np.testing.assert_array_equal(_sweep_torch(coords, len(expected))[0], expected)


@pytest.mark.parametrize("count", [0, 6, -1])
def test_impossible_counts_are_refused(count):
    with pytest.raises(ValueError, match=r"it must lie in \[1, 5\]"):
        farthest_point_sample(torch.zeros(1, 5, 3), count)


def test_a_single_point():
    assert farthest_point_sample(torch.ones(1, 1, 3), 1).tolist() == [[0]]
