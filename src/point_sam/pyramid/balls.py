"""Balls of a cloud, each sampled and encoded by itself: what a click is looked at in."""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8

from point_sam.encoded import EncodedCloud
from point_sam.ops import BallSample, Octree
from point_sam.predictor import PointSAM

# Points of a ball's sample: `tiny` groups no more.
SAMPLE = 8192
# Where a mask that reaches beyond this share of the radius may be one that the ball cuts off.
WALL = 0.85
# Neighbours by which points of a sample hang together.
_NEIGHBORS = 8
# Encoded balls that are kept, some 2 MB each with `tiny`: those of the last eight objects or so.
_KEPT = 48


@dataclass(frozen=True, eq=False)
class Ball:
    """A ball of a cloud, looked at by itself.

    Attributes:
        sample: its points, in the cloud's units.
        encoded: the sample, encoded.
        whole: whether it holds the whole cloud, so that nothing is cut off at its wall.
    """

    sample: BallSample
    encoded: EncodedCloud
    whole: bool

    @property
    def radius(self) -> float:
        """In the cloud's units."""
        return self.sample.radius

    def holds(self, clicks: Float64[np.ndarray, "K 3"]) -> Bool[np.ndarray, " K"]:
        """Which clicks lie in the ball. The whole cloud holds all: clicks may lie a little beyond its points."""
        return np.ones(len(clicks), bool) if self.whole else self.sample.holds(clicks)

    @cached_property
    def wall(self) -> Bool[np.ndarray, " M"]:
        """Which of the sample lie near the ball's border; none where there is nothing beyond."""
        if self.whole:
            return np.zeros(len(self.sample.points), bool)
        return np.linalg.norm(self.sample.coords - self.sample.center, axis=1) > WALL * self.radius

    @cached_property
    def neighbors(self) -> Int64[np.ndarray, "M k"]:
        """Of each point of the sample, those next to it in the sample."""
        count = min(_NEIGHBORS + 1, len(self.sample.points))
        return self.sample.tree.query(self.sample.coords, k=np.arange(1, count + 1))[1][:, 1:]

    def prompts(self, points: Float64[np.ndarray, "K 3"]) -> Float64[np.ndarray, "K 3"]:
        """Clicks as the encoding takes them: what lies a little outside the ball of the sample is moved onto it."""
        offset = points - self.encoded.center
        distance = np.linalg.norm(offset, axis=1, keepdims=True)
        inside = offset * np.minimum(1, self.encoded.scale / np.maximum(distance, 1e-30))
        return inside + self.encoded.center


class BallShelf:
    """The encoded balls of one cloud, made when asked for; the last used ones are kept. Threads may share it.

    Args:
        model: encodes.
        octree: of the cloud.
        rgb: colours 0..255 of all points, or None.
    """

    def __init__(self, model: PointSAM, octree: Octree, rgb: UInt8[np.ndarray, "N 3"] | None) -> None:
        self.model = model
        self.octree = octree
        self._rgb = rgb
        self._balls: OrderedDict[tuple[object, ...], Ball] = OrderedDict()
        self._nearest: OrderedDict[tuple[int, int], tuple[Ball, Ball, np.ndarray]] = OrderedDict()
        self._lock = Lock()

    def take(self, samples: list[BallSample], *, whole: int | None = None) -> list[Ball]:
        """The balls of these samples; those that are not kept are encoded, as one batch.

        Args:
            samples: of the cloud.
            whole: which of them holds the whole cloud.
        """
        keys = [self._key(sample) for sample in samples]
        with self._lock:
            found = {key: self._balls[key] for key in keys if key in self._balls}
        missing = {key: sample for key, sample in zip(keys, samples, strict=True) if key not in found}
        encoded = self.model.encode_all(
            [(s.coords, None if self._rgb is None else self._rgb[s.points]) for s in missing.values()], normalize=True
        )
        for (key, sample), cloud in zip(missing.items(), encoded, strict=True):
            found[key] = Ball(sample, cloud, whole=whole is not None and key == keys[whole])
        with self._lock:
            for key in keys:
                found[key] = self._balls.setdefault(key, found[key])
                self._balls.move_to_end(key)
            while len(self._balls) > _KEPT:
                self._balls.popitem(last=False)
        return [found[key] for key in keys]

    def nearest(self, ball: Ball, other: Ball) -> Int64[np.ndarray, " M"]:
        """Of each point of the other's sample, the nearest of the ball's sample; -1 where it lies outside the ball."""
        key = (id(ball), id(other))
        with self._lock:
            if key in self._nearest:
                self._nearest.move_to_end(key)
                return self._nearest[key][2]
        inside = ball.sample.holds(other.sample.coords)
        index = np.full(len(inside), -1)
        index[inside] = ball.sample.tree.query(other.sample.coords[inside])[1]
        with self._lock:
            self._nearest[key] = (ball, other, index)  # with the balls, so that no other can get their numbers
            while len(self._nearest) > 4 * _KEPT:
                self._nearest.popitem(last=False)
        return index

    def _key(self, sample: BallSample) -> tuple[object, ...]:
        return (*sample.center.tolist(), sample.radius, self.model.grouping)


def carry(
    index: Int64[np.ndarray, " M"], logits: Float32[np.ndarray, " P"], outside: float
) -> Float32[np.ndarray, " M"]:
    """Logits on one sample as logits on another, by `BallShelf.nearest`."""
    return np.where(index >= 0, logits[index], np.float32(outside))
