"""`Session`: one object, click after click, with undo."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32

from point_sam.encoded import EncodedCloud, as_numpy
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
    """The state after one click. Steps never change, so that dropping the last one is an exact undo."""

    click: Click
    logits: Float32[np.ndarray, "C N"]
    iou_scores: Float32[np.ndarray, " C"]
    chosen: int


class Session:
    """Segments one object of a cloud by clicks, as the original refines.

    The first click asks for three candidates and keeps the one with the best predicted IoU; every later click sends
    all the clicks so far, the logits of the mask before as a mask prompt, and asks for one mask.

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

    def click(self, point: object, positive: bool = True) -> Bool[np.ndarray, " N"]:
        """Add a click, the first one on the object.

        Args:
            point: [3], in the cloud's units.
            positive: on the object, or off it.

        Returns:
            The mask, [N].

        Raises:
            ValueError: the point is misshaped, not finite or outside the cloud, or the first click is negative (there
                is nothing yet to take away from). The session is then as it was.
        """
        if not positive and not self._steps:
            raise ValueError("the first click is negative; click on the object first, then off it")
        xyz = as_numpy(point)
        if xyz.shape != (3,):
            raise ValueError(f"point has shape {list(xyz.shape)}; expected [3]")
        x, y, z = (float(value) for value in xyz)
        click = Click((x, y, z), bool(positive))
        clicks = (*self.prompts, click)
        logits, scores = self.model.predict_encoded(
            self.encoded,
            [[c.point for c in clicks]],
            [[int(c.positive) for c in clicks]],
            mask_inputs=None if self.logits is None else self.logits[None],
            multimask_output=not self._steps,
        )
        iou_scores = scores[0].cpu().numpy()
        step = _Step(click, logits[0].cpu().numpy(), iou_scores, int(iou_scores.argmax()))
        self._steps = (*self._steps, step)
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
        self._steps = (*self._steps[:-1], replace(last, chosen=int(index)))
        return self.mask

    def undo(self) -> Bool[np.ndarray, " N"]:
        """Take the last click back, with what was chosen after it; before the first click it does nothing.

        Returns:
            The mask, [N], exactly as it was before that click.
        """
        self._steps = self._steps[:-1]
        return self.mask

    def reset(self) -> None:
        """Take all clicks back."""
        self._steps = ()

    @property
    def prompts(self) -> tuple[Click, ...]:
        """The clicks so far."""
        return tuple(step.click for step in self._steps)

    @property
    def candidates(self) -> Candidates:
        """The masks and predicted IoUs of the last click; none ([0, N]) before the first."""
        if not self._steps:
            return Candidates(np.zeros((0, self.encoded.num_points), bool), np.zeros(0, np.float32))
        last = self._steps[-1]
        return Candidates(last.logits > 0, last.iou_scores.copy())

    @property
    def chosen(self) -> int | None:
        """Which candidate is the mask; None before the first click."""
        return self._steps[-1].chosen if self._steps else None

    @property
    def logits(self) -> Float32[np.ndarray, " N"] | None:
        """The logits of the mask; None before the first click."""
        return self._steps[-1].logits[self._steps[-1].chosen].copy() if self._steps else None

    @property
    def mask(self) -> Bool[np.ndarray, " N"]:
        """The mask; empty before the first click."""
        logits = self.logits
        return np.zeros(self.encoded.num_points, bool) if logits is None else logits > 0

    @property
    def iou_score(self) -> float | None:
        """The predicted IoU of the mask; None before the first click."""
        return float(self._steps[-1].iou_scores[self._steps[-1].chosen]) if self._steps else None
