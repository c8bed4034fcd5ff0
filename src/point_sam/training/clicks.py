"""Simulated clicks for whole batches.

The rule is `ops.clicks.next_click`'s (farthest from the border of the larger error), but distances are measured
among the first points of each cloud only: points come in random order, so these are a random sample, and one small
distance matrix per cloud serves all its masks and rounds. Evaluation uses the exact rule.
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
        self.distances = torch.cdist(sample, sample)

    def next(self, predicted: Bool[Tensor, "B M N"] | None) -> tuple[Float[Tensor, "B M 3"], Int[Tensor, "B M"]]:
        """Places and labels (1 positive, 0 negative) of the next click on every mask."""
        if predicted is None:
            index, _ = self._farthest(self.targets)
            positive = torch.ones_like(index, dtype=torch.bool)
        else:
            missed, missed_depth = self._farthest(self.targets & ~predicted)
            added, added_depth = self._farthest(predicted & ~self.targets)
            again, _ = self._farthest(self.targets)
            wrong = (missed_depth >= 0) | (added_depth >= 0)
            positive = (missed_depth >= added_depth) | ~wrong
            index = torch.where(wrong, torch.where(positive, missed, added), again)
        points = self.coords.gather(1, index[..., None].expand(-1, -1, 3))
        return points, positive.long()

    def _farthest(self, regions: Bool[Tensor, "B M N"]) -> tuple[Int[Tensor, "B M"], Float[Tensor, "B M"]]:
        """The point of each region deepest inside it and its depth; depth 0 if the sample misses it, -1 if empty."""
        sample = regions[..., :_SAMPLE]
        depth = torch.empty(sample.shape)
        for distances, rows, out in zip(self.distances, sample, depth, strict=True):
            # Distance to the nearest sampled point outside the region; points outside have none.
            for row, target in zip(rows, out, strict=True):
                inside = row.nonzero().squeeze(1)
                target.fill_(-1.0)
                if len(inside) == len(row):
                    target.fill_(2.0)
                elif len(inside):
                    target[inside] = distances[inside][:, ~row].amin(1)
        value, index = depth.max(-1)
        missed = (value < 0) & regions.any(-1)
        return torch.where(missed, regions.float().argmax(-1), index), torch.where(missed, 0.0, value)
