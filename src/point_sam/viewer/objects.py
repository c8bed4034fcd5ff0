"""An accepted object, and the label image of several."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int32, UInt64

from point_sam.automatic.packed import pack, unpack
from point_sam.picture.colors import palette
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
        if id < 1:
            raise ValueError(f"object id {id} is below 1; 0 is the label of points without object")
        area = int(np.count_nonzero(mask))
        if area == 0:
            raise ValueError(f"the mask of object {id} is empty; an object has at least one point")
        return cls(
            id=id,
            name=usual_name(id) if name is None else check_name(name),
            color=usual_color(id) if color is None else color,
            bits=pack(mask[None])[0],
            num_points=len(mask),
            area=area,
            iou_score=iou_score,
            clicks=tuple(clicks),
            visible=visible,
        )

    @property
    def mask(self) -> Bool[np.ndarray, " N"]:
        """The mask, unpacked."""
        return unpack(self.bits[None], self.num_points)[0]


def usual_name(id: int) -> str:
    """What an object is called until somebody gives it a name."""
    return f"object {id}"


def usual_color(id: int) -> tuple[int, int, int]:
    """From the palette of pictures, whose first colour is left to the current mask."""
    red, green, blue = np.rint(palette(np.array([id + 1]))[0]).astype(int).tolist()
    return red, green, blue


def check_name(name: str) -> str:
    """The name without white space around it.

    Raises:
        ValueError: nothing left, more than 80 characters, or some that cannot be printed.
    """
    name = name.strip()
    if not name:
        raise ValueError("the name is empty; give at least one character")
    if len(name) > MAX_NAME:
        raise ValueError(f"the name has {len(name)} characters; at most {MAX_NAME} are kept")
    if not name.isprintable():
        raise ValueError(f"the name {name!r} holds characters that cannot be printed; leave them out")
    return name


def label_image(objects: Sequence[SegmentedObject], num_points: int) -> Int32[np.ndarray, " N"]:
    """The id of the object at every point, 0 where there is none. Where objects overlap, the later one counts."""
    labels = np.zeros(num_points, np.int32)
    for item in objects:
        labels[item.mask] = item.id
    return labels
