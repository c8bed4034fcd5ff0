"""Models by name, for reports and for processes that must build them anew."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from point_sam.evaluation.baselines import BestSphere, NearestClick
from point_sam.evaluation.segmenters import Interaction, PointSAMSegmenter, Segmenter, SessionSegmenter
from point_sam.predictor import PointSAM

BASELINES: dict[str, Callable[[], Segmenter]] = {"nearest-click": NearestClick, "best-sphere": BestSphere}
Scales = Literal["whole", "balls"]
_WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class ModelChoice:
    """A model to evaluate, as a person names it; small enough to be sent to another process.

    Attributes:
        name: what reports and folders call it.
        source: a baseline, or what `PointSAM.from_pretrained` takes.
        num_groups, group_size, max_encoder_points: of networks, as `PointSAM.adjust_patch_params` has them; None takes
            the model's own.
        device, precision: of networks, as `PointSAM.from_pretrained` has them.
        scales: of networks; "whole" looks at whole clouds, "balls" as a `Session` does in balls round the clicks.
    """

    name: str
    source: str
    num_groups: int | None = None
    group_size: int | None = None
    device: str | None = None
    precision: str = "auto"
    max_encoder_points: int | None = None
    scales: Scales = "whole"

    @property
    def is_baseline(self) -> bool:
        """It has no network."""
        return self.source in BASELINES

    def build(self) -> Segmenter:
        """Load it.

        Raises:
            ValueError, FileNotFoundError: as `PointSAM.from_pretrained` and `PointSAM.adjust_patch_params`.
        """
        if self.is_baseline:
            return _Named(BASELINES[self.source](), self.name)
        model = PointSAM.from_pretrained(self.source, device=self.device, precision=self.precision)
        model.adjust_patch_params(self.num_groups, self.group_size, self.max_encoder_points)
        if self.scales == "balls":
            return SessionSegmenter(model, name=self.name)
        return PointSAMSegmenter(model, name=self.name)


def choose_models(
    texts: Sequence[str],
    *,
    num_groups: int | None = None,
    group_size: int | None = None,
    device: str | None = None,
    precision: str = "auto",
    max_encoder_points: int | None = None,
    scales: Sequence[Scales] = ("whole",),
) -> tuple[ModelChoice, ...]:
    """Models from "tiny", "large", a path, a hub id, "nearest-click", "best-sphere", each also as NAME=MODEL.

    Without a name, a path is called after its folder or file. Networks are evaluated at each of the scales; in balls
    NAME is called "NAME through balls".

    Raises:
        ValueError: none is given, or two would have one name.
    """
    if not texts:
        raise ValueError("there is no model to evaluate; name one, as tiny or nearest-click")
    choices: list[ModelChoice] = []
    for text in texts:
        name, separator, source = text.partition("=")
        if not separator or Path(text).exists():
            name, source = _name_of(text), text
        if not re.fullmatch(r"[\w][\w.+ -]*", name) or not source:
            raise ValueError(f"model {text!r}: a name has letters, digits and . _ + - only; give it as NAME=MODEL")
        looked: Sequence[Scales] = ("whole",) if source in BASELINES else tuple(dict.fromkeys(scales))
        for scale in looked:
            called = name if scale == "whole" else f"{name} through {scale}"
            if any(called == other.name for other in choices):
                raise ValueError(f"two models would be called {called!r}; name one, as other={source}")
            choices.append(
                ModelChoice(called, source, num_groups, group_size, device, precision, max_encoder_points, scale)
            )
    return tuple(choices)


@dataclass(frozen=True)
class _Named:
    """A segmenter under another name."""

    segmenter: Segmenter
    name: str

    @property
    def settings(self) -> dict[str, Any]:
        return {**self.segmenter.settings, "model": self.name}

    def start(self, coords: Any, rgb: Any, count: int) -> Interaction | Iterable[Interaction]:
        return self.segmenter.start(coords, rgb, count)


def _name_of(source: str) -> str:
    path = Path(source)
    name = path.resolve().parent.name if path.name == _WEIGHTS else path.stem if path.suffix else path.name
    return re.sub(r"[^\w.+-]+", "_", name).lstrip("._+-") or "model"
