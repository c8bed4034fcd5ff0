"""Encode, clicks, many prompts, and the memory they take."""

from contextlib import suppress
from pathlib import Path

import numpy as np

from benchmarks.child import Conditions, Findings, NoRoomError
from benchmarks.clouds import Cloud, load_cloud, make_cloud
from benchmarks.contenders import NAIVE, Contender, build
from benchmarks.machine import Gauge, peak_bytes
from benchmarks.tasks import Task

MOST_CYCLES = 4
WARM_UP_POINTS = 2048
# Values of the first click's logits that are kept to compare contenders.
KEPT = 100_000


def measure(task: Task, conditions: Conditions, findings: Findings) -> None:
    """Encode and click in cycles, each beginning with a cloud that was never clicked on; then many prompts at once.

    The first cycle is a rehearsal, see `Findings.rehearsal`.

    Tells "encode", "first_click" (one click, three candidates), "second_click" (two clicks and the mask so far, one
    mask), "later_click" (three clicks, likewise), "peak" (above the loaded weights and the cloud, until here),
    "process_peak" (of the whole process: Python, torch, weights and cloud as well), "prompts" (so many objects, three
    candidates each) and "prompts_peak".
    """
    cloud = load_cloud(conditions.path, task.points)
    contender = build(task.who, task.model, task.num_groups, task.group_size, conditions.device)
    gauge = Gauge(conditions.device)
    picks = np.random.default_rng(0).choice(task.points, max(3, conditions.prompts), replace=False)
    with suppress(NoRoomError):
        _keep(measure_clicks(contender, cloud, cloud.coords[picks[:3]], gauge, findings), task, conditions)
        _many(contender, cloud.coords[picks[: conditions.prompts]], task.who, findings)
        findings.tell("prompts_peak", bytes=gauge.peak())


def measure_clicks(
    contender: Contender, cloud: Cloud, points: np.ndarray, gauge: Gauge, findings: Findings
) -> np.ndarray:
    """Cycles of encoding and three clicks, as `measure` tells them; gives the logits [3, N] of the first click.

    Raises:
        NoRoomError: one of them does not fit into memory.
    """
    _warm_up(contender)
    with findings.rehearsal():
        first = _cycle(contender, cloud, points, findings)
    findings.tell("peak", bytes=gauge.peak())
    findings.tell("process_peak", bytes=peak_bytes())
    start = findings.now()
    for _ in range(MOST_CYCLES):
        _cycle(contender, cloud, points, findings)
        if findings.now() - start > findings.budget:
            break
    return first


def _cycle(contender: Contender, cloud: Cloud, points: np.ndarray, findings: Findings) -> np.ndarray:
    labels = np.array([1, 1, 0])
    findings.time("encode", lambda: contender.encode(cloud))
    first, scores = findings.time("first_click", lambda: contender.click(points[:1], labels[:1], None, multimask=True))
    best = first[scores.argmax()]
    second, _ = findings.time("second_click", lambda: contender.click(points[:2], labels[:2], best, multimask=False))
    findings.time("later_click", lambda: contender.click(points, labels, second[0], multimask=False))
    return first


def _many(contender: Contender, points: np.ndarray, who: str, findings: Findings) -> None:
    try:
        findings.time("prompts", lambda: contender.answer(points))
    except NoRoomError:
        if who != NAIVE:
            raise
        # What its user would do then. The answers are dropped, which the package's are not.
        findings.time("prompts", lambda: [contender.answer(point[None]) for point in points] and None)
        findings.tell("prompts_one_by_one")


def _warm_up(contender: Contender) -> None:
    """Libraries choose and compile their kernels at the first call; on a cloud that is small for any size measured."""
    cloud = make_cloud(WARM_UP_POINTS)
    coords = cloud.coords
    contender.encode(cloud)
    logits, _ = contender.click(coords[:1], np.array([1]), None, multimask=True)
    contender.click(coords[:2], np.array([1, 0]), logits[0], multimask=False)


def _keep(logits: np.ndarray, task: Task, conditions: Conditions) -> None:
    path = answer_path(task, conditions)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, logits[:, :: max(1, logits.shape[1] // KEPT)])


def answer_path(task: Task, conditions: Conditions) -> Path:
    """Where the logits of a task's first click are."""
    name = f"{task.model}_{task.points}_{task.who}".replace(" ", "_").replace(",", "")
    return conditions.path / "answers" / f"{name}.npy"
