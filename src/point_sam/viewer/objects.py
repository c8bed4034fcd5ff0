"""An accepted object, the list of them, and its label image."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int32, UInt64

from point_sam.automatic.packed import pack, unpack
from point_sam.picture.colors import palette
from point_sam.session import Click
from point_sam.viewer.scene import Scene

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


@dataclass(frozen=True, eq=False)
class ObjectList:
    """Objects from below to above, with ids of their own. Changes give another list.

    Attributes:
        items: the objects.
        next_id: of the next one; no object has had it, deleted ones included.
    """

    items: tuple[SegmentedObject, ...] = ()
    next_id: int = 1

    def find(self, id: int) -> SegmentedObject:
        """The object of that id.

        Raises:
            ValueError: there is none.
        """
        item = next((item for item in self.items if item.id == id), None)
        if item is None:
            raise ValueError(f"object {id} does not exist any more")
        return item

    def exchange(self, item: SegmentedObject) -> "ObjectList":
        """With an object in place of the one of its id."""
        return replace(self, items=tuple(item if other.id == item.id else other for other in self.items))

    def drop(self, id: int) -> "ObjectList":
        """Without the object of that id."""
        return replace(self, items=tuple(item for item in self.items if item.id != id))

    def add(self, objects: Sequence[SegmentedObject], *, below: bool = False) -> "ObjectList":
        """With more objects above (or below) the others; an id that is taken becomes a new one."""
        taken = {item.id for item in self.items}
        next_id = max([self.next_id, *(item.id + 1 for item in objects)])
        added = []
        for item in objects:
            if item.id in taken:
                item = replace(item, id=next_id)
                next_id += 1
            taken.add(item.id)
            added.append(item)
        return ObjectList((*added, *self.items) if below else (*self.items, *added), next_id)


def largest_first(areas: Iterable[int]) -> list[int]:
    """The order of masks of these areas in which parts lie above what they are of."""
    return [i for i, _ in sorted(enumerate(areas), key=lambda item: (-item[1], -item[0]))]


def check_sizes(objects: Sequence[SegmentedObject], scene: Scene) -> None:
    """Refuse objects of another cloud.

    Raises:
        ValueError: one is of another number of points.
    """
    for item in objects:
        if item.num_points != len(scene):
            raise ValueError(
                f"{item.name} is of a cloud of {item.num_points:,} points; {scene.name} has {len(scene):,}"
            )


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
