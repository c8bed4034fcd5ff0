"""Composed solids behind the interface of every labelled dataset."""

from collections import Counter

import numpy as np

from point_sam.datasets import LabeledCloud, LabeledDataset
from recipes.solids.compose import compose

_FAMILY = "composed solids"


class WithSolids:
    """A dataset with composed solids beside the clouds that it has for training.

    All solids are one family. The trainer draws a family as often as the square root of its size says, so their number
    follows from the share that they shall have. Each is composed anew whenever it is read, always the same.

    Args:
        dataset: labelled clouds.
        share: of the clouds drawn for training from the split "train", 0 to 0.9.
        num_points: of every solid, at least 64.

    Raises:
        ValueError: share is out of range.
    """

    def __init__(self, dataset: LabeledDataset, share: float, *, num_points: int = 2048) -> None:
        if not 0 <= share <= 0.9:
            raise ValueError(f"share is {share}; it must lie in [0, 0.9]")
        self.dataset, self.num_points = dataset, num_points
        sizes = Counter(dataset.families[row] for row in dataset.split("train"))
        drawn = sum(np.sqrt(list(sizes.values())))
        self.num_solids = round((share / (1 - share) * drawn) ** 2)
        self.names = [*dataset.names, *(f"solid {number}" for number in range(self.num_solids))]
        self.families = [*dataset.families, *([_FAMILY] * self.num_solids)]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> LabeledCloud:
        """The cloud of the dataset, or the solid."""
        if index < len(self.dataset):
            return self.dataset[index]
        return compose(np.random.default_rng(index - len(self.dataset)), self.num_points)

    def split(self, name: str) -> list[int]:
        """The dataset's rows of a split; in "train" and "all" the solids too."""
        solids = range(len(self.dataset), len(self)) if name in ("train", "all") else ()
        return [*self.dataset.split(name), *solids]
