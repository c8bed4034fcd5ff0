"""One person's work on one scene: clicks on the current object, accepted objects, one undo for all of it."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float32, Float64

from point_sam.automatic import MaskGenerator, MaskRecord
from point_sam.encoded import EncodedCloud
from point_sam.predictor import PointSAM
from point_sam.session import Click, Scales, Session
from point_sam.viewer.objects import ObjectList, SegmentedObject, check_name, check_sizes, largest_first
from point_sam.viewer.scene import Scene

_MOST_STEPS = 200
_MOST_UNDO_BYTES = 256 << 20  # of sessions that only undo still needs


@dataclass(frozen=True)
class Event:
    """What an action did.

    Attributes:
        message: one line for the person.
        changed: whether the state is another now; False for a click on the background.
    """

    message: str
    changed: bool = True


@dataclass(frozen=True, eq=False)
class State:
    """Everything a picture or a file needs, at one moment; nothing changes it.

    Attributes:
        clicks: on the current object, in the scene's units.
        choices: which candidate was taken after each click.
        mask: of the current object; empty before the first click.
        iou_score: its predicted IoU; None before the first click.
        candidate_scores: predicted IoU of the candidates of the last click.
        candidate_radii: of the balls in which they were seen, in the scene's units.
        scales: what the clicks were looked at in.
        chosen: which of them is the mask; None before the first click.
        objects: from below to above: where two overlap, the later one is seen and labels the points.
        undo: what `undo` would take back, e.g. "accept object 3"; None if nothing.
    """

    clicks: tuple[Click, ...]
    choices: tuple[int, ...]
    mask: Bool[np.ndarray, " N"]
    iou_score: float | None
    candidate_scores: Float32[np.ndarray, " C"]
    candidate_radii: Float64[np.ndarray, " C"]
    scales: Literal["balls", "whole"]
    chosen: int | None
    objects: tuple[SegmentedObject, ...]
    undo: str | None


class Workspace:
    """One person's work.

    Every action answers with an `Event` and may be called from any thread; they are carried out one after the other.
    `click`, `everything` and `resume` ask the model and belong into a `WorkQueue`. The others take milliseconds, but
    wait for a click that is being answered: none belongs on an event loop. Reading `state` never waits.

    Args:
        scene: what is segmented.
        model: the model.
        encoded: the scene, encoded by it.
        scales: what clicks are looked at in, see `Session`.

    Raises:
        ValueError: other weights encoded the cloud, or it is another one than the scene's.
    """

    def __init__(self, scene: Scene, model: PointSAM, encoded: EncodedCloud, scales: Scales = "auto") -> None:
        if encoded.cloud_fingerprint != scene.fingerprint:
            raise ValueError(f"the encoded cloud is not that of {scene.name}; encode the scene again")
        self.scene = scene
        self._model = model
        self._encoded = encoded
        self._scales = scales
        self._doing = threading.RLock()
        self._session = self._begin(scales)  # of the current object
        self._objects = ObjectList()
        self._steps: list[_Step] = []
        self._publish()

    @property
    def state(self) -> State:
        """The current state; later actions do not change it."""
        return self._state

    def click(self, point: int | None, positive: bool = True) -> Event:
        """Click on a point of the scene (its index, as `pick` gives it). None is the background: nothing changes.

        A first click that is negative is not an error but an event that says so and changes nothing.

        Raises:
            ValueError: there is no such point.
        """
        if point is None:
            return Event("that click hit the background; nothing changed", changed=False)
        if not 0 <= point < len(self.scene):
            raise ValueError(f"point {point} does not exist; {self.scene.name} has {len(self.scene):,}, from 0 on")
        with self._doing:
            if not positive and not self._state.clicks:
                return Event("click on the object first, then off it; nothing changed", changed=False)
            with self._undoable("click"):
                self._session.click(self.scene.xyz[point], positive)
            return self._mask_event()

    def choose(self, candidate: int) -> Event:
        """Take another candidate of the last click; undone with that click.

        Raises:
            ValueError: no such candidate.
        """
        with self._doing:
            self._session.choose(candidate)
            self._publish()
            return self._mask_event()

    def step(self, by: int = 1) -> Event:
        """Take the next candidate, after the last the first again; -1 goes back."""
        with self._doing:
            count, chosen = len(self._state.candidate_scores), self._state.chosen
            if chosen is None:
                return Event("there are no candidates yet; click first", changed=False)
            if count == 1:
                return Event("the last click has one candidate only", changed=False)
            return self.choose((chosen + by) % count)

    def undo(self) -> Event:
        """Take the last click, clear, accept, delete, rename or everything back."""
        with self._doing:
            if not self._steps:
                return Event("there is nothing to undo", changed=False)
            step = self._steps.pop()
            shown = {item.id: item.visible for item in self._objects.items}
            items = tuple(replace(item, visible=shown.get(item.id, item.visible)) for item in step.objects.items)
            self._session, self._objects = step.session, replace(step.objects, items=items)
            while len(self._session.prompts) > step.clicks:
                self._session.undo()
            self._publish()
            return Event(f"took back: {step.what}")

    def clear(self) -> Event:
        """Drop the clicks on the current object."""
        with self._doing:
            if not self._state.clicks:
                return Event("there are no clicks to clear", changed=False)
            with self._undoable("clear"):
                self._session = self._begin(self._scales)
            return Event("cleared the clicks")

    def accept(self, name: str | None = None) -> Event:
        """Make the current mask an object and begin the next. An empty mask changes nothing.

        Raises:
            ValueError: what `check_name` refuses.
        """
        with self._doing:
            state = self._state
            if not state.mask.any():
                return Event("there is nothing to accept: the mask is empty; click on an object first", changed=False)
            id = self._objects.next_id
            item = SegmentedObject.of(id, state.mask, name=name, iou_score=state.iou_score, clicks=state.clicks)
            with self._undoable(f"accept {item.name}"):
                self._objects = self._objects.add([item])
                self._session = self._begin(self._scales)
            return Event(f"accepted {item.name}: {_points(item.area)}")

    def delete(self, id: int) -> Event:
        """Drop an object.

        Raises:
            ValueError: there is no such object; so in `rename` and `toggle`.
        """
        with self._doing:
            item = self._objects.find(id)
            with self._undoable(f"delete {item.name}"):
                self._objects = self._objects.drop(id)
            return Event(f"deleted {item.name}")

    def rename(self, id: int, name: str) -> Event:
        """Give an object another name.

        Raises:
            ValueError: what `check_name` refuses.
        """
        name = check_name(name)
        with self._doing:
            item = self._objects.find(id)
            if item.name == name:
                return Event(f"it is named {name} already", changed=False)
            with self._undoable(f"rename {item.name} to {name}"):
                self._objects = self._objects.exchange(replace(item, name=name))
            return Event(f"{item.name} is now {name}")

    def toggle(self, id: int) -> Event:
        """Show or hide an object. Not a step of undo."""
        with self._doing:
            item = self._objects.find(id)
            self._objects = self._objects.exchange(replace(item, visible=not item.visible))
            self._publish()
            return Event(f"{item.name} is {'hidden' if item.visible else 'shown'} now")

    def everything(self, progress: Callable[[int, int], object] | None = None, **options: Any) -> Event:
        """Add all that `MaskGenerator` finds as objects, the largest first, so that parts lie above what they are of.

        They come below the objects that are there: what somebody accepted stays on top.

        Args:
            progress: called with the clicks done and their number; what it raises ends the search and changes nothing.
            options: of `MaskGenerator`.
        """
        generator = MaskGenerator(self._model, **options)
        # Crops alone need the points again; without, a million of them need not be compared with the encoding.
        cloud = (self.scene.xyz, self.scene.cloud.rgb) if generator.crops else ()
        records = generator.generate(*cloud, encoded=self._encoded, progress=progress)
        if not records:
            message = "no mask passed the filters; lower the thresholds or give more points"
            return Event(message, changed=False)
        with self._doing, self._undoable("segment everything"):
            order = largest_first([record["area"] for record in records])
            found = [self._found(id, records[i]) for id, i in enumerate(order, self._objects.next_id)]
            self._objects = self._objects.add(found, below=True)
        return Event(f"found {len(found)} objects and parts")

    def add(self, objects: Sequence[SegmentedObject]) -> Event:
        """Add objects, as `restore` gives them, above those that are there; an id that is taken becomes a new one.

        Raises:
            ValueError: they are of a cloud with another number of points.
        """
        check_sizes(objects, self.scene)
        if not objects:
            return Event("there are no objects to add", changed=False)
        with self._doing, self._undoable(f"add {len(objects)} objects"):
            self._objects = self._objects.add(objects)
        return Event(f"added {len(objects)} objects")

    def resume(
        self, objects: Sequence[SegmentedObject], clicks: Sequence[Click], choices: Sequence[int], scales: Scales
    ) -> Event:
        """Go on from a saved state: takes the place of everything here, replays the clicks. One step of undo.

        Raises:
            ValueError: clicks and choices do not fit each other or this cloud. Nothing has changed then.
        """
        check_sizes(objects, self.scene)
        if len(clicks) != len(choices):
            raise ValueError(f"{len(choices)} choices for {len(clicks)} clicks; there is one for each")
        session = self._begin(scales if clicks else self._scales)
        for click, choice in zip(clicks, choices, strict=True):
            session.click(click.point, click.positive)
            session.choose(choice)
        with self._doing, self._undoable("resume"):
            self._session, self._objects = session, replace(self._objects, items=()).add(objects)
        return Event(f"went on with {len(objects)} objects and {len(clicks)} clicks")

    def _begin(self, scales: Scales) -> Session:
        return Session(self._model, self._encoded, scales=scales)

    @contextmanager
    def _undoable(self, what: str) -> Iterator[None]:
        """Make what happens meanwhile a step that can be taken back, and forget the oldest where that is too much."""
        before = _Step(what, self._session, len(self._session.prompts), self._objects)
        yield
        self._steps = [*self._steps, before][-_MOST_STEPS:]
        while len(self._steps) > 1 and self._undo_bytes() > _MOST_UNDO_BYTES:
            self._steps = self._steps[1:]
        self._publish()

    def _undo_bytes(self) -> int:
        """Of what old sessions keep."""
        return sum(session.num_bytes for session in {step.session for step in self._steps} - {self._session})

    def _found(self, id: int, record: MaskRecord) -> SegmentedObject:
        x, y, z = self.scene.xyz[record["point_index"]].tolist()
        clicks = [Click((x, y, z), positive=True)]
        return SegmentedObject.of(id, record["segmentation"], iou_score=record["predicted_iou"], clicks=clicks)

    def _mask_event(self) -> Event:
        state = self._state
        count, candidates = int(np.count_nonzero(state.mask)), len(state.candidate_scores)
        if count == 0:
            return Event("the mask is empty: move the click or add another")
        chosen = state.chosen or 0
        among = f", candidate {chosen + 1} of {candidates}" if candidates > 1 else ""
        ball = f"in a ball of radius {state.candidate_radii[chosen]:.3g}"
        return Event(f"mask: {_points(count)}, predicted IoU {state.iou_score:.2f} {ball}{among}")

    def _publish(self) -> None:
        """Make what is there now the state."""
        session, mask = self._session, self._session.mask
        mask.flags.writeable = False
        self._state = State(
            session.prompts,
            session.choices,
            mask,
            session.iou_score,
            session.iou_scores,
            session.radii,
            session.scales,
            session.chosen,
            self._objects.items,
            self._steps[-1].what if self._steps else None,
        )


@dataclass(frozen=True, eq=False)
class _Step:
    """What an action found when it began: taking it back is going there."""

    what: str
    session: Session
    clicks: int
    objects: ObjectList


def _points(count: int) -> str:
    return f"{count:,} point{'' if count == 1 else 's'}"
