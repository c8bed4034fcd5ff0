"""Two baselines without a network: what a model must beat to be worth its weights."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64, Real

from point_sam.evaluation.segmenters import Answer, Interaction


class NearestClick:
    """Every point takes the label of its nearest click, the earlier of two as near. One click gives everything."""

    @property
    def settings(self) -> dict[str, Any]:
        """The name; there is nothing to set."""
        return {"model": "nearest click"}

    def start(self, coords: Float[np.ndarray, "N 3"], rgb: Real[np.ndarray, "N 3"] | None, count: int) -> Interaction:
        """Colour is not looked at."""
        return _NearestClickInteraction(coords, count)


class BestSphere:
    """The ball round the first click whose radius gives the best IoU with the truth, whatever is clicked later.

    An upper bound on all that answers one click with a ball: the radius is chosen knowing the mask.
    """

    @property
    def settings(self) -> dict[str, Any]:
        """The name, and that the truth is seen."""
        return {"model": "best sphere", "sees_truth": True}

    def start(self, coords: Float[np.ndarray, "N 3"], rgb: Real[np.ndarray, "N 3"] | None, count: int) -> Interaction:
        """Colour is not looked at."""
        return _BestSphereInteraction(coords)


class _NearestClickInteraction:
    def __init__(self, coords: Float[np.ndarray, "N 3"], count: int) -> None:
        self._coords = coords.astype(np.float64)
        self._distance = np.full((count, len(coords)), np.inf)
        self._masks = np.zeros((count, len(coords)), dtype=bool)

    def click(self, points: Float[np.ndarray, "M 3"], labels: Bool[np.ndarray, " M"]) -> Answer:
        for row, (point, label) in enumerate(zip(points, labels, strict=True)):
            distance = _squared_distance(self._coords, point)
            nearer = distance < self._distance[row]
            self._distance[row, nearer] = distance[nearer]
            self._masks[row, nearer] = label
        return _only(self._masks.copy())


class _BestSphereInteraction:
    def __init__(self, coords: Float[np.ndarray, "N 3"]) -> None:
        self._coords = coords.astype(np.float64)
        self._truth: Bool[np.ndarray, "M N"] | None = None
        self._masks: Bool[np.ndarray, "M N"] | None = None

    def reveal(self, masks: Bool[np.ndarray, "M N"]) -> None:
        self._truth = masks

    def click(self, points: Float[np.ndarray, "M 3"], labels: Bool[np.ndarray, " M"]) -> Answer:
        if self._truth is None:
            raise ValueError("the best sphere needs the true masks: call reveal before the first click")
        if self._masks is None:
            pairs = zip(points, self._truth, strict=True)
            self._masks = np.stack([_best_sphere(self._coords, point, truth) for point, truth in pairs])
        return _only(self._masks)


def _best_sphere(
    coords: Float64[np.ndarray, "N 3"], centre: Float[np.ndarray, "3"], truth: Bool[np.ndarray, " N"]
) -> Bool[np.ndarray, " N"]:
    """The ball of best IoU; the smaller of two as good."""
    distance = _squared_distance(coords, centre)
    order = np.argsort(distance, kind="stable")
    radii = distance[order]
    hits = np.cumsum(truth[order])
    iou = hits / (np.arange(1, len(order) + 1) + truth.sum() - hits)
    # A radius takes in all points at that distance or none.
    iou[:-1][radii[:-1] == radii[1:]] = -1
    return distance <= radii[iou.argmax()]


def _squared_distance(coords: Float64[np.ndarray, "N 3"], point: Float[np.ndarray, "3"]) -> Float64[np.ndarray, " N"]:
    return ((coords - point.astype(np.float64)) ** 2).sum(1)


def _only(masks: Bool[np.ndarray, "M N"]) -> Answer:
    return Answer(masks[:, None], None, np.zeros(len(masks), dtype=int))
