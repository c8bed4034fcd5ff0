"""One person's work on one scene: clicks on the current object, accepted objects, one undo for all of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int32

from point_sam.encoded import EncodedCloud
from point_sam.predictor import PointSAM
from point_sam.session import Click
from point_sam.viewer.objects import SegmentedObject
from point_sam.viewer.scene import Scene


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
        objects: accepted, in the order in which they were.
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

    @property
    def labels(self) -> Int32[np.ndarray, " N"]:
        """The label image of the objects, hidden ones included; see `label_image`."""
        raise NotImplementedError


class Workspace:
    """One person's work.

    Every action answers with an `Event` and may be called from any thread; they are carried out one after the other.
    `click`, `everything` and `resume` ask the model and belong into a `WorkQueue`; the others take milliseconds.
    Reading `state` never waits.

    Args:
        scene: what is segmented.
        model: the model.
        encoded: the scene, encoded by it; normalized or not.

    Raises:
        ValueError: other weights encoded the cloud, or it is another one than the scene's.
    """

    def __init__(self, scene: Scene, model: PointSAM, encoded: EncodedCloud) -> None:
        raise NotImplementedError

    @property
    def state(self) -> State:
        """The current state; later actions do not change it."""
        raise NotImplementedError

    def click(self, point: int | None, positive: bool = True) -> Event:
        """Click on a point of the scene (its index, as `pick` gives it). None is the background: nothing changes.

        A first click that is negative is not an error but an event that says so and changes nothing.

        Raises:
            ValueError: there is no such point.
        """
        raise NotImplementedError

    def choose(self, candidate: int) -> Event:
        """Take another candidate of the last click; undone with that click.

        Raises:
            ValueError: no such candidate.
        """
        raise NotImplementedError

    def step(self, by: int = 1) -> Event:
        """Take the next candidate, after the last the first again; -1 goes back."""
        raise NotImplementedError

    def undo(self) -> Event:
        """Take the last click, clear, accept, delete, rename or everything back."""
        raise NotImplementedError

    def clear(self) -> Event:
        """Drop the clicks on the current object."""
        raise NotImplementedError

    def accept(self, name: str | None = None) -> Event:
        """Make the current mask an object and begin the next. An empty mask changes nothing.

        Raises:
            ValueError: what `check_name` refuses.
        """
        raise NotImplementedError

    def delete(self, id: int) -> Event:
        """Drop an object.

        Raises:
            ValueError: there is no such object; so in `rename` and `show`.
        """
        raise NotImplementedError

    def rename(self, id: int, name: str) -> Event:
        """Give an object another name.

        Raises:
            ValueError: what `check_name` refuses.
        """
        raise NotImplementedError

    def show(self, id: int, visible: bool = True) -> Event:
        """Show or hide an object. Not a step of undo."""
        raise NotImplementedError

    def everything(self, progress: Callable[[int, int], object] | None = None, **options: Any) -> Event:
        """Add all that `MaskGenerator` finds as objects, the largest first, so that parts lie above what they are of.

        Args:
            progress: called with the clicks done and their number; what it raises ends the search and changes nothing.
            options: of `MaskGenerator`.
        """
        raise NotImplementedError

    def add(self, objects: Sequence[SegmentedObject]) -> Event:
        """Add objects, as `restore` gives them, above those that are there; an id that is taken becomes a new one.

        Raises:
            ValueError: they are of a cloud with another number of points.
        """
        raise NotImplementedError

    def resume(self, objects: Sequence[SegmentedObject], clicks: Sequence[Click], choices: Sequence[int]) -> Event:
        """Go on from a saved state: takes the place of everything here, replays the clicks. One step of undo.

        Raises:
            ValueError: clicks and choices do not fit each other or this cloud. Nothing has changed then.
        """
        raise NotImplementedError
