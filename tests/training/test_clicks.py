"""Simulated clicks of whole batches against the exact rule, mask by mask."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from point_sam.ops.clicks import next_click
from point_sam.training.clicks import ClickSimulator


def masks(rng: np.random.Generator, coords: np.ndarray, count: int) -> np.ndarray:
    """Half-spaces, balls, scattered points, nothing, and everything."""
    kinds = {
        "half": lambda xyz: xyz @ rng.normal(size=3) > rng.uniform(-1, 1),
        "ball": lambda xyz: np.linalg.norm(xyz - rng.uniform(-1, 1, 3), axis=1) < rng.uniform(0.1, 1),
        "scattered": lambda xyz: rng.random(len(xyz)) < rng.random(),
        "nothing": lambda xyz: np.zeros(len(xyz), bool),
        "everything": lambda xyz: np.ones(len(xyz), bool),
    }
    return np.stack([[kinds[rng.choice(list(kinds))](cloud) for _ in range(count)] for cloud in coords])


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from([5, 30, 500]))
def test_clouds_within_the_sample_get_the_exact_clicks(seed: int, num_points: int) -> None:
    rng = np.random.default_rng(seed)
    coords = rng.uniform(-1, 1, (2, num_points, 3)).astype(np.float32)
    targets, predicted = masks(rng, coords, 4), masks(rng, coords, 4)
    targets[~targets.any(-1), 0] = True
    predicted[0, 0] = targets[0, 0]

    simulator = ClickSimulator(torch.from_numpy(coords), torch.from_numpy(targets))

    for answer in (None, predicted):
        points, labels = simulator.next(None if answer is None else torch.from_numpy(answer))
        for b, m in np.ndindex(2, 4):
            index, positive = next_click(coords[b], targets[b, m], None if answer is None else answer[b, m])
            np.testing.assert_array_equal(points[b, m], coords[b, index])
            assert bool(labels[b, m]) == positive


def test_perfect_answer_gets_the_first_click_again() -> None:
    coords = torch.rand(2, 500, 3)
    targets = coords.mT > 0.6
    simulator = ClickSimulator(coords, targets)

    first, _ = simulator.next(None)
    again, labels = simulator.next(targets)

    torch.testing.assert_close(first, again)
    assert labels.all()


def test_error_outside_the_sample_still_gets_a_click_on_it() -> None:
    coords = torch.rand(1, 2000, 3)
    target = torch.zeros(1, 1, 2000, dtype=torch.bool)
    target[..., 1990:] = True
    point, label = ClickSimulator(coords, target).next(None)
    torch.testing.assert_close(point[0, 0], coords[0, 1990])
    assert label.item() == 1


def test_error_within_the_sample_comes_before_one_outside_it() -> None:
    coords = torch.rand(1, 2000, 3)
    target = torch.zeros(1, 1, 2000, dtype=torch.bool)
    target[..., 1990:] = True
    predicted = torch.zeros_like(target)
    predicted[..., 5] = True
    point, label = ClickSimulator(coords, target).next(predicted)
    torch.testing.assert_close(point[0, 0], coords[0, 5])
    assert label.item() == 0
