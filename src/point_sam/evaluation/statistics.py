"""Figures of merit of interactive segmentation, and their uncertainty."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64
from scipy.stats import rankdata

NOC_THRESHOLDS = (0.80, 0.85, 0.90)
# A click that costs more IoU than this counts as lost.
LOSS = 0.05


def clicks_needed(iou: Float64[np.ndarray, "M K"], threshold: float) -> Int64[np.ndarray, " M"]:
    """The number of clicks (1..K) after which the IoU first reaches the threshold; K where it never does."""
    reached = iou >= threshold
    return np.where(reached.any(1), reached.argmax(1) + 1, iou.shape[1])


def lost_share(iou: Float64[np.ndarray, "M K"]) -> float | None:
    """The share of the clicks after the first that cost more than `LOSS`; None where there is none."""
    return float((np.diff(iou, axis=1) < -LOSS).mean()) if iou.shape[1] > 1 else None


def join_ragged(parts: Sequence[Float64[np.ndarray, "_ _"]]) -> Float64[np.ndarray, "M C"]:
    """Rows of several lengths below each other, the shorter ones filled up with NaN."""
    width = max(part.shape[1] for part in parts)
    return np.concatenate(
        [np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=np.nan) for part in parts]
    )


def bootstrap_interval(
    values: list[Float64[np.ndarray, "_ K"]], *, seed: int, confidence: float, resamples: int
) -> list[tuple[float, float]]:
    """Percentile bootstrap (Efron, 1979) of the mean over all rows, whole objects drawn with replacement.

    Masks of one object are not independent, so objects are what is drawn; an object of many masks keeps its weight.

    Args:
        values: one array per object.
        seed: of the draws.
        confidence: share of the draws inside the interval.
        resamples: number of draws.

    Returns:
        Lower and upper end for each column.
    """
    sums = np.stack([value.sum(0) for value in values])
    counts = np.array([len(value) for value in values], dtype=float)
    objects = len(values)
    draws = np.random.default_rng(seed).multinomial(objects, np.full(objects, 1 / objects), size=resamples)
    means = (draws @ sums) / (draws @ counts)[:, None]
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def correlation(a: Float64[np.ndarray, " n"], b: Float64[np.ndarray, " n"]) -> float | None:
    """Pearson's, or None where one of the two is constant."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def mean_rank_correlation(a: Float64[np.ndarray, "M C"], b: Float64[np.ndarray, "M C"]) -> float | None:
    """Spearman's, within each row, then the mean over the rows in which neither is constant; None if there is none.

    It asks whether a score ranks the candidates of one click, whatever it says of other clicks. Ties share their rank.
    NaN fills up the rows of clicks with fewer.
    """
    varied = (np.nanmax(a, axis=1) > np.nanmin(a, axis=1)) & (np.nanmax(b, axis=1) > np.nanmin(b, axis=1))
    if not varied.any():
        return None
    x, y = (_standardised(rankdata(values[varied], axis=1, nan_policy="omit")) for values in (a, b))
    return float(np.nanmean(x * y, axis=1).mean())


def _standardised(ranks: Float64[np.ndarray, "M C"]) -> Float64[np.ndarray, "M C"]:
    return (ranks - np.nanmean(ranks, axis=1, keepdims=True)) / np.nanstd(ranks, axis=1, keepdims=True)
