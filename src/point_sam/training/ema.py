"""The average of the trained weights: what is validated and written."""

import copy

import torch

from point_sam.model import PointSAMModel


def average_of(model: PointSAMModel) -> PointSAMModel:
    """A copy of the network, without gradients, in evaluation mode."""
    return copy.deepcopy(model).requires_grad_(False).eval()


@torch.no_grad()
def follow(average: PointSAMModel, model: PointSAMModel, *, decay: float, step: int) -> None:
    """Move `average` towards `model`.

    Args:
        average: changed in place.
        model: of the same architecture. What has no gradient never changed, and is passed over.
        decay: 0..1; 0 copies.
        step: number of the step, from 0. In the first ones the decay is (1 + step) / (10 + step) at most, so that the
            starting weights do not linger (the rule of TensorFlow's ExponentialMovingAverage).
    """
    decay = min(decay, (1 + step) / (10 + step))
    for ours, theirs in zip(average.parameters(), model.parameters(), strict=True):
        if theirs.requires_grad:
            ours.lerp_(theirs, 1 - decay)
