"""An octree over a cloud: bounded, even samples of any ball, and the way back from a sample to all points.

Points are sorted along a Morton curve (Morton 1966) of 2^21 cells an axis, so that every cell of every level is a run
of that order. A ball is walked from coarse cells to fine ones until it holds enough of them; its sample is one point of
each. But for points that coincide nothing here depends on the order in which the cloud came.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64, Integer
from scipy.spatial import cKDTree

from point_sam.ops.morton import FINE_BITS, fine_morton_codes

# A level of more cells than this share of the points is not kept: its cells hold hardly more than a point each.
_FINEST = 0.7
# Points of a ball up to which each takes the answer of the sample nearest to it; of more, each finest cell walked does.
_SPREAD = 1 << 17


@dataclass(frozen=True, eq=False)
class BallSample:
    """Points of a cloud in a ball, thinned evenly.

    Attributes:
        center, radius: of the ball, in the cloud's units.
        points: which points of the cloud, along the Morton curve.
        coords: theirs.
        starts, stops: runs of the octree's order that hold all points in the ball, and some just outside.
    """

    center: Float64[np.ndarray, "3"]
    radius: float
    points: Int64[np.ndarray, " M"]
    coords: Float64[np.ndarray, "M 3"]
    starts: Integer[np.ndarray, " C"]
    stops: Integer[np.ndarray, " C"]

    @property
    def count(self) -> int:
        """Points in the runs: those in the ball, or a few more."""
        return int((self.stops - self.starts).sum())

    @cached_property
    def tree(self) -> cKDTree:
        """Of the sample."""
        return cKDTree(self.coords, balanced_tree=False, compact_nodes=False)

    def holds(self, coords: Float[np.ndarray, "K 3"]) -> Bool[np.ndarray, " K"]:
        """Which of some places lie in the ball."""
        return _within(coords, self.center, self.radius * (1 + 1e-4))


class Octree:
    """The octree of one cloud: about 12 bytes a point, 0.6 s for a million points.

    Args:
        coords: finite, in any unit.
    """

    def __init__(self, coords: Float[np.ndarray, "N 3"]) -> None:
        self._coords = coords
        codes, extent = fine_morton_codes(coords)
        order = np.argsort(codes, kind="stable")
        codes = codes[order]
        self._order = order.astype(np.int32 if len(coords) < 2**31 else np.int64)
        # Of each level: where its cells start in the order, with the end of the last, the first child of each in the
        # next level, likewise, and how long a cell's diagonal is.
        self._starts = [np.array([0, len(coords)])]
        self._children: list[Int64[np.ndarray, " C"]] = []
        self._diagonal = [extent * 3**0.5]
        for level in range(1, FINE_BITS + 1):
            cells = codes >> np.uint64(3 * (FINE_BITS - level))
            starts = np.concatenate([[0], np.flatnonzero(cells[1:] != cells[:-1]) + 1, [len(coords)]])
            if len(starts) > max(_FINEST * len(coords), 8):
                break
            self._children.append(np.searchsorted(starts, self._starts[-1]))
            self._starts.append(starts)
            self._diagonal.append(self._diagonal[-1] / 2)

    def __len__(self) -> int:
        return len(self._coords)

    def sample_ball(self, center: Float[np.ndarray, "3"], radius: float, most: int) -> BallSample:
        """Points of a ball: all, or `most` of them, evenly thinned.

        Args:
            center, radius: in the cloud's units.
            most: points of the sample at most.
        """
        center = np.asarray(center, np.float64)
        cells = np.zeros(1, np.int64)
        for level, boundaries in enumerate(self._starts):
            starts, stops = boundaries[cells], boundaries[cells + 1]
            middle = self._order[(starts + stops) // 2]
            near = _within(self._coords[middle], center, radius + self._diagonal[level])
            cells, starts, stops, middle = cells[near], starts[near], stops[near], middle[near]
            inside = _within(self._coords[middle], center, radius)
            if inside.sum() >= most or level == len(self._starts) - 1:
                break
            children = self._children[level]
            cells = _runs(children[cells], children[cells + 1])
        if inside.sum() >= most:
            points = middle[inside]
        else:  # the finest cells together hold too few: point by point
            every = _runs(starts, stops)
            every = every[_within(self._coords[self._order[every]], center, radius)]
            points, starts, stops = self._order[every], every, every + 1
        if len(points) > most:
            points = points[np.arange(most) * len(points) // most]
        points = points.astype(np.int64)
        return BallSample(center, float(radius), points, self._coords[points].astype(np.float64), starts, stops)

    def spread(
        self, sample: BallSample, values: Float32[np.ndarray, " M"]
    ) -> tuple[Integer[np.ndarray, " P"], Float32[np.ndarray, " P"]]:
        """All points of a sample's ball, and of each the value of the sample nearest to it.

        In a ball of very many points those of a small cell share one value.
        """
        every = self._order[_runs(sample.starts, sample.stops)]
        if sample.count <= _SPREAD:
            every = every[_within(self._coords[every], sample.center, sample.radius)]
            return every, values[sample.tree.query(self._coords[every])[1]]
        middle = self._order[(sample.starts + sample.stops) // 2]
        nearest = sample.tree.query(self._coords[middle])[1]
        return every, np.repeat(values[nearest], sample.stops - sample.starts)


def _runs(starts: Integer[np.ndarray, " C"], stops: Integer[np.ndarray, " C"]) -> Integer[np.ndarray, " P"]:
    """The numbers of half-open runs, one run after another."""
    lengths = stops - starts
    ends = np.cumsum(lengths)
    return np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)


def _within(coords: np.ndarray, center: np.ndarray, radius: float) -> Bool[np.ndarray, " N"]:
    offset = coords - center
    return np.einsum("nd,nd->n", offset, offset) <= radius * radius
