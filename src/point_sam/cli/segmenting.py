"""One object of one cloud, from clicks to a mask: what `segment` and `demo` have in common."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import typer

from point_sam.cli.clicks import Click, Prompt, format_point, place_clicks
from point_sam.cli.console import Stages
from point_sam.cli.options import ModelOptions

if TYPE_CHECKING:
    import numpy as np

    from point_sam import EncodedCloud, PointCloud, PointSAM, Session
    from point_sam.focus import Focus

# The stages of a command, in this order; `segment_cloud` runs the middle three.
READING, LOADING, ENCODING = "reading", "loading the model", "encoding"
DECODING, WRITING, DRAWING = "decoding", "writing", "drawing"


@dataclass(frozen=True)
class FocusChoice:
    """What to focus on after the first click.

    Args:
        radius: of the ball round that click, in the file's units; None takes the neighbourhood of its mask.

    Raises:
        typer.BadParameter: the radius is not a positive number.
    """

    radius: float | None = None

    def __post_init__(self) -> None:
        if self.radius is not None and not 0 < self.radius < float("inf"):
            raise typer.BadParameter(f"{self.radius} is not a positive number", param_hint="--focus-radius")


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The answer to a series of clicks.

    Attributes:
        mask: [N] bool, in the order of the cloud's points.
        iou_score: predicted IoU of the mask.
        candidates: predicted IoU and number of points of the three readings of the first click.
        candidate: which of them was taken.
        clicks: in the order in which they were sent.
        model: what was run: device, precision, number of groups and their size.
        focus: center, radius and points of the ball in focus, in the file's units; None without one.
        idle: clicks off the object outside the focus, which have no effect.
    """

    mask: "np.ndarray[Any, np.dtype[np.bool_]]"
    iou_score: float
    candidates: list[dict[str, Any]]
    candidate: int
    clicks: list[Click]
    model: dict[str, Any]
    focus: dict[str, Any] | None
    idle: list[Click]

    def summary(self) -> dict[str, Any]:
        """Plain values, for --json."""
        count = int(self.mask.sum())
        return {
            "points": len(self.mask),
            "mask_points": count,
            "mask_share": count / len(self.mask),
            "iou_score": self.iou_score,
            "candidate": self.candidate,
            "candidates": self.candidates,
            "clicks": [
                {
                    "point": click.point,
                    "unit_point": click.unit_point,
                    "label": int(click.positive),
                    "distance_to_cloud": click.distance,
                }
                for click in self.clicks
            ],
            "model": self.model,
            "focus": self.focus,
        }

    def lines(self) -> list[str]:
        """The same for people."""
        count = int(self.mask.sum())
        told = [
            f"mask: {count:,} of {len(self.mask):,} points ({count / len(self.mask):.1%}), "
            f"predicted IoU {self.iou_score:.2f}"
        ]
        if len(self.clicks) == 1:
            readings = [f"{i}: {c['points']:,} points, IoU {c['iou_score']:.2f}" for i, c in enumerate(self.candidates)]
            told.append(f"candidates: {'; '.join(readings)}; took {self.candidate}")
        if self.focus is not None:
            told.append(
                f"focus: {self.focus['points']:,} points within {self.focus['radius']:.6g} of "
                f"{format_point(self.focus['center'])}"
            )
        if count == 0:
            told.append("the mask is empty: move the click, add another, or try another --candidate")
        return told

    def remarks(self, *, far: bool = True) -> list[str]:
        """About clicks that have no effect, and, if `far`, about those that hit nothing."""
        told = [
            f"note: the click at {format_point(click.point)} is {click.distance:.3g} away from the nearest point, "
            f"in the file's units"
            for click in self.clicks
            if far and click.far
        ]
        return told + [
            f"note: the click off the object at {format_point(click.point)} lies outside the focus and has no effect"
            for click in self.idle
        ]


def segment_cloud(
    cloud: "PointCloud",
    prompts: Sequence[Prompt],
    options: ModelOptions,
    stages: Stages,
    *,
    normalized: bool = False,
    candidate: int | None = None,
    focus: FocusChoice | None = None,
    encode: "Callable[[PointSAM], EncodedCloud] | None" = None,
) -> Segmentation:
    """Encode the cloud and replay the clicks: the first gives three candidates, every later one refines the mask.

    Args:
        cloud: as read.
        prompts: at least one of them positive.
        options: the model.
        stages: with LOADING, ENCODING and DECODING among its names.
        normalized: the prompts' points are in the unit ball.
        candidate: which reading of the first click to take; None takes the one with the best predicted IoU.
        focus: what to focus on after the first click; None looks at the whole cloud.
        encode: gives the cloud's encoding, in the file's units, where it does not have to be made.

    Raises:
        ValueError, FileNotFoundError: a click outside the cloud or the focus, or what loading the model raises.
    """
    from point_sam.clouds import normalize

    coords, center, scale = normalize(cloud.xyz)
    clicks = place_clicks(prompts, cloud, coords, center, scale, normalized=normalized)
    _check_ball(clicks, scale)
    with stages.stage(LOADING, hidden=True):
        from point_sam import Session

        model = options.load()
    with stages.stage(ENCODING):
        encoded = model.encode(cloud.xyz, cloud.rgb, normalize=True) if encode is None else encode(model)
    with stages.stage(DECODING):
        session = Session(model, encoded)
        _click_first(session, clicks, candidate, focus)
        first, taken = session.candidates, session.chosen
        seen = session.focused
        idle = [c for c in clicks if seen is not None and not c.positive and not seen.holds(c.point)]
        for click in clicks[1:]:
            if click not in idle:
                session.click(click.point, click.positive)
    counts = first.masks.sum(axis=1)
    return Segmentation(
        mask=session.mask,
        iou_score=float(session.iou_score or 0.0),
        candidates=[{"points": int(n), "iou_score": float(s)} for n, s in zip(counts, first.iou_scores, strict=True)],
        candidate=int(taken or 0),
        clicks=clicks,
        model={
            "name": str(options.checkpoint or options.model),
            "device": str(model.device),
            "precision": str(model.dtype).removeprefix("torch."),
            "num_groups": min(model.num_groups, len(cloud)),
            "group_size": None if model.group_size is None else min(model.group_size, len(cloud)),
            "max_encoder_points": model.max_encoder_points,
        },
        focus=None
        if seen is None
        else {"center": seen.center.tolist(), "radius": seen.radius, "points": len(seen.points)},
        idle=idle,
    )


def _check_ball(clicks: Sequence[Click], scale: float) -> None:
    """What the model would refuse after the cloud is encoded is refused before."""
    for click in clicks:
        distance = sum(value**2 for value in click.unit_point) ** 0.5
        if distance > 1.01:
            raise ValueError(
                f"the click at {format_point(click.point)} lies {distance * scale:.6g} from the cloud's center, beyond "
                f"all points, which lie within {scale:.6g}; click nearer to them"
            )


def _click_first(session: "Session", clicks: Sequence[Click], candidate: int | None, focus: FocusChoice | None) -> None:
    """The first click, in the focus if there is to be one, and its candidate."""
    first, on_object = clicks[0], [click.point for click in clicks if click.positive]
    if focus is not None and focus.radius is not None:
        session.focus(first.point, focus.radius)  # before any click: the answer of the whole cloud is not needed
        ball = cast("Focus", session.focused)
        for point in on_object:
            if not ball.holds(point):
                raise ValueError(
                    f"the click on the object at {format_point(point)} {ball.explain(point)}; give a larger "
                    f"--focus-radius"
                )
    session.click(first.point)
    if candidate is not None:
        session.choose(candidate)
    if focus is not None and focus.radius is None:
        from point_sam.focus import choose_ball

        session.focus(*choose_ball(session.encoded, session.mask, on_object))
        if candidate is not None:
            session.choose(candidate)
