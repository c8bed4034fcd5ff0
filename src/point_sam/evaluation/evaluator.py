"""Click, measure, repeat: the evaluation of interactive segmentation.

Protocol (Point-SAM, section 4.1): the first click falls on the deepest point of the mask, each later one on the deepest
point of the larger error (`ops.clicks.next_click`, exact); IoU is measured after every click, at all points.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sized
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Real

from point_sam.evaluation.report import ObjectResult, Report
from point_sam.evaluation.segmenters import Answer, Interaction, Predictor, SeesTruth, Segmenter, as_segmenter
from point_sam.evaluation.statistics import join_ragged
from point_sam.ops.clicks import next_click

PROTOCOL = "deepest point of the mask, then of the larger error region (exact nearest-neighbour depth, float64)"


class Sample(NamedTuple):
    """One object to evaluate on; a plain `(coords, rgb, masks)` does as well.

    Attributes:
        coords: in the unit ball.
        rgb: 0..255, or None.
        masks: the truth, none of them empty.
        name: for the report.
    """

    coords: Float[np.ndarray, "N 3"]
    rgb: Real[np.ndarray, "N 3"] | None
    masks: Bool[np.ndarray, "M N"]
    name: str = ""


class Trace(NamedTuple):
    """What went on between the simulated user and a model, on the M masks of one object.

    Attributes:
        points: of the K clicks on each mask.
        labels: of these clicks; True is positive.
        masks: the answer to the last click.
    """

    points: Float[np.ndarray, "M K 3"]
    labels: Bool[np.ndarray, "M K"]
    masks: Bool[np.ndarray, "M N"]


def evaluate(
    model: Segmenter | Predictor,
    samples: Iterable[Sample | tuple[Any, Any, Any]],
    *,
    clicks: int = 10,
    seed: int = 0,
    confidence: float = 0.95,
    resamples: int = 2000,
    progress: Callable[[int, int | None], None] | None = None,
) -> Report:
    """Click on every mask of every sample and report the IoU after each click.

    Args:
        model: a `PointSAM`, or any segmenter (`NearestClick()`, `BestSphere()`, your own).
        samples: read one at a time; a generator keeps memory to one object.
        clicks: per mask, at least 1; also the cap of NoC.
        seed: of the bootstrap; the clicks themselves are not random.
        confidence: of the intervals, in (0, 1).
        resamples: bootstrap draws, at least 1.
        progress: called after each object with the number done and the total, None if `samples` has no length.

    Raises:
        ValueError: there is no sample, a sample's arrays are of wrong shape or type, or a mask is empty; the message
            names the sample.
    """
    protocol = protocol_settings(clicks=clicks, seed=seed, confidence=confidence, resamples=resamples)
    segmenter = as_segmenter(model)
    total = len(samples) if isinstance(samples, Sized) else None
    results = []
    for index, sample in enumerate(samples):
        results.append(evaluate_object(segmenter, _checked(sample, index), clicks=clicks))
        if progress is not None:
            progress(len(results), total)
    if not results:
        raise ValueError("samples is empty; evaluation needs at least one (coords, rgb, masks)")
    return Report({**segmenter.settings, **protocol}, tuple(results))


def evaluate_object(model: Segmenter | Predictor, sample: Sample, *, clicks: int = 10) -> ObjectResult:
    """The scores of one object; `Report(settings, results)` puts several together.

    Raises:
        ValueError: as `evaluate`.
    """
    _check_clicks(clicks)
    sample = _checked(sample, None)
    parts, seconds = _start(as_segmenter(model), sample)
    scores = [_measure(interaction, sample.coords, masks, clicks) for interaction, masks in parts]
    predicted = [part.iou_scores for part in scores if part.iou_scores is not None]
    first = [part.first_iou_scores for part in scores if part.first_iou_scores is not None]
    return ObjectResult(
        name=sample.name,
        num_points=len(sample.coords),
        iou=np.concatenate([part.iou for part in scores]),
        iou_scores=np.concatenate(predicted) if len(predicted) == len(scores) else None,
        first_iou=join_ragged([part.first_iou for part in scores]),
        first_iou_scores=join_ragged(first) if len(first) == len(scores) else None,
        seconds=seconds + sum(part.seconds for part in scores),
    )


def trace_object(model: Segmenter | Predictor, sample: Sample, *, clicks: int = 10) -> Trace:
    """The clicks that `evaluate_object` makes and the masks it ends with, to look at.

    Raises:
        ValueError: as `evaluate`.
    """
    _check_clicks(clicks)
    sample = _checked(sample, None)
    traces = []
    for interaction, masks in _start(as_segmenter(model), sample)[0]:
        steps = list(_click_through(interaction, sample.coords, masks, clicks))
        points, labels = (np.stack(values, 1) for values in zip(*((s.points, s.labels) for s in steps), strict=True))
        traces.append(Trace(points, labels, steps[-1].answer.masks))
    return Trace(*(np.concatenate(values) for values in zip(*traces, strict=True)))


def protocol_settings(*, clicks: int, seed: int, confidence: float, resamples: int) -> dict[str, Any]:
    """What a report records beside the model's own settings.

    Raises:
        ValueError: one of them is out of its range, see `evaluate`.
    """
    _check_clicks(clicks)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; it must lie between 0 and 1, as 0.95 does")
    if resamples < 1:
        raise ValueError(f"resamples is {resamples}; the bootstrap needs at least one")
    return {
        "clicks": clicks,
        "protocol": PROTOCOL,
        "seed": seed,
        "confidence": confidence,
        "resamples": resamples,
        "version": _version(),
    }


class _Step(NamedTuple):
    """One click on each mask and the answer to it, in so many seconds."""

    points: Float[np.ndarray, "M 3"]
    labels: Bool[np.ndarray, " M"]
    answer: Answer
    seconds: float


class _Scores(NamedTuple):
    """The fields of an `ObjectResult` of the masks of one interaction."""

    iou: Float64[np.ndarray, "M K"]
    iou_scores: Float64[np.ndarray, "M K"] | None
    first_iou: Float64[np.ndarray, "M C"]
    first_iou_scores: Float64[np.ndarray, "M C"] | None
    seconds: float


def _start(segmenter: Segmenter, sample: Sample) -> tuple[Iterable[tuple[Interaction, Bool[np.ndarray, "M N"]]], float]:
    """The interaction and all masks, or each mask and its own; and the seconds to look at the cloud."""
    began = time.perf_counter()
    begun = segmenter.start(sample.coords, sample.rgb, len(sample.masks))
    seconds = time.perf_counter() - began
    if isinstance(begun, Interaction):
        return [(begun, sample.masks)], seconds
    return zip(begun, sample.masks[:, None], strict=True), seconds


def _measure(
    interaction: Interaction, coords: Float[np.ndarray, "N 3"], masks: Bool[np.ndarray, "M N"], clicks: int
) -> _Scores:
    iou = np.empty((len(masks), clicks))
    iou_scores: list[Float64[np.ndarray, " M"]] = []
    first_iou, first_scores = iou[:, :1], None
    seconds = 0.0
    for step, (_, _, answer, taken) in enumerate(_click_through(interaction, coords, masks, clicks)):
        seconds += taken
        iou[:, step] = _iou(answer.masks, masks)
        if answer.iou_scores is not None:
            iou_scores.append(answer.iou_scores[np.arange(len(masks)), answer.chosen].astype(float))
        if step == 0:
            first_iou = np.stack([_iou(candidates, masks) for candidates in answer.candidates.swapaxes(0, 1)], 1)
            first_scores = None if answer.iou_scores is None else answer.iou_scores.astype(float)
    predicted = np.stack(iou_scores, 1) if len(iou_scores) == clicks else None
    return _Scores(iou, predicted, first_iou, first_scores, seconds)


def _click_through(
    interaction: Interaction, coords: Float[np.ndarray, "N 3"], masks: Bool[np.ndarray, "M N"], clicks: int
) -> Iterator[_Step]:
    predicted: list[Bool[np.ndarray, " N"] | None] = [None] * len(masks)
    if isinstance(interaction, SeesTruth):
        interaction.reveal(masks)
    for _ in range(clicks):
        places = [next_click(coords, mask, answered) for mask, answered in zip(masks, predicted, strict=True)]
        points, labels = coords[[index for index, _ in places]], np.array([positive for _, positive in places])
        began = time.perf_counter()
        answer = interaction.click(points, labels)
        seconds = time.perf_counter() - began
        _check_answer(answer, masks)
        predicted = list(answer.masks)
        yield _Step(points, labels, answer, seconds)


def _iou(masks: Bool[np.ndarray, "M N"], truth: Bool[np.ndarray, "M N"]) -> Float64[np.ndarray, " M"]:
    return (masks & truth).sum(1) / (masks | truth).sum(1)


def _checked(sample: Sample | tuple[Any, Any, Any], index: int | None) -> Sample:
    """The sample with float32 coordinates and bool masks, named by its number if it has no name."""
    fields = tuple(sample)
    if len(fields) not in (3, 4):
        raise ValueError(f"sample {index or 0} has {len(fields)} fields; wanted (coords, rgb, masks)")
    name = str(fields[3]) if len(fields) == 4 and fields[3] else f"{index or 0}"
    coords, masks = np.asarray(fields[0], dtype=np.float32), np.asarray(fields[2])
    rgb = None if fields[1] is None else np.asarray(fields[1])
    if coords.ndim != 2 or coords.shape[1] != 3 or not len(coords):
        raise ValueError(f"coords of sample {name} have shape {coords.shape}; wanted [N, 3] with N >= 1")
    if not np.isfinite(coords).all():
        raise ValueError(f"coords of sample {name} hold NaN or infinite values; remove those points")
    if rgb is not None and rgb.shape != coords.shape:
        raise ValueError(f"rgb of sample {name} has shape {rgb.shape}; wanted {coords.shape}, or None")
    if masks.dtype != bool or masks.ndim != 2 or masks.shape[1] != len(coords) or not len(masks):
        raise ValueError(
            f"masks of sample {name} are {masks.dtype} of shape {masks.shape}; wanted bool [M, {len(coords)}], M >= 1"
        )
    if not masks.any(1).all():
        empty = int(masks.any(1).argmin())
        raise ValueError(f"mask {empty} of sample {name} is empty; leave it out: there is nothing to click on")
    return Sample(coords, rgb, masks, name)


def _check_clicks(clicks: int) -> None:
    if clicks < 1:
        raise ValueError(f"clicks is {clicks}; at least one is needed")


def _check_answer(answer: Answer, masks: Bool[np.ndarray, "M N"]) -> None:
    count, points = masks.shape
    shape = answer.candidates.shape
    if len(shape) != 3 or (shape[0], shape[2]) != (count, points) or answer.candidates.dtype != bool:
        raise ValueError(
            f"the model answered {answer.candidates.dtype} masks of shape {shape}; wanted bool [{count}, C, {points}]"
        )
    if answer.chosen.shape != (count,):
        raise ValueError(
            f"the model chose candidates of shape {answer.chosen.shape}; wanted one for each of {count} masks"
        )
    if answer.iou_scores is not None and answer.iou_scores.shape != shape[:2]:
        raise ValueError(f"the model answered IoU scores of shape {answer.iou_scores.shape}; wanted {shape[:2]}")


def _version() -> str:
    try:
        return version("point-sam")
    except PackageNotFoundError:
        return "unknown"
