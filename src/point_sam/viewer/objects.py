"""An accepted object, and the label image of several."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int32, UInt64

from point_sam.session import Click

MAX_NAME = 80  # characters


@dataclass(frozen=True, eq=False)
class SegmentedObject:
    """One object that somebody accepted.

    Attributes:
        id: from 1 on; its label in exported files.
        name: one line of 1 to 80 printable characters.
        color: 0..255.
        bits: the mask, packed (`point_sam.automatic.packed`).
        num_points: N of the scene.
        area: points of the mask.
        iou_score: predicted IoU; None where it is not known, as of labels read from a PLY file.
        clicks: that made it, in the scene's units; empty where they are not known.
        visible: whether it is shown. Exports hold it in any case.
    """

    id: int
    name: str
    color: tuple[int, int, int]
    bits: UInt64[np.ndarray, " W"]
    num_points: int
    area: int
    iou_score: float | None = None
    clicks: tuple[Click, ...] = ()
    visible: bool = True

    @classmethod
    def of(
        cls,
        id: int,
        mask: Bool[np.ndarray, " N"],
        *,
        name: str | None = None,
        color: tuple[int, int, int] | None = None,
        iou_score: float | None = None,
        clicks: Sequence[Click] = (),
        visible: bool = True,
    ) -> "SegmentedObject":
        """From a mask; None gives the usual name ("object 3") and the palette's colour.

        Raises:
            ValueError: an empty mask, an id below 1, or what `check_name` refuses.
        """
        raise NotImplementedError

    @property
    def mask(self) -> Bool[np.ndarray, " N"]:
        """The mask, unpacked."""
        raise NotImplementedError


def check_name(name: str) -> str:
    """The name without white space around it.

    Raises:
        ValueError: nothing left, more than 80 characters, or some that cannot be printed.
    """
    raise NotImplementedError


def label_image(objects: Sequence[SegmentedObject], num_points: int) -> Int32[np.ndarray, " N"]:
    """The id of the object at every point, 0 where there is none. Where objects overlap, the later one counts."""
    raise NotImplementedError
