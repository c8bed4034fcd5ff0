"""One person's work on one scene: clicks on the current object, accepted objects, one undo for all of it."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from point_sam.automatic import MaskGenerator
from point_sam.encoded import EncodedCloud
from point_sam.predictor import PointSAM
from point_sam.session import Click, Session
from point_sam.viewer.current import Current
from point_sam.viewer.objects import SegmentedObject, check_name
from point_sam.viewer.scene import Scene
from point_sam.viewer.state import Event, State

_MOST_STEPS = 200
_MOST_UNDO_BYTES = 256 << 20  # of logits that only undo still needs


class Workspace:
    """One person's work.

    Every action answers with an `Event` and may be called from any thread; they are carried out one after the other.
    `click`, `everything` and `resume` ask the model and belong into a `WorkQueue`. The others take milliseconds, but
    wait for a click that is being answered: none belongs on an event loop. Reading `state` never waits.

    Args:
        scene: what is segmented.
        model: the model.
        encoded: the scene, encoded by it.

    Raises:
        ValueError: other weights encoded the cloud, or it is another one than the scene's.
    """

    def __init__(self, scene: Scene, model: PointSAM, encoded: EncodedCloud) -> None:
        if encoded.cloud_fingerprint != scene.fingerprint:
            raise ValueError(f"the encoded cloud is not that of {scene.name}; encode the scene again")
        self.scene = scene
        self._model = model
        self._encoded = encoded
        self._doing = threading.RLock()
        self._current = Current(Session(model, encoded))
        self._objects: tuple[SegmentedObject, ...] = ()
        self._steps: list[_Step] = []
        self._next_id = 1
        self._state = self._new_state(None)

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
            return Event("that click hit the background; nothing changed")
        if not 0 <= point < len(self.scene):
            raise ValueError(f"point {point} does not exist; {self.scene.name} has {len(self.scene):,}, from 0 on")
        with self._doing:
            if not positive and not self._current.clicks:
                return Event("click on the object first, then off it; nothing changed")
            before = self._step("click")
            self._current.click(Click(_triple(self.scene.xyz[point]), positive))
            self._remember(before)
            return self._mask_event()

    def choose(self, candidate: int) -> Event:
        """Take another candidate of the last click; undone with that click.

        Raises:
            ValueError: no such candidate.
        """
        with self._doing:
            self._current.choose(candidate)
            return self._mask_event()

    def step(self, by: int = 1) -> Event:
        """Take the next candidate, after the last the first again; -1 goes back."""
        with self._doing:
            state = self._state
            if state.chosen is None:
                return Event("there are no candidates yet; click first")
            count = len(state.candidate_scores)
            if count == 1:
                return Event("there is one candidate only; three are there after the first click")
            return self.choose((state.chosen + by) % count)

    def undo(self) -> Event:
        """Take the last click, clear, accept, delete, rename or everything back."""
        with self._doing:
            if not self._steps:
                return Event("there is nothing to undo")
            step = self._steps.pop()
            shown = {item.id: item.visible for item in self._objects}
            objects = tuple(replace(item, visible=shown.get(item.id, item.visible)) for item in step.objects)
            mask_changed = step.current is not self._current or step.clicks != len(self._current.clicks)
            objects_changed = step.objects != self._objects
            self._current, self._objects, self._next_id = step.current, objects, step.next_id
            while len(self._current.clicks) > step.clicks:
                self._current.undo()
            self._publish(new_mask=mask_changed)
            return Event(f"took back: {step.what}", mask_changed, objects_changed)

    def clear(self) -> Event:
        """Drop the clicks on the current object."""
        with self._doing:
            if not self._current.clicks:
                return Event("there are no clicks to clear")
            before = self._step("clear")
            self._current = self._fresh()
            self._remember(before)
            return Event("cleared the clicks", mask_changed=True)

    def accept(self, name: str | None = None) -> Event:
        """Make the current mask an object and begin the next. An empty mask changes nothing.

        Raises:
            ValueError: what `check_name` refuses.
        """
        with self._doing:
            state = self._state
            if not state.mask.any():
                return Event("there is nothing to accept: the mask is empty; click on an object first")
            item = SegmentedObject.of(
                self._next_id, state.mask, name=name, iou_score=state.iou_score, clicks=state.clicks
            )
            before = self._step(f"accept {item.name}")
            self._objects = (*self._objects, item)
            self._next_id += 1
            self._current = self._fresh()
            self._remember(before)
            return Event(f"accepted {item.name}: {_points(item.area)}", mask_changed=True, objects_changed=True)

    def delete(self, id: int) -> Event:
        """Drop an object.

        Raises:
            ValueError: there is no such object; so in `rename` and `show`.
        """
        with self._doing:
            item = self._find(id)
            before = self._step(f"delete {item.name}")
            self._objects = tuple(other for other in self._objects if other.id != id)
            self._remember(before)
            return Event(f"deleted {item.name}", objects_changed=True)

    def rename(self, id: int, name: str) -> Event:
        """Give an object another name.

        Raises:
            ValueError: what `check_name` refuses.
        """
        name = check_name(name)
        with self._doing:
            item = self._find(id)
            if item.name == name:
                return Event(f"it is named {name} already")
            before = self._step(f"rename {item.name} to {name}")
            self._exchange(replace(item, name=name))
            self._remember(before)
            return Event(f"{item.name} is now {name}", objects_changed=True)

    def show(self, id: int, visible: bool = True) -> Event:
        """Show or hide an object. Not a step of undo."""
        with self._doing:
            item = self._find(id)
            if item.visible == visible:
                return Event(f"{item.name} is {'shown' if visible else 'hidden'} already")
            self._exchange(replace(item, visible=visible))
            self._publish(new_mask=False)
            return Event(f"{item.name} is {'shown' if visible else 'hidden'} now", objects_changed=True)

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
        with self._doing:
            if not records:
                return Event("no mask passed the filters; lower the thresholds or give more points")
            before = self._step("segment everything")
            order = sorted(range(len(records)), key=lambda i: (-records[i]["area"], -i))
            found = [
                SegmentedObject.of(
                    self._next_id + offset,
                    records[i]["segmentation"],
                    iou_score=records[i]["predicted_iou"],
                    clicks=[Click(_triple(self.scene.xyz[records[i]["point_index"]]), True)],
                )
                for offset, i in enumerate(order)
            ]
            self._next_id += len(found)
            self._objects = (*found, *self._objects)
            self._remember(before)
            return Event(f"found {len(found)} objects and parts", objects_changed=True)

    def add(self, objects: Sequence[SegmentedObject]) -> Event:
        """Add objects, as `restore` gives them, above those that are there; an id that is taken becomes a new one.

        Raises:
            ValueError: they are of a cloud with another number of points.
        """
        self._check_sizes(objects)
        with self._doing:
            if not objects:
                return Event("there are no objects to add")
            before = self._step(f"add {len(objects)} objects")
            self._append(objects)
            self._remember(before)
            return Event(f"added {len(objects)} objects", objects_changed=True)

    def resume(self, objects: Sequence[SegmentedObject], clicks: Sequence[Click], choices: Sequence[int]) -> Event:
        """Go on from a saved state: takes the place of everything here, replays the clicks. One step of undo.

        Raises:
            ValueError: clicks and choices do not fit each other or this cloud. Nothing has changed then.
        """
        self._check_sizes(objects)
        if len(clicks) != len(choices):
            raise ValueError(f"{len(choices)} choices for {len(clicks)} clicks; there is one for each")
        with self._doing:
            current = self._fresh()
            for click, choice in zip(clicks, choices, strict=True):
                current.click(click)
                current.choose(choice)
            before = self._step("resume")
            self._current, self._objects = current, ()
            self._append(objects)
            self._remember(before)
            return Event(
                f"went on with {len(objects)} objects and {len(clicks)} clicks", mask_changed=True, objects_changed=True
            )

    def _fresh(self) -> Current:
        return Current(Session(self._model, self._encoded))

    def _find(self, id: int) -> SegmentedObject:
        item = next((item for item in self._objects if item.id == id), None)
        if item is None:
            raise ValueError(f"object {id} does not exist any more")
        return item

    def _exchange(self, item: SegmentedObject) -> None:
        self._objects = tuple(item if other.id == item.id else other for other in self._objects)

    def _append(self, objects: Sequence[SegmentedObject]) -> None:
        taken = {item.id for item in self._objects}
        self._next_id = max([self._next_id, *(item.id + 1 for item in objects)])
        for item in objects:
            if item.id in taken:
                item = replace(item, id=self._next_id)
                self._next_id += 1
            taken.add(item.id)
            self._objects = (*self._objects, item)

    def _check_sizes(self, objects: Sequence[SegmentedObject]) -> None:
        for item in objects:
            if item.num_points != len(self.scene):
                raise ValueError(
                    f"{item.name} is of a cloud of {item.num_points:,} points; {self.scene.name} has "
                    f"{len(self.scene):,}"
                )

    def _step(self, what: str) -> "_Step":
        return _Step(what, self._current, len(self._current.clicks), self._objects, self._next_id)

    def _remember(self, before: "_Step") -> None:
        """Make an action that has happened one that can be taken back, and forget the oldest where that is too much."""
        self._steps = [*self._steps, before][-_MOST_STEPS:]
        while len(self._steps) > 1 and self._undo_bytes() > _MOST_UNDO_BYTES:
            self._steps = self._steps[1:]
        self._publish(new_mask=before.current is not self._current or before.clicks != len(self._current.clicks))

    def _undo_bytes(self) -> int:
        old = {id(step.current): step.current for step in self._steps if step.current is not self._current}
        return sum(current.num_bytes for current in old.values())

    def _mask_event(self) -> Event:
        self._publish(new_mask=True)
        state = self._state
        count = int(np.count_nonzero(state.mask))
        if count == 0:
            return Event("the mask is empty: move the click or add another", mask_changed=True)
        among = f", candidate {(state.chosen or 0) + 1} of 3" if len(state.candidate_scores) == 3 else ""
        return Event(f"mask: {_points(count)}, predicted IoU {state.iou_score:.2f}{among}", mask_changed=True)

    def _publish(self, *, new_mask: bool) -> None:
        self._state = self._new_state(None if new_mask else self._state)

    def _new_state(self, old: State | None) -> State:
        """The state as it is now; with what is about the mask taken from an old one where there is one."""
        undo = self._steps[-1].what if self._steps else None
        if old is not None:
            return replace(old, objects=self._objects, undo=undo)
        session, clicks = self._current.session, self._current.clicks
        mask, scores = session.mask, session.candidates.iou_scores
        mask.flags.writeable = False
        choices = self._current.choices
        return State(clicks, choices, mask, session.iou_score, scores, session.chosen, self._objects, undo)


@dataclass(frozen=True, eq=False)
class _Step:
    """What an action found when it began: taking it back is going there."""

    what: str
    current: Current
    clicks: int
    objects: tuple[SegmentedObject, ...]
    next_id: int


def _triple(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = values.tolist()
    return x, y, z


def _points(count: int) -> str:
    return f"{count:,} point{'' if count == 1 else 's'}"
