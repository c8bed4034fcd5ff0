"""The simulated user: where the next click on a mask falls (Point-SAM, section 3.4).

A click goes to the point of an error region that lies deepest inside it: the farthest from everything outside, by the
distance to its nearest neighbour there. Exact, by scipy's KD-tree in float64, O(N log N). Evaluation and the tests use
this; training approximates it for whole batches.
"""

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64
from scipy.spatial import cKDTree


def next_click(
    coords: Float[np.ndarray, "N 3"],
    target: Bool[np.ndarray, " N"],
    predicted: Bool[np.ndarray, " N"] | None = None,
) -> tuple[int, bool]:
    """The index of the next click, and whether it is positive.

    The first click (`predicted` None) is the deepest point of the mask. Each later one is the deepest point of the
    false negatives or of the false positives, whichever lies deeper: positive if it belongs to the mask. Where nothing
    is wrong any more the first rule holds again. A region that is the whole cloud has no border: its deepest point is
    the one nearest to its centroid, at infinite depth. Ties within a region go to the lowest index, between the two
    regions to the false negatives.

    Args:
        coords: in any unit, finite.
        target: the mask wanted, at least one point.
        predicted: the mask answered so far.

    Raises:
        ValueError: the target is empty, or shapes or types are not as above.
    """
    _check(coords, target, predicted)
    if predicted is None or np.array_equal(predicted, target):
        return _deepest(coords, target)[0], True
    missed, missed_depth = _deepest(coords, target & ~predicted)
    added, added_depth = _deepest(coords, predicted & ~target)
    return (missed, True) if missed_depth >= added_depth else (added, False)


def border_distance(
    coords: Float[np.ndarray, "N 3"], region: Bool[np.ndarray, " N"]
) -> tuple[Int64[np.ndarray, " R"], Float64[np.ndarray, " R"]]:
    """The region's points, ascending, and how far each is from the nearest point outside the region.

    Distances are in the unit of `coords`, and infinite if nothing lies outside.
    """
    points = np.asarray(coords, dtype=np.float64)
    index = np.flatnonzero(region)
    outside = points[~region]
    if not len(outside) or not len(index):
        return index, np.full(len(index), np.inf)
    # An unbalanced tree of uncompacted nodes is built several times faster and answers as fast.
    tree = cKDTree(outside, balanced_tree=False, compact_nodes=False)
    return index, tree.query(points[index])[0]


def _deepest(coords: Float[np.ndarray, "N 3"], region: Bool[np.ndarray, " N"]) -> tuple[int, float]:
    """The region's point farthest from its border, and that distance; depth -1 for an empty region."""
    index, distance = border_distance(coords, region)
    if not len(index):
        return -1, -1.0
    if len(index) == len(region):
        points = np.asarray(coords, dtype=np.float64)
        return int(((points - points.mean(0)) ** 2).sum(1).argmin()), np.inf
    best = int(distance.argmax())
    return int(index[best]), float(distance[best])


def _check(coords: np.ndarray, target: np.ndarray, predicted: np.ndarray | None) -> None:
    if coords.ndim != 2 or coords.shape[1] != 3:
        raise ValueError(f"coords have shape {coords.shape}; clicks need [N, 3]")
    for name, mask in (("target", target), ("predicted", predicted)):
        if mask is not None and (mask.shape != coords.shape[:1] or mask.dtype != bool):
            raise ValueError(
                f"{name} is {mask.dtype} of shape {mask.shape}; "
                f"it must be bool of shape {coords.shape[:1]}, one per point"
            )
    if not target.any():
        raise ValueError("target is an empty mask; there is nothing to click on")
