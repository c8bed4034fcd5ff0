"""A cloud with a small thing in it, and its pyramid."""

import numpy as np
import pytest

from point_sam.pyramid import Pyramid


@pytest.fixture
def room():
    """4000 points in metres: a floor, and a block of 1000 points on it; the first one is on the block."""
    rng = np.random.default_rng(0)
    floor = rng.uniform([-4, -4, 0], [4, 4, 0.02], (3000, 3))
    block = rng.uniform([1, 1, 0], [1.4, 1.4, 0.5], (1000, 3))
    return np.concatenate([block, floor]) + np.array([1000, 2000, 50])


@pytest.fixture
def pyramid(model, room):
    return Pyramid(model, room, normalize=True)
