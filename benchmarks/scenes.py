"""Composed scenes of objects of held-out families (`recipes.scenes`) as labelled scans, always the same ones."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from point_sam.datasets.labeled import LabeledCloud
from point_sam.datasets.layouts.objects import ObjectCollection
from recipes.ranking.collect import FEWEST_POINTS, MOST_POINTS, picker
from recipes.scenes.compose import KINDS, Pick, compose

LEAST_POINTS = FEWEST_POINTS


@dataclass(frozen=True)
class Scene:
    """Which scene: the `number`-th of a kind, of objects of the collection that no training saw."""

    objects: Path
    kind: str
    number: int

    def compose(self) -> LabeledCloud:
        """It, of at most 60,000 points; the label `thing` says what to click on."""
        rng = np.random.default_rng([KINDS.index(self.kind), self.number])
        cloud = compose(self.kind, rng, _pick(self.objects), name=f"{self.kind}_{self.number}")
        if len(cloud) <= MOST_POINTS:
            return cloud
        kept = np.sort(rng.choice(len(cloud), MOST_POINTS, replace=False))
        labels = {name: values[kept] for name, values in cloud.labels.items()}
        rgb = None if cloud.rgb is None else cloud.rgb[kept]
        return LabeledCloud(cloud.xyz[kept], rgb, labels, name=cloud.name, family=cloud.family)


@cache
def _pick(path: Path) -> Pick:
    return picker(ObjectCollection.read(path), "val")
