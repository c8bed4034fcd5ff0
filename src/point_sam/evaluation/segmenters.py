"""What an evaluator can evaluate: anything that answers clicks with masks, and `PointSAM` among them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor

from point_sam.predictor import PointSAM
from point_sam.pyramid import Pyramid
from point_sam.session import Session


@dataclass(frozen=True)
class Answer:
    """What a segmenter answers to one click on each of M masks.

    Attributes:
        candidates: C masks to choose from, C >= 1.
        iou_scores: the IoU that the segmenter predicts for each, or None where it predicts none.
        chosen: the candidate that it stands by.
    """

    candidates: Bool[np.ndarray, "M C N"]
    iou_scores: Float[np.ndarray, "M C"] | None
    chosen: Int[np.ndarray, " M"]

    @property
    def masks(self) -> Bool[np.ndarray, "M N"]:
        """The chosen candidates."""
        return self.candidates[np.arange(len(self.chosen)), self.chosen]


@runtime_checkable
class Interaction(Protocol):
    """The state of the clicks on M masks of one cloud."""

    def click(self, points: Float[np.ndarray, "M 3"], labels: Bool[np.ndarray, " M"]) -> Answer:
        """Answer one more click on every mask, at points of the cloud; True is positive."""
        ...


@runtime_checkable
class SeesTruth(Protocol):
    """An interaction that is told the masks before the first click: an upper bound, not a segmenter."""

    def reveal(self, masks: Bool[np.ndarray, "M N"]) -> None:
        """The masks that the clicks will be about."""
        ...


@runtime_checkable
class Segmenter(Protocol):
    """A model to evaluate.

    Attributes:
        settings: everything that its answers depend on, JSON values only; `model` is its name.
    """

    @property
    def settings(self) -> dict[str, Any]:
        """A new dict."""
        ...

    def start(
        self, coords: Float[np.ndarray, "N 3"], rgb: Real[np.ndarray, "N 3"] | None, count: int
    ) -> Interaction | Iterable[Interaction]:
        """Look at a cloud (coords in the unit ball, rgb in 0..255) on which `count` masks will be clicked.

        Returns:
            One interaction for all masks, or one for each; these are used one after the other, and may be generated.
        """
        ...


@runtime_checkable
class Predictor(Protocol):
    """What is used of `point_sam.PointSAM`."""

    def set_pointcloud(self, coords: Any, rgb: Any = None) -> Any:
        """Encode a cloud."""
        ...

    def predict_batch(
        self, prompt_points: Any, prompt_labels: Any, *, mask_inputs: Any = None, multimask_output: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Logits [M, C, N] and predicted IoUs [M, C] of M prompts of K clicks."""
        ...


class PointSAMSegmenter:
    """`PointSAM` on whole clouds, as the original has it: three candidates, then all clicks and the last logits.

    All masks of a cloud go through the decoder together.

    Args:
        model: a `PointSAM`, or anything with its `set_pointcloud` and `predict_batch`.
        name: what the report calls it.
        settings: more of what its answers depend on, recorded in the report as given.
    """

    def __init__(self, model: Predictor, *, name: str = "point-sam", settings: dict[str, Any] | None = None) -> None:
        self._model = model
        self._settings = {"model": name, **_known_settings(model), **(settings or {})}

    @property
    def settings(self) -> dict[str, Any]:
        """Name, fingerprint of the weights, grouping, precision, device, and whatever was given."""
        return dict(self._settings)

    def start(self, coords: Float[np.ndarray, "N 3"], rgb: Real[np.ndarray, "N 3"] | None, count: int) -> Interaction:
        """Encode the cloud."""
        self._model.set_pointcloud(coords, rgb)
        return _PointSAMInteraction(self._model)


class SessionSegmenter:
    """`PointSAM` clicked through a `Session` for each mask.

    Mask after mask, so that the balls of one are at hand from its first click to its last.

    Args:
        model: it.
        name: what the report calls it.
        scales: of the sessions. "whole" answers as `PointSAMSegmenter` does, but for the rounding of batches.
        settings: more of what its answers depend on, recorded in the report as given.
    """

    def __init__(
        self,
        model: PointSAM,
        *,
        name: str = "session",
        scales: Literal["balls", "whole"] = "balls",
        settings: dict[str, Any] | None = None,
    ) -> None:
        self._model = model
        self._scales: Literal["balls", "whole"] = scales
        self._settings = {"model": name, **_known_settings(model), "scales": scales, **(settings or {})}

    @property
    def settings(self) -> dict[str, Any]:
        """Those of a `PointSAMSegmenter`, and `scales`."""
        return dict(self._settings)

    def start(
        self, coords: Float[np.ndarray, "N 3"], rgb: Real[np.ndarray, "N 3"] | None, count: int
    ) -> Iterable[Interaction]:
        """Index the cloud for balls, or encode it whole; one for all its masks."""
        whole = self._scales == "whole"
        cloud = self._model.encode(coords, rgb) if whole else Pyramid(self._model, coords, rgb)
        return (_SessionInteraction(Session(self._model, cloud, scales=self._scales)) for _ in range(count))


def as_segmenter(model: Segmenter | Predictor) -> Segmenter:
    """`model` itself, or a `PointSAM` made one.

    Raises:
        ValueError: it is neither.
    """
    if hasattr(model, "start"):
        return cast(Segmenter, model)
    if hasattr(model, "predict_batch") and hasattr(model, "set_pointcloud"):
        return PointSAMSegmenter(model)
    raise ValueError(
        f"model is a {type(model).__name__}; wanted a PointSAM (set_pointcloud, predict_batch) or a segmenter (start)"
    )


class _PointSAMInteraction:
    def __init__(self, model: Predictor) -> None:
        self._model = model
        self._points: list[Float[np.ndarray, "M 3"]] = []
        self._labels: list[Bool[np.ndarray, " M"]] = []
        self._logits: Float[Tensor, "M N"] | None = None

    @torch.no_grad()
    def click(self, points: Float[np.ndarray, "M 3"], labels: Bool[np.ndarray, " M"]) -> Answer:
        self._points.append(points)
        self._labels.append(labels)
        logits, scores = self._model.predict_batch(
            torch.from_numpy(np.stack(self._points, 1).astype(np.float32)),
            torch.from_numpy(np.stack(self._labels, 1).astype(np.int64)),
            mask_inputs=self._logits,
            multimask_output=self._logits is None,
        )
        chosen = scores.argmax(1)
        self._logits = logits[torch.arange(len(logits), device=logits.device), chosen]
        return Answer((logits > 0).cpu().numpy(), scores.float().cpu().numpy(), chosen.cpu().numpy())


class _SessionInteraction:
    """Of one mask."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def click(self, points: Float[np.ndarray, "1 3"], labels: Bool[np.ndarray, " 1"]) -> Answer:
        self._session.click(points[0], bool(labels[0]))
        masks, scores = self._session.candidates
        return Answer(masks[None], scores[None], np.array([self._session.chosen]))


def _known_settings(model: Predictor) -> dict[str, Any]:
    """Of a model's public attributes, those that change its answers."""
    names = ("fingerprint", "num_groups", "group_size", "max_encoder_points", "dtype", "device")
    found = {name: getattr(model, name) for name in names if hasattr(model, name)}
    return {name: value if isinstance(value, int | str | None) else str(value) for name, value in found.items()}
