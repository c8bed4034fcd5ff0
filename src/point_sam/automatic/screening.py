"""Which prompts of a large cloud are worth an answer at every point: judged on a random choice of the points.

Most answers are thrown away: the model is not sure of them, or a better mask says the same. A random choice of points
tells so much sooner than all points do, and how sure it is: k of n points that are counted have a standard error of
sqrt(k (n - k) / n). What is not sure is left open, for every point to decide.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Integer

from point_sam.automatic.packed import common_points
from point_sam.automatic.proposals import Proposals, propose
from point_sam.encoded import EncodedCloud
from point_sam.predictor import PointSAM

# Standard errors by which a count must be beyond its threshold to be surely so: wrong in one of 44 close calls.
_DOUBT = 2.0


def screen(
    model: PointSAM,
    encoded: EncodedCloud,
    prompts: Integer[np.ndarray, " P"],
    *,
    num_points: int,
    iou_threshold: float,
    stability_threshold: float,
    stability_offset: float,
    nms_threshold: float,
    report: Callable[[int], None] = lambda done: None,
) -> Integer[np.ndarray, " Q"]:
    """Those of the prompts with a candidate that may be left after filters and suppression, in their order.

    A candidate is given up where its stability is surely too low, where it is surely too like a better one that surely
    stays, or where it holds none of the points chosen: masks of less than 1/2000 of the cloud may be lost so.

    Args:
        model: the model.
        encoded: a cloud of more than `num_points` points.
        prompts: indices of its points, at least one.
        num_points: on how many to judge, always the same ones.
        iou_threshold, stability_threshold, stability_offset, nms_threshold: see `MaskGenerator`.
        report: as of `propose`.
    """
    points = np.random.default_rng(0).choice(encoded.num_points, num_points, replace=False)
    found = propose(
        model,
        encoded,
        prompts,
        iou_threshold=iou_threshold,
        stability_threshold=0.0,
        stability_offset=stability_offset,
        points=np.sort(points),
        report=report,
    )
    # Stability is a share of the points above -offset, which are more than those of the mask: the error is not
    # underrated.
    stable = found.stability * found.areas
    error = _DOUBT * _standard_error(stable, found.areas)
    lowest = stability_threshold * found.areas
    possible = found.take(stable + error >= lowest)
    sure = (stable - error >= lowest)[stable + error >= lowest]
    return prompts[np.isin(prompts, possible.prompts[_may_stay(possible, sure, nms_threshold)])]


def _may_stay(found: Proposals, stable: Bool[np.ndarray, " M"], threshold: float) -> Integer[np.ndarray, " K"]:
    """Rows that suppression at every point may leave; `stable` are those that surely pass the filters before it."""
    rows: list[int] = []
    stays = np.zeros(len(found), bool)
    for row in found.order():
        better = np.array(rows, np.int64)
        common = common_points(found.bits[row], found.bits, better)
        union = found.areas[row] + found.areas[better] - common
        error = _DOUBT * _standard_error(common, union)
        if (stays[better] & (common - error > threshold * union)).any():
            continue
        rows.append(int(row))
        stays[row] = stable[row] and not (common + error > threshold * union).any()
    return np.array(rows, np.int64)


def _standard_error(
    counted: Float[np.ndarray, " M"] | Integer[np.ndarray, " M"], total: Integer[np.ndarray, " M"]
) -> Float[np.ndarray, " M"]:
    """Of a count out of a total; with one more on both sides, as all of a few points is not surely all of many."""
    return np.sqrt((counted + 1) * (total - counted + 1) / (total + 2))
