"""Simulated clicks for whole batches.

The rule is `ops.clicks.next_click`'s (farthest from the border of the larger error), but distances are measured
among the first points of each cloud only: points come in random order, so these are a random sample, and one small
distance matrix per cloud serves all its masks and rounds. Evaluation uses the exact rule. All masks are looked at
together, where the batch is and without waiting for it.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

# Points per cloud among which distances to the border are measured.
_SAMPLE = 768


class ClickSimulator:
    """Clicks on the masks of one batch; holds the distances among the sampled points."""

    def __init__(self, coords: Float[Tensor, "B N 3"], targets: Bool[Tensor, "B M N"]) -> None:
        self.coords = coords
        self.targets = targets
        sample = coords[:, :_SAMPLE]
        # The default goes by a matrix product, whose error is as large as the distance between neighbours.
        self._distances = torch.cdist(sample, sample, compute_mode="donot_use_mm_for_euclid_dist")
        self._middle = (sample - sample.mean(1, keepdim=True)).square().sum(-1).argmin(-1, keepdim=True)
        self._first, _ = self._deepest(targets, self._border_distance(targets))

    def next(self, predicted: Bool[Tensor, "B M N"] | None) -> tuple[Float[Tensor, "B M 3"], Int[Tensor, "B M"]]:
        """Places and labels (1 positive, 0 negative) of the next click on every mask."""
        index, positive = self._first, torch.ones_like(self._first, dtype=torch.bool)
        if predicted is not None:
            missed, added = self.targets & ~predicted, predicted & ~self.targets
            # One look at the borders of both: what is missed is not also added.
            border = self._border_distance(missed.int() - added.int())
            missed_index, missed_depth = self._deepest(missed, border)
            added_index, added_depth = self._deepest(added, border)
            wrong = (missed_depth >= 0) | (added_depth >= 0)
            positive = (missed_depth >= added_depth) | ~wrong
            index = torch.where(wrong, torch.where(positive, missed_index, added_index), self._first)
        points = self.coords.gather(1, index[..., None].expand(-1, -1, 3))
        return points, positive.long()

    def _border_distance(self, labels: Bool[Tensor, "B M N"] | Int[Tensor, "B M N"]) -> Float[Tensor, "B M S"]:
        """From every sampled point to the nearest one of another label; infinite where there is none."""
        sample = labels[..., :_SAMPLE]
        alike = sample[..., :, None] == sample[..., None, :]
        return self._distances[:, None].masked_fill(alike, torch.inf).amin(-1)

    def _deepest(
        self, regions: Bool[Tensor, "B M N"], border: Float[Tensor, "B M S"]
    ) -> tuple[Int[Tensor, "B M"], Float[Tensor, "B M"]]:
        """The point of each region deepest inside it and its depth; depth 0 if the sample misses it, -1 if empty."""
        sample = regions[..., :_SAMPLE]
        depth, index = border.masked_fill(~sample, -1.0).max(-1)
        index = torch.where(sample.all(-1), self._middle, index)
        unseen = (depth < 0) & regions.any(-1)
        # The first point of a region that the sample misses; argmax of integers is the first of the largest.
        return torch.where(unseen, regions.int().argmax(-1), index), torch.where(unseen, 0.0, depth)
