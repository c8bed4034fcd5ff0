"""From prompt points to candidate masks that are worth comparing: predict, filter, pack, batch after batch."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Integer, UInt64
from torch import Tensor

from point_sam.automatic.packed import areas_of, pack
from point_sam.encoded import EncodedCloud
from point_sam.ops import farthest_point_sample
from point_sam.predictor import PointSAM

# Bytes of the logits that one batch of prompts may give.
_BUDGET = 96 << 20
# Prompts per batch at most: more are no faster, and progress would stand still.
_MOST_PROMPTS = 32
_CANDIDATES = 3


@dataclass(frozen=True, eq=False)
class Proposals:
    """Candidate masks of one cloud, none of them empty.

    Attributes:
        bits: packed masks, see `packed`.
        areas: points of each.
        iou_scores: predicted IoU of each.
        stability: stability score of each, in 0..1.
        prompts: index of the point that each was prompted with.
        whole: whether each saw the whole cloud and not a crop of it.
    """

    bits: UInt64[np.ndarray, "M W"]
    areas: Integer[np.ndarray, " M"]
    iou_scores: Float32[np.ndarray, " M"]
    stability: Float32[np.ndarray, " M"]
    prompts: Integer[np.ndarray, " M"]
    whole: Bool[np.ndarray, " M"]

    def __len__(self) -> int:
        return len(self.areas)

    def order(self) -> Integer[np.ndarray, " M"]:
        """Rows, the best first: those of crops, which saw more detail, then by predicted IoU, then as prompted."""
        return np.lexsort((-self.iou_scores, self.whole))

    def take(self, rows: Integer[np.ndarray, " K"] | Bool[np.ndarray, " M"]) -> "Proposals":
        """These rows."""
        return Proposals(**{name: values[rows] for name, values in vars(self).items()})


def spread_prompts(coords: Float[np.ndarray, "N 3"], count: int) -> Integer[np.ndarray, " P"]:
    """Indices of at most `count` points spread evenly, by farthest point sampling; no place twice."""
    points = torch.from_numpy(np.ascontiguousarray(coords))[None]
    index = farthest_point_sample(points, min(count, len(coords)))[0].numpy()
    # Once all places are taken, the sampling repeats index 0.
    return index[: 1 + np.flatnonzero(index)[-1]] if index.any() else index[:1]


def propose(
    model: PointSAM,
    encoded: EncodedCloud,
    prompts: Integer[np.ndarray, " P"],
    *,
    iou_threshold: float,
    stability_threshold: float,
    stability_offset: float,
    points: Integer[np.ndarray, " S"] | None = None,
    report: Callable[[int], None] = lambda done: None,
) -> Proposals:
    """The candidates of one positive click on each of these points that pass the filters.

    Beside the packed masks that pass, memory does not grow with the number of prompts.

    Args:
        model: the model.
        encoded: the cloud.
        prompts: indices of its points.
        iou_threshold: lowest predicted IoU.
        stability_threshold, stability_offset: lowest stability; see `stability_of`.
        points: indices of the points of which masks tell; None: of all.
        report: told after every batch how many prompts are done.
    """
    coords = encoded.geometry.coords[0].cpu().numpy()[prompts] * encoded.scale + encoded.center
    told = encoded if points is None else _at_points(encoded, points)
    step = max(1, min(_MOST_PROMPTS, _BUDGET // (4 * _CANDIDATES * told.num_points)))
    parts = [_nothing(told.num_points)]
    for start in range(0, len(prompts), step):
        clicks = coords[start : start + step, None]
        logits, scores = model.predict_encoded(told, clicks, np.ones(clicks.shape[:2], np.int64))
        source = np.repeat(prompts[start : start + step], _CANDIDATES)
        parts.append(_filter(logits, scores, source, iou_threshold, stability_threshold, stability_offset))
        report(min(start + step, len(prompts)))
    return join(parts)


def join(parts: list[Proposals]) -> Proposals:
    """Proposals for one cloud, one after the other."""
    return Proposals(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])})


def stability_of(logits: Float[Tensor, "M N"], offset: float) -> Float[Tensor, " M"]:
    """How little a mask depends on the threshold (segment-anything, `calculate_stability_score`).

    The IoU of the masks where the logits are above +offset and above -offset; 0 where both are empty.
    """
    high = (logits > offset).sum(1)
    low = (logits > -offset).sum(1)
    return high / low.clamp_min(1)


def _nothing(num_points: int) -> Proposals:
    none = np.zeros(0, np.int64)
    scores = none.astype(np.float32)
    return Proposals(pack(np.zeros((0, num_points), bool)), none, scores, scores, none, none.astype(bool))


def _at_points(encoded: EncodedCloud, points: Integer[np.ndarray, " S"]) -> EncodedCloud:
    """The same tokens, which answer for some of the points only. Not for mask prompts, which are for all."""
    index = torch.from_numpy(points).to(encoded.device)
    geometry = encoded.geometry
    return replace(
        encoded,
        geometry=replace(
            geometry,
            coords=geometry.coords[:, index],
            interp_index=geometry.interp_index[:, index],
            interp_weight=geometry.interp_weight[:, index],
        ),
    )


def _filter(
    logits: Float[Tensor, "P C N"],
    scores: Float[Tensor, "P C"],
    source: Integer[np.ndarray, " M"],
    iou_threshold: float,
    stability_threshold: float,
    stability_offset: float,
) -> Proposals:
    rows = (scores.flatten() >= iou_threshold).nonzero()[:, 0]
    flat = logits.flatten(0, 1)[rows]
    stability = stability_of(flat, stability_offset)
    masks = flat > 0
    good = (stability >= stability_threshold) & masks.any(1)
    chosen = rows[good].cpu().numpy()
    bits = pack(masks[good].cpu().numpy())
    return Proposals(
        bits=bits,
        areas=areas_of(bits),
        iou_scores=scores.flatten().cpu().numpy()[chosen],
        stability=stability[good].cpu().numpy(),
        prompts=source[chosen],
        whole=np.ones(len(chosen), bool),
    )
