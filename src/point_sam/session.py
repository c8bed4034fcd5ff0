"""`Session`: one object, click after click, with undo, and with a focus on a part of the cloud."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32

from point_sam.encoded import EncodedCloud, as_numpy
from point_sam.focus import MARGIN, Focus, choose_ball, focus_on
from point_sam.predictor import PointSAM


class Click(NamedTuple):
    """A click, in the cloud's units."""

    point: tuple[float, float, float]
    positive: bool


class Candidates(NamedTuple):
    """What the last click could mean: three masks after the first click, one after later ones."""

    masks: Bool[np.ndarray, "C N"]
    iou_scores: Float32[np.ndarray, " C"]


@dataclass(frozen=True, eq=False)
class _Step:
    """The state after one click. Steps never change, so that dropping the last one is an exact undo.

    Attributes:
        logits: of the points that were encoded: all, or those in focus.
        sent: False for a click off the object that lies outside the focus, where nothing is left to take away.
        origin: in a focus, the step on the whole cloud that this one repeats, if it does.
    """

    click: Click
    logits: Float32[np.ndarray, "C P"]
    iou_scores: Float32[np.ndarray, " C"]
    chosen: int
    sent: bool = True
    origin: "_Step | None" = None


class Session:
    """Segments one object of a cloud by clicks, as the original refines.

    The first click asks for three candidates and keeps the one with the best predicted IoU; every later click sends
    all the clicks so far, the logits of the mask before as a mask prompt, and asks for one mask.

    `focus` encodes the neighbourhood of the object again by itself, which finds small objects in large clouds; clicks
    are kept, and masks stay ones of the whole cloud.

    A session belongs to one thread; any number of sessions may share a model and an encoded cloud.

    Args:
        model: the model.
        encoded: the cloud; None takes the model's current one, and keeps it whatever the model is set to later.

    Raises:
        ValueError: there is no cloud, or other weights encoded it.
    """

    def __init__(self, model: PointSAM, encoded: EncodedCloud | None = None) -> None:
        encoded = model.current if encoded is None else encoded
        if encoded is None:
            raise ValueError("there is no point cloud yet; call model.set_pointcloud(coords, rgb), or pass encoded=")
        model.check_weights(encoded)
        self.model = model
        self.encoded = encoded.to(model.device)
        self._steps: tuple[_Step, ...] = ()
        self._focus: Focus | None = None
        self._unfocused: tuple[_Step, ...] = ()  # while there is a focus: the steps before it

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
                f"point {_told(click.point)} {self._focus.explain(click.point)}; call unfocus() first, or focus on a "
                f"larger ball"
            )
        self._steps = (*self._steps, self._answer(self._steps, click, self._focus))
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
        if not 0 <= index < len(last.iou_scores):
            raise ValueError(f"candidate {index} does not exist; the last click has {len(last.iou_scores)}, from 0 on")
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
        middle, reach = choose_ball(self.encoded, self.mask, clicks, center=center, radius=radius, margin=margin)
        focus = focus_on(self.model, self.encoded, middle, reach)
        for click in clicks:
            if not focus.holds(click):
                raise ValueError(
                    f"the click on the object at {_told(click)} {focus.explain(click)}; give it a larger radius, or "
                    f"undo the click"
                )
        steps = self._replay(focus, ())
        if self._focus is None:
            self._unfocused = self._steps
        self._steps, self._focus = steps, focus
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
            self._steps, self._focus, self._unfocused = self._replay(None, self._unfocused[:kept]), None, ()
        return self.mask

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
            return Candidates(np.zeros((0, self.encoded.num_points), bool), np.zeros(0, np.float32))
        last = self._steps[-1]
        return Candidates(self._whole(last.logits) > 0, last.iou_scores.copy())

    @property
    def chosen(self) -> int | None:
        """Which candidate is the mask; None before the first click."""
        return self._steps[-1].chosen if self._steps else None

    @property
    def logits(self) -> Float32[np.ndarray, " N"] | None:
        """The logits of the mask; None before the first click."""
        return self._whole(self._steps[-1].logits[[self._steps[-1].chosen]])[0] if self._steps else None

    @property
    def mask(self) -> Bool[np.ndarray, " N"]:
        """The mask; empty before the first click."""
        logits = self.logits
        return np.zeros(self.encoded.num_points, bool) if logits is None else logits > 0

    @property
    def iou_score(self) -> float | None:
        """The predicted IoU of the mask; None before the first click."""
        return float(self._steps[-1].iou_scores[self._steps[-1].chosen]) if self._steps else None

    def __repr__(self) -> str:
        score = "no mask yet" if self.iou_score is None else f"predicted IoU {self.iou_score:.2f}"
        count, total = int(self.mask.sum()), self.encoded.num_points
        return f"Session({len(self.prompts)} clicks, {count:,} of {total:,} points, {score})"

    def _repr_png_(self) -> bytes:
        """For Jupyter: the cloud with the mask and the clicks."""
        from point_sam.display import show

        picture = show(
            self.encoded.units(),
            self.encoded.rgb,
            self.mask,
            prompts=[click.point for click in self.prompts] or None,
            prompt_labels=[int(click.positive) for click in self.prompts] or None,
        )
        return picture._repr_png_()

    def _answer(self, before: Sequence[_Step], click: Click, focus: Focus | None) -> _Step:
        """The step that a click makes after others in the same focus."""
        clicks = [*(step.click for step in before if step.sent), click]
        last = before[-1] if before else None
        logits, scores = self.model.predict_encoded(
            self.encoded if focus is None else focus.encoded,
            [[c.point for c in clicks]],
            [[int(c.positive) for c in clicks]],
            mask_inputs=None if last is None else last.logits[[last.chosen]],
            multimask_output=last is None,
        )
        iou_scores = scores[0].cpu().numpy()
        return _Step(click, logits[0].cpu().numpy(), iou_scores, int(iou_scores.argmax()))

    def _replay(self, focus: Focus | None, known: tuple[_Step, ...]) -> tuple[_Step, ...]:
        """The present clicks answered in another focus, after those whose answers there are known."""
        steps = known
        for old in self._steps[len(known) :]:
            if focus is not None and not old.click.positive and not focus.holds(old.click.point):
                last = steps[-1]
                chosen = [last.chosen]
                step = _Step(old.click, last.logits[chosen], last.iou_scores[chosen], 0, sent=False)
            else:
                step = self._answer(steps, old.click, focus)
                step = replace(step, chosen=self._most_alike(step, old, focus))
            steps = (*steps, replace(step, origin=old if self._focus is None else old.origin))
        return steps

    def _most_alike(self, new: _Step, old: _Step, focus: Focus | None) -> int:
        """The candidate that stands for what was seen after the click so far: the one of the highest IoU with it.

        A focus is for seeing the same object better; by predicted IoU alone it often turns to a part of it
        (docs/focus.md).
        """
        seen = self._whole(old.logits[[old.chosen]])[0] > 0
        if focus is not None:
            seen = seen[focus.points]
        candidates = new.logits > 0
        if not seen.any():
            return new.chosen
        return int(((candidates & seen).sum(axis=1) / (candidates | seen).sum(axis=1)).argmax())

    def _whole(self, logits: Float32[np.ndarray, "C P"]) -> Float32[np.ndarray, "C N"]:
        """A copy, for all points of the cloud."""
        return logits.copy() if self._focus is None else self._focus.spread(logits)


def _told(point: Any) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in point) + ")"
