"""`MaskGenerator`: all objects and parts of a cloud without a click (after segment-anything's automatic mode)."""

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from point_sam.automatic.crops import Crop, split_cloud
from point_sam.automatic.labels import MaskList, MaskRecord
from point_sam.automatic.packed import areas_of, find_parents, pack, suppress, unpack
from point_sam.automatic.proposals import Proposals, join, propose, spread_prompts
from point_sam.automatic.regions import clean_mask, neighbor_graph
from point_sam.automatic.screening import screen
from point_sam.encoded import EncodedCloud, as_numpy
from point_sam.predictor import PointSAM

# Cleaning never touches regions of more than this share of a cloud, so that small clouds keep their parts.
_MOST_CLEANED = 0.01


@dataclass(frozen=True)
class MaskGenerator:
    """Finds all objects and parts: clicks on points all over the cloud, and what is left of the answers.

    Each click gives three candidates. Those with a low predicted IoU or a low stability are dropped, of those that
    overlap much only the best stays, and small islands and holes are cleaned away. Nothing is random.

    Args:
        model: the model.
        points_per_cloud: clicks, spread by farthest point sampling; fewer where there are fewer points. With `crops`,
            also for each crop.
        iou_threshold: lowest predicted IoU of a mask.
        stability_threshold: lowest stability of a mask: the IoU of the masks where its logits are above
            +stability_offset and above -stability_offset.
        stability_offset: in logits.
        nms_threshold: of two masks with a larger IoU than this, the one with the lower predicted IoU is dropped.
        min_region_points: islands and holes of a mask with fewer points are dropped and filled; at most 1% of the
            cloud's points counts. 0 leaves masks as they are.
        crops: overlapping blocks that are encoded again, each at the full number of groups, for large scenes; 0 for
            none. Their masks go before those of the whole cloud; those that a block's wall cuts are left out.
        crop_overlap: by which share of its extent a block reaches into its neighbours, 0 to 0.5.
        hierarchy: also tell which mask is a part of which.
        containment: share of a part's points that its parent must hold, above 0.5.
        screening_points: clicks on a cloud of more than twice as many points are answered at so many first, chosen at
            random but always the same, and at every point only where a mask may be left then. 0 answers all in full.

    Raises:
        ValueError: an option is outside its range.
    """

    model: PointSAM
    _: KW_ONLY
    points_per_cloud: int = 128  # not tuned: seconds on a CPU
    # Both: where recall and panoptic quality of held-out objects balance, docs/everything.md.
    iou_threshold: float = 0.5
    stability_threshold: float = 0.4
    stability_offset: float = 1.0  # segment-anything's
    nms_threshold: float = 0.7  # segment-anything's
    min_region_points: int = 25  # not tuned: half of the smallest part that evaluation counts
    crops: int = 0
    crop_overlap: float = 0.15  # not tuned
    hierarchy: bool = False
    containment: float = 0.9  # not tuned
    screening_points: int = 8192  # docs/performance.md compares with 0

    def __post_init__(self) -> None:
        for name, lowest in (("points_per_cloud", 1), ("min_region_points", 0), ("crops", 0), ("screening_points", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < lowest:
                raise ValueError(f"{name} is {value!r}; it must be a whole number from {lowest} on")
        for name, low, high in (
            ("iou_threshold", -math.inf, math.inf),
            ("stability_threshold", 0, 1),
            ("stability_offset", 0, math.inf),
            ("nms_threshold", 0, 1),
            ("crop_overlap", 0, 0.5),
            ("containment", 0.5, 1),
        ):
            value = getattr(self, name)
            if not (low <= value <= high and math.isfinite(value)):
                raise ValueError(f"{name} is {value!r}; it must be a finite number from {low:g} to {high:g}")

    def generate(
        self,
        coords: Any = None,
        rgb: Any = None,
        *,
        encoded: EncodedCloud | None = None,
        normalize: bool = False,
        progress: Callable[[int, int], object] | None = None,
    ) -> MaskList:
        """All masks of a cloud, the one with the best predicted IoU first.

        The model's current cloud stays what it is.

        Args:
            coords, rgb, normalize: a cloud, as `PointSAM.set_pointcloud` takes it; it is not encoded again where it is
                the model's current cloud. Without it, the model's current cloud is meant.
            encoded: an encoded cloud instead, such as one from a file; nothing is encoded then but crops, at the
                grouping that the model now has. With `crops` its coords are needed too, and its rgb.
            progress: called between pieces of work with the number of clicks done and of all clicks, while clicks are
                screened and masks are cleaned also with the same numbers again. What it raises ends the search.

        Returns:
            A list of records with segment-anything's keys, see `MaskRecord`; empty where no mask passes the filters.
            Jupyter draws it. Predicted IoU and stability are those before small regions were cleaned away.

        Raises:
            ValueError: there is no cloud, an input is misshaped, not finite or out of range, or `crops` without coords;
                `encoded` was made by other weights, or of other coords and rgb than those given.
        """
        encoded = self._encoded(coords, rgb, encoded, normalize)
        points = encoded.geometry.coords[0].cpu().numpy()
        given = None if coords is None else np.asarray(as_numpy(coords), np.float64)
        if self.crops and given is None:
            raise ValueError("crops encode pieces of the cloud again; pass coords (and rgb) to generate, or crops=0")
        blocks = split_cloud(points, self.crops, self.crop_overlap) if self.crops else []
        prompts = spread_prompts(points, self.points_per_cloud)
        asked = [_prompts_of(points, block, self.points_per_cloud) for block in blocks]
        clicks = _Clicks(len(prompts) + sum(map(len, asked)), progress)

        parts = [self._thin(self._propose(encoded, prompts, clicks))]
        for block, inner in zip(blocks, asked, strict=True):
            colors = None if rgb is None else as_numpy(rgb)[block.points]
            piece = self.model.encode(as_numpy(coords)[block.points], colors, normalize=True)
            parts.append(_place(self._thin(self._propose(piece, inner, clicks)), block, len(points)))
        found = self._thin(join(parts))
        found = self._thin(self._clean(found, points, clicks))
        where = encoded.units() if given is None else given
        records = self._records(found.take(np.argsort(-found.iou_scores, kind="stable")), where)
        return MaskList(records, where, encoded.rgb)

    def _encoded(self, coords: Any, rgb: Any, encoded: EncodedCloud | None, normalize: bool) -> EncodedCloud:
        model, current = self.model, self.model.current
        if encoded is not None:
            model.check_weights(encoded)
            if coords is not None and not encoded.is_of(coords, rgb):
                raise ValueError("encoded is of another cloud than coords and rgb; pass those that it was made from")
            return encoded.to(model.device)
        if coords is None:
            if rgb is not None:
                raise ValueError("rgb came without coords; pass both, or neither for the current cloud")
            if current is None:
                raise ValueError(
                    "there is no point cloud yet; call model.set_pointcloud(coords, rgb), or pass coords to generate"
                )
            return current
        return model.encode_if_new(coords, rgb, normalize=normalize)

    def _propose(self, encoded: EncodedCloud, prompts: np.ndarray, clicks: "_Clicks") -> Proposals:
        worth = prompts
        if self.screening_points and encoded.num_points > 2 * self.screening_points:
            worth = screen(
                self.model,
                encoded,
                prompts,
                num_points=self.screening_points,
                iou_threshold=self.iou_threshold,
                stability_threshold=self.stability_threshold,
                stability_offset=self.stability_offset,
                nms_threshold=self.nms_threshold,
                report=lambda done: clicks.tell(0),
            )
        clicks.skip(len(prompts) - len(worth))
        found = propose(
            self.model,
            encoded,
            worth,
            iou_threshold=self.iou_threshold,
            stability_threshold=self.stability_threshold,
            stability_offset=self.stability_offset,
            report=clicks.tell,
        )
        clicks.done += len(worth)
        return found

    def _thin(self, found: Proposals) -> Proposals:
        return found.take(suppress(found.bits, found.areas, found.order(), self.nms_threshold))

    def _clean(self, found: Proposals, points: Float[np.ndarray, "N 3"], clicks: "_Clicks") -> Proposals:
        smallest = min(self.min_region_points, int(_MOST_CLEANED * len(points)))
        if smallest < 2 or not len(found):
            return found
        graph = neighbor_graph(points)
        cleaned = []
        for row in found.bits:
            clicks.tell(0)
            cleaned.append(pack(clean_mask(unpack(row[None], len(points))[0], graph, smallest)[None]))
        bits = np.concatenate(cleaned)
        return replace(found, bits=bits, areas=areas_of(bits))

    def _records(self, found: Proposals, coords: Float[np.ndarray, "N 3"]) -> list[MaskRecord]:
        masks = unpack(found.bits, len(coords))
        records: list[MaskRecord] = [
            {
                "segmentation": masks[row],
                "area": int(found.areas[row]),
                "predicted_iou": float(found.iou_scores[row]),
                "stability_score": float(found.stability[row]),
                "point_coords": [coords[found.prompts[row]].tolist()],
                "point_index": int(found.prompts[row]),
            }
            for row in range(len(found))
        ]
        if self.hierarchy:
            for record, parent in zip(records, find_parents(found.bits, found.areas, self.containment), strict=True):
                record["parent"] = int(parent)
        return records


class _Clicks:
    """Counts the clicks of several clouds as one."""

    def __init__(self, total: int, progress: Callable[[int, int], object] | None) -> None:
        self.done = 0
        self._total = total
        self._progress = progress

    def skip(self, count: int) -> None:
        """So many need no answer of their own."""
        self.done += count
        if count:
            self.tell(0)

    def tell(self, done: int) -> None:
        if self._progress is not None:
            self._progress(self.done + done, self._total)


def _prompts_of(points: Float[np.ndarray, "N 3"], block: Crop, count: int) -> np.ndarray:
    """Prompts in the core of a block, as indices into the block."""
    core = np.flatnonzero(block.core)
    return core[spread_prompts(points[block.points[core]], count)]


def _place(found: Proposals, block: Crop, num_points: int) -> Proposals:
    """A block's masks on the whole cloud, without those that reach into the block's rim."""
    bits, kept = [], []
    for row in range(len(found)):
        mask = unpack(found.bits[row : row + 1], len(block.points))[0]
        if not mask[block.rim].any():
            full = np.zeros((1, num_points), bool)
            full[0, block.points] = mask
            bits.append(pack(full))
            kept.append(row)
    placed = found.take(np.array(kept, np.int64))
    return replace(
        placed,
        bits=np.concatenate(bits) if bits else pack(np.zeros((0, num_points), bool)),
        prompts=block.points[placed.prompts],
        whole=np.zeros(len(kept), bool),
    )
