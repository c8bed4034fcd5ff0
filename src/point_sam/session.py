"""`Session`: one object, click after click, with undo, and with a focus on a part of the cloud."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64

from point_sam.encoded import EncodedCloud, as_numpy
from point_sam.focus import MARGIN, Focus, choose_ball, focus_on
from point_sam.messages import format_point
from point_sam.predictor import PointSAM
from point_sam.pyramid import Pyramid
from point_sam.pyramid.pyramid import Reading
from point_sam.single import Single

# What a session asks: all have answer(points, positive, last, specks=), spread(reading), spread_mask(reading), unit.
_View = Pyramid | Single
_Reading = Any  # of the view that gave it: with logits, iou_score and radius
Scales = Literal["auto", "balls", "whole"]
# On a CPU a network of more parameters encodes each ball in seconds: `large` in two or more (docs/performance.md).
_QUICK = 30_000_000


class Click(NamedTuple):
    """A click, in the cloud's units."""

    point: tuple[float, float, float]
    positive: bool


class Candidates(NamedTuple):
    """What the last click could mean: at one scale three masks after the first click, and one after later ones; in
    balls all that the balls answer, but for what is nearly equal, the best first."""

    masks: Bool[np.ndarray, "C N"]
    iou_scores: Float32[np.ndarray, " C"]


@dataclass(frozen=True, eq=False)
class _Step:
    """The state after one click. Steps never change, so that dropping the last one is an exact undo.

    Attributes:
        readings: what the clicks can mean.
        chosen: the one that was taken.
        sent: False for a click off the object that lies outside the focus, where nothing is left to take away.
        origin: in a focus, the step before it that this one repeats, if it does.
    """

    click: Click
    readings: tuple[_Reading, ...]
    view: _View
    chosen: int
    sent: bool = True
    origin: "_Step | None" = None

    @property
    def reading(self) -> _Reading:
        """The one that was taken."""
        return self.readings[self.chosen]

    @cached_property
    def mask(self) -> Bool[np.ndarray, " N"]:
        """Of the whole cloud."""
        return self.view.spread_mask(self.reading)


class Session:
    """Segments one object of a cloud by clicks.

    Every click is looked at in balls of several sizes: each is encoded by itself and answers, and the answer is taken
    that is most likely right (`point_sam.pyramid`). So a click finds a cup on a table, the table and the room, and
    costs the same in a cloud of any size. Later clicks refine what was taken, and look once more in a ball round it.

    With `scales="whole"` the cloud is looked at as it was encoded, and refined as the original does: the first click
    asks for three candidates and keeps the one with the best predicted IoU; every later click sends all the clicks so
    far, the logits of the mask before as a mask prompt, and asks for one mask.

    `focus` looks at one ball that you choose; clicks are kept, and masks stay ones of the whole cloud.

    A session belongs to one thread; any number of sessions may share a model and a cloud.

        session = Session(model)
        session.click([1.2, 0.4, 0.9])
        session.click([1.3, 0.4, 0.2], positive=False)

    Args:
        model: the model.
        encoded: the cloud, encoded, or a `Pyramid` of it, which needs no encoding of the whole; None takes the model's
            current one, and keeps it whatever the model is set to later.
        scales: "balls"; "whole"; or "auto": balls, but the whole cloud where the model is too large for this device to
            answer in seconds (`large` on a CPU).
        specks: keep pieces of the mask that nobody clicked and that hold less than a fifth of the largest one.

    Raises:
        ValueError: there is no cloud, other weights encoded it, or `scales` is unknown.
    """

    def __init__(
        self,
        model: PointSAM,
        encoded: EncodedCloud | Pyramid | None = None,
        *,
        scales: str = "auto",
        specks: bool = False,
    ) -> None:
        self.scales = choose_scales(model, scales)
        cloud = model.current if encoded is None else encoded
        if cloud is None:
            raise ValueError("there is no point cloud yet; call model.set_pointcloud(coords, rgb), or pass encoded=")
        self.model = model
        self._specks = specks
        if isinstance(cloud, Pyramid):
            self.cloud: EncodedCloud | Pyramid = cloud
        else:
            model.check_weights(cloud)
            self.cloud = self.encoded = cloud.to(model.device)
        self._view: _View = self._unfocused_view()
        self._steps: tuple[_Step, ...] = ()
        self._focus: Focus | None = None
        self._unfocused: tuple[_Step, ...] = ()  # while there is a focus: the steps before it

    @cached_property
    def encoded(self) -> EncodedCloud:
        """The whole cloud, encoded; where the session began with a `Pyramid`, at the first use."""
        cloud = self.cloud
        if isinstance(cloud, EncodedCloud):
            return cloud
        return self.model.encode(cloud.units(), cloud.rgb, normalize=cloud.normalized)

    def click(self, point: object, positive: bool = True) -> Bool[np.ndarray, " N"]:
        """Add a click, the first one on the object.

        Args:
            point: [3], in the cloud's units.
            positive: on the object, or off it.

        Returns:
            The mask, [N].

        Raises:
            ValueError: the point is misshaped, not finite, outside the cloud or outside the focus, or the first click
                is negative (there is nothing yet to take away from). The session is then as it was.
        """
        if not positive and not self._steps:
            raise ValueError("the first click is negative; click on the object first, then off it")
        xyz = as_numpy(point)
        if xyz.shape != (3,):
            raise ValueError(f"point has shape {list(xyz.shape)}; expected [3]")
        x, y, z = (float(value) for value in xyz)
        click = Click((x, y, z), bool(positive))
        if self._focus is not None and not self._focus.holds(click.point):
            raise ValueError(
                f"point {format_point(click.point)} {self._focus.explain(click.point)}; call unfocus() first, or focus "
                f"on a larger ball"
            )
        self._steps = (*self._steps, self._answer(self._steps, click, self._view))
        return self.mask

    def choose(self, index: int) -> Bool[np.ndarray, " N"]:
        """Take another candidate of the last click; later clicks refine that one. Undone with its click.

        Returns:
            The mask, [N].

        Raises:
            ValueError: there is no click yet, or no such candidate.
        """
        if not self._steps:
            raise ValueError("there are no candidates yet; click first")
        last = self._steps[-1]
        if not 0 <= index < len(last.readings):
            raise ValueError(f"candidate {index} does not exist; the last click has {len(last.readings)}, from 0 on")
        self._steps = (*self._steps[:-1], replace(last, chosen=int(index), origin=None))
        return self.mask

    def undo(self) -> Bool[np.ndarray, " N"]:
        """Take the last click back, with what was chosen after it; before the first click it does nothing.

        A focus stays: clicks from before it are taken back as if they had been made in it.

        Returns:
            The mask, [N], exactly as it was before that click.
        """
        self._steps = self._steps[:-1]
        return self.mask

    def reset(self) -> None:
        """Take all clicks back. A focus stays."""
        self._steps = ()

    def focus(
        self, center: Any = None, radius: float | None = None, *, margin: float = MARGIN
    ) -> Bool[np.ndarray, " N"]:
        """Look at a ball of the cloud by itself, at the full resolution of the model, until `unfocus`.

        Its points are encoded again, with the grouping that the model now has, and all clicks so far are answered anew;
        of the first click's candidates the one most like the mask before is chosen. The mask is still one of the whole
        cloud, empty outside the ball. Clicks go inside it from now on; earlier ones off the object that lie outside
        have no effect meanwhile. A focus on another ball replaces the one before.

        To get a part of what the mask shows, focus on a ball round the click before clicking, or choose a candidate.

        Args:
            center: [3], in the cloud's units; None takes the middle of the mask, or the last click while it is empty.
            radius: in the cloud's units; None takes `margin` times the radius of the mask (that of 95% of its points),
                or what holds the 8192 points next to the click, and in either case all clicks on the object.
            margin: of that radius.

        Returns:
            The mask, [N].

        Raises:
            ValueError: there is nothing to focus on yet, no point is in the ball, a click on the object is outside it,
                or a number is out of range. The session is then as it was.
        """
        clicks = [click.point for click in self.prompts if click.positive]
        middle, reach = choose_ball(self.cloud, self.mask, clicks, center=center, radius=radius, margin=margin)
        focus = focus_on(self.model, self.cloud, middle, reach)
        for click in clicks:
            if not focus.holds(click):
                raise ValueError(
                    f"the click on the object at {format_point(click)} {focus.explain(click)}; give it a larger "
                    f"radius, or undo the click"
                )
        view = Single(self.model, focus.encoded, focus)
        steps = self._replay(view, ())
        if self._focus is None:
            self._unfocused = self._steps
        self._steps, self._focus, self._view = steps, focus, view
        return self.mask

    def unfocus(self) -> Bool[np.ndarray, " N"]:
        """Look at the whole cloud again; without a focus it does nothing.

        Clicks from before the focus have the answers they had; those made in it are answered anew.

        Returns:
            The mask, [N].
        """
        if self._focus is not None:
            kept = 0
            while kept < min(len(self._steps), len(self._unfocused)):
                if self._steps[kept].origin is not self._unfocused[kept]:
                    break
                kept += 1
            view = self._unfocused_view()
            steps = self._replay(view, self._unfocused[:kept])
            self._steps, self._view, self._focus, self._unfocused = steps, view, None, ()
        return self.mask

    @property
    def num_points(self) -> int:
        """N."""
        return self.cloud.num_points

    @property
    def focused(self) -> Focus | None:
        """The ball in focus; None while the session looks at the whole cloud."""
        return self._focus

    @property
    def prompts(self) -> tuple[Click, ...]:
        """The clicks so far."""
        return tuple(step.click for step in self._steps)

    @property
    def choices(self) -> tuple[int, ...]:
        """Which candidate was taken after each click."""
        return tuple(step.chosen for step in self._steps)

    @property
    def candidates(self) -> Candidates:
        """The masks and predicted IoUs of the last click; none ([0, N]) before the first."""
        if not self._steps:
            return Candidates(np.zeros((0, self.num_points), bool), np.zeros(0, np.float32))
        last = self._steps[-1]
        masks = np.stack([last.view.spread_mask(reading) for reading in last.readings])
        return Candidates(masks, self.iou_scores)

    @property
    def iou_scores(self) -> Float32[np.ndarray, " C"]:
        """The predicted IoU of each candidate: `candidates` without the time for their masks."""
        return np.array([reading.iou_score for reading in self._steps[-1].readings] if self._steps else [], np.float32)

    @property
    def radii(self) -> Float64[np.ndarray, " C"]:
        """Of each candidate the radius of the ball in which it was seen, in the cloud's units."""
        if not self._steps:
            return np.zeros(0)
        return np.array([reading.radius for reading in self._steps[-1].readings]) * self._view.unit

    @property
    def chosen(self) -> int | None:
        """Which candidate is the mask; None before the first click."""
        return self._steps[-1].chosen if self._steps else None

    @property
    def logits(self) -> Float32[np.ndarray, " N"] | None:
        """The logits of the mask; None before the first click."""
        return self._steps[-1].view.spread(self._steps[-1].reading) if self._steps else None

    @property
    def mask(self) -> Bool[np.ndarray, " N"]:
        """The mask; empty before the first click."""
        return self._steps[-1].mask.copy() if self._steps else np.zeros(self.num_points, bool)

    @property
    def iou_score(self) -> float | None:
        """The predicted IoU of the mask; None before the first click."""
        return float(self._steps[-1].reading.iou_score) if self._steps else None

    @property
    def num_bytes(self) -> int:
        """What the clicks keep in memory: masks, logits, and the balls in which they were seen."""
        readings = [reading for step in self._steps for reading in step.readings]
        balls = {reading.ball for reading in readings if isinstance(reading, Reading)}
        kept = sum(reading.logits.nbytes for reading in readings) + sum(ball.encoded.num_bytes for ball in balls)
        return kept + len(self._steps) * self.num_points

    def __repr__(self) -> str:
        score = "no mask yet" if self.iou_score is None else f"predicted IoU {self.iou_score:.2f}"
        count, total = int(self.mask.sum()), self.num_points
        return f"Session({len(self.prompts)} clicks, {count:,} of {total:,} points, {score})"

    def _repr_png_(self) -> bytes:
        """For Jupyter: the cloud with the mask and the clicks."""
        from point_sam.display import show

        picture = show(
            self.cloud.units(),
            self.cloud.rgb,
            self.mask,
            prompts=[click.point for click in self.prompts] or None,
            prompt_labels=[int(click.positive) for click in self.prompts] or None,
        )
        return picture._repr_png_()

    def _unfocused_view(self) -> _View:
        if self.scales == "whole":
            return Single(self.model, self.encoded)
        return self.cloud if isinstance(self.cloud, Pyramid) else Pyramid.of(self.model, self.cloud)

    def _answer(self, before: Sequence[_Step], click: Click, view: _View) -> _Step:
        """The step that a click makes after others in the same view."""
        clicks = [*(step.click for step in before if step.sent), click]
        readings = view.answer(
            np.array([c.point for c in clicks]),
            np.array([c.positive for c in clicks]),
            before[-1].reading if before else None,
            specks=self._specks,
        )
        best = int(np.argmax([reading.iou_score for reading in readings]))
        return _Step(click, tuple(readings), view, best)

    def _replay(self, view: _View, known: tuple[_Step, ...]) -> tuple[_Step, ...]:
        """The present clicks answered in another view, after those whose answers there are known."""
        steps = known
        focus = view.focus if isinstance(view, Single) else None
        for old in self._steps[len(known) :]:
            if focus is not None and not old.click.positive and not focus.holds(old.click.point):
                step = _Step(old.click, (steps[-1].reading,), view, 0, sent=False)
            else:
                step = self._answer(steps, old.click, view)
                step = replace(step, chosen=self._most_alike(step, old, focus))
            steps = (*steps, replace(step, origin=old if self._focus is None else old.origin))
        return steps

    def _most_alike(self, new: _Step, old: _Step, focus: Focus | None) -> int:
        """The candidate that stands for what was seen after the click so far: the one of the highest IoU with it.

        A focus is for seeing the same object better; by predicted IoU alone it often turns to a part of it
        (docs/focus.md).
        """
        points = slice(None) if focus is None else focus.points
        seen = old.mask[points]
        if not seen.any():
            return new.chosen
        candidates = np.stack([new.view.spread_mask(reading)[points] for reading in new.readings])
        return int(((candidates & seen).sum(axis=1) / (candidates | seen).sum(axis=1)).argmax())


def choose_scales(model: PointSAM, scales: str) -> Literal["balls", "whole"]:
    """What a session with these `scales` looks at.

    Raises:
        ValueError: `scales` is unknown.
    """
    if scales not in ("auto", "balls", "whole"):
        raise ValueError(f'scales is {scales!r}; it is "auto", "balls" or "whole"')
    if scales == "auto":
        slow = model.device.type == "cpu" and model.num_parameters > _QUICK
        return "whole" if slow else "balls"
    return "whole" if scales == "whole" else "balls"
