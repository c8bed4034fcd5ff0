"""One object of one file, from clicks to what is written: what `segment` and `demo` run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from point_sam.cli.clicks import Click, Move, Prompt, format_point
from point_sam.cli.console import DRAWING, ENCODING, LOADING, READING, WRITING, Stages
from point_sam.cli.embeddings import check_embedding
from point_sam.cli.options import ModelOptions, Sampling, Scales
from point_sam.cli.outputs import MaskOutput, Written
from point_sam.cli.sources import Source, read_source

if TYPE_CHECKING:
    import numpy as np

    from point_sam import Session

_DECODING = "decoding"
_MOST_TOLD = 5  # candidates on the line about them


class Reading(NamedTuple):
    """A candidate of the first click.

    Attributes:
        points: of its mask.
        iou_score: as predicted.
        radius: of the ball in which it was seen, in the file's units.
    """

    points: int
    iou_score: float
    radius: float


@dataclass(frozen=True)
class Segmenting:
    """What to segment, and how.

    Attributes:
        prompts: the clicks, at least one of them on the object.
        output: the file, and where its mask goes.
        normalized: the prompts' points are in the unit ball.
        candidate: which reading of the first click to take; None takes the one with the best predicted IoU.
        scales: what clicks are looked at in.
        specks: keep small pieces of the mask that nobody clicked.
        focus: look at the neighbourhood of the first click's mask by itself.
        focus_radius: or at a ball of this radius round the first click, in the file's units.
        embedding: a file that spares the encoding.
    """

    prompts: Sequence[Prompt]
    output: MaskOutput
    models: ModelOptions = field(default_factory=ModelOptions)
    sampling: Sampling = field(default_factory=Sampling)
    drop_invalid: bool = False
    normalized: bool = False
    candidate: int | None = None
    scales: Scales = Scales.AUTO
    specks: bool = False
    focus: bool = False
    focus_radius: float | None = None
    embedding: Path | None = None

    def run(self) -> "Segmentation":
        """Read, encode, click, write, draw."""
        output = self.output
        with Stages(5 if output.picture is None else 6) as stages:
            with stages.stage(READING):
                source = read_source(output.file, self.sampling, drop_invalid=self.drop_invalid)
                output.check(source)
                if self.embedding is not None:
                    check_embedding(self.embedding, source.file, source.cloud, self.models)
                clicks = source.place(self.prompts, normalized=self.normalized)
            with stages.stage(LOADING, hidden=True):
                model = self.models.load()
            with stages.stage(ENCODING):
                session = source.open_session(model, self.embedding, self.scales, specks=self.specks)
            with stages.stage(_DECODING):
                readings, candidate, idle = self._answer(session, clicks)
                mask = session.mask
            with stages.stage(WRITING):
                written = output.write(source, mask.astype("int32"), mask[None])
            if output.picture is not None:
                with stages.stage(DRAWING):
                    output.draw(source.cloud, written.labels, clicks)
        return Segmentation(self, source, session, mask, readings, candidate, clicks, idle, written, stages.seconds)

    def _answer(self, session: "Session", clicks: Sequence[Click]) -> tuple[list[Reading], int, list[Click]]:
        """Make the clicks, in the focus if there is to be one.

        Returns:
            `readings`, `candidate` and `idle` of the answer.
        """
        first, on_object = clicks[0], [click.point for click in clicks if click.positive]
        if self.focus_radius is not None:
            session.focus(first.point, self.focus_radius)  # before any click: the whole cloud's answer is not needed
            ball = session.focused
            for point in on_object:
                if ball is not None and not ball.holds(point):
                    raise ValueError(
                        f"the click on the object at {format_point(point)} {ball.explain(point)}; give a larger "
                        f"--focus-radius"
                    )
        session.click(first.point)
        if self.candidate is not None:
            session.choose(self.candidate)
        if self.focus and self.focus_radius is None:
            from point_sam.focus import choose_ball

            session.focus(*choose_ball(session.cloud, session.mask, on_object))
            if self.candidate is not None and session.scales == "whole":  # of balls the focus follows the candidate
                session.choose(self.candidate)
        told = zip(*session.candidates, session.radii, strict=True)
        readings = [Reading(int(mask.sum()), float(score), float(radius)) for mask, score, radius in told]
        candidate, ball = int(session.chosen or 0), session.focused
        idle = [click for click in clicks if ball is not None and not click.positive and not ball.holds(click.point)]
        for click in clicks[1:]:
            if click not in idle:
                session.click(click.point, click.positive)
        return readings, candidate, idle


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The answer to a series of clicks.

    Attributes:
        session: after all clicks.
        mask: [N] bool, in the order of the cloud's points.
        readings: the candidates of the first click.
        candidate: which of them was taken.
        clicks: in the order in which they were sent.
        idle: those off the object outside the focus, which have no effect.
        seconds: by stage.
    """

    asked: Segmenting
    source: Source
    session: "Session"
    mask: "np.ndarray[Any, np.dtype[np.bool_]]"
    readings: list[Reading]
    candidate: int
    clicks: list[Click]
    idle: list[Click]
    written: Written
    seconds: dict[str, float]

    def summary(self) -> dict[str, Any]:
        """Plain values, for --json."""
        count, total, model, ball = int(self.mask.sum()), len(self.mask), self.session.model, self.session.focused
        return {
            "points": total,
            "mask_points": count,
            "mask_share": count / total,
            "iou_score": self.session.iou_score,
            "candidate": self.candidate,
            "candidates": [reading._asdict() for reading in self.readings],
            "scales": self.session.scales,
            "clicks": [
                {
                    "point": click.point,
                    "unit_point": click.unit_point,
                    "label": int(click.positive),
                    "distance_to_cloud": click.distance,
                }
                for click in self.clicks
            ],
            "model": {
                "name": self.asked.models.name,
                "device": str(model.device),
                "precision": model.precision,
                "num_groups": min(model.num_groups, total),
                "group_size": None if model.group_size is None else min(model.group_size, total),
                "max_encoder_points": model.max_encoder_points,
            },
            "focus": None
            if ball is None
            else {"center": ball.center.tolist(), "radius": ball.radius, "points": len(ball.points)},
            **self._mesh_summary(),
        }

    def lines(self) -> list[str]:
        """The same for people."""
        count, total, ball = int(self.mask.sum()), len(self.mask), self.session.focused
        told = [
            f"mask: {count:,} of {total:,} points ({count / total:.1%}), predicted IoU {self.session.iou_score:.2f}"
        ]
        if len(self.clicks) == 1:
            readings = [
                f"{number}: {points:,} points, IoU {score:.2f}, radius {radius:.3g}"
                for number, (points, score, radius) in enumerate(self.readings[:_MOST_TOLD])
            ]
            if len(self.readings) > _MOST_TOLD:
                readings.append(f"… {len(self.readings) - _MOST_TOLD} more")
            told.append(f"candidates: {'; '.join(readings)}; took {self.candidate}")
        if ball is not None:
            told.append(f"focus: {len(ball.points):,} points within {ball.radius:.6g} of {format_point(ball.center)}")
        if count == 0:
            told.append("the mask is empty: move the click, add another, or try another --candidate")
        for move in self._moves():
            told.append(
                f"click at {format_point(move.given)} taken at {format_point(move.on_surface)} on the surface, "
                f"{move.distance:.3g} away"
            )
        for about in self._mesh_summary().values():
            told.append(
                f"part: {about['part_faces']:,} of {about['faces']:,} faces, {about['part_area_share']:.1%} of the area"
            )
        return told + [f"wrote {path}" for path in self.written.parts]

    def remarks(self) -> list[str]:
        """About clicks that hit nothing or have no effect, and parts that no file was written of."""
        told = []
        for click in self.clicks:
            far, point, distance, what = click.far, click.point, click.distance, "nearest point"
            if click.move is not None:
                far, point, distance, what = click.move.far, click.move.given, click.move.distance, "surface"
            if far:
                told.append(
                    f"note: the click at {format_point(point)} is {distance:.3g} away from the {what}, in the file's "
                    f"units"
                )
        told += [
            f"note: the click off the object at {format_point(click.point)} lies outside the focus and has no effect"
            for click in self.idle
        ]
        return told + self.written.notes

    def _mesh_summary(self) -> dict[str, Any]:
        if self.source.sampled is None or self.written.faces is None:
            return {}
        areas, chosen = self.source.sampled.mesh.face_areas(), self.written.faces > 0
        return {
            "mesh": {
                "faces": len(chosen),
                "part_faces": int(chosen.sum()),
                "part_area_share": float(areas[chosen].sum() / areas.sum()),
                "samples": len(self.source.cloud),
                "seed": self.asked.sampling.seed or 0,
                "smoothed": self.asked.output.smoothing,
                "clicks": [
                    {"given": move.given, "on_surface": move.on_surface, "distance": move.distance}
                    for move in self._moves()
                ],
                "parts": [str(path) for path in self.written.parts],
            }
        }

    def _moves(self) -> list[Move]:
        return [click.move for click in self.clicks if click.move is not None]
