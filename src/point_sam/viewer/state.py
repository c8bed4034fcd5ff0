"""What an action on a workspace did, and what is to be seen there at one moment."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from point_sam.session import Click
from point_sam.viewer.objects import SegmentedObject


@dataclass(frozen=True)
class Event:
    """What an action did.

    Attributes:
        message: one line for the person.
        mask_changed: whether clicks, mask or candidates are others now.
        objects_changed: whether the list of objects is another now (names and visibility count).
    """

    message: str
    mask_changed: bool = False
    objects_changed: bool = False

    @property
    def changed(self) -> bool:
        """Whether anything did; False for a click on the background."""
        return self.mask_changed or self.objects_changed


@dataclass(frozen=True, eq=False)
class State:
    """Everything a picture or a file needs, at one moment; nothing changes it.

    Attributes:
        clicks: on the current object, in the scene's units.
        choices: which candidate was taken after each click.
        mask: of the current object; empty before the first click.
        iou_score: its predicted IoU; None before the first click.
        candidate_scores: predicted IoU of the candidates of the last click: three after the first click, one later.
        chosen: which of them is the mask; None before the first click.
        objects: from below to above: where two overlap, the later one is seen and labels the points.
        undo: what `undo` would take back, e.g. "accept object 3"; None if nothing.
    """

    clicks: tuple[Click, ...]
    choices: tuple[int, ...]
    mask: Bool[np.ndarray, " N"]
    iou_score: float | None
    candidate_scores: Float32[np.ndarray, " C"]
    chosen: int | None
    objects: tuple[SegmentedObject, ...]
    undo: str | None
