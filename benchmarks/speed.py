"""Encode, clicks, many prompts, and the memory they take."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from benchmarks.child import Conditions, Findings, NoRoomError
from benchmarks.clouds import Cloud, load_cloud, make_cloud
from benchmarks.contenders import NAIVE, Contender, build
from benchmarks.machine import Gauge, peak_bytes
from benchmarks.summary import Cell, Summary, bytes_cell, difference, table, time_cell
from benchmarks.tasks import Plan, Task, groups_of, take_turns

MOST_CYCLES = 4
WARM_UP_POINTS = 2048
# Values of the first click's logits that are kept to compare contenders.
KEPT = 100_000
NAMES = {
    "encode": "encode",
    "first_click": "first click",
    "second_click": "second click",
    "later_click": "later click",
    "prompts": "many prompts",
}
MEMORY = ("peak", "prompts_peak", "process_peak")


def tasks(plan: Plan) -> Iterator[Task]:
    """Every contender with every model and size."""
    for model in plan.models:
        for points in plan.sizes:
            yield from take_turns(
                plan, "speed", model, points, groups_of(model, points), plan.settings_of(model, points)
            )


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


def tables(summary: Summary, conditions: Conditions) -> Iterator[str]:
    """Times and memory of each model."""
    for model in summary.models("speed"):
        yield _tables_of(summary, model, conditions)


def _tables_of(summary: Summary, model: str, conditions: Conditions) -> str:
    names = {**NAMES, "prompts": f"{conditions.prompts} prompts"}
    lines, memory = [], []
    for points in summary.sizes("speed", model):
        plain = ("speed", NAIVE, model, points)
        for who in summary.names("speed", model, points=points):
            cell = ("speed", who, model, points)
            line = [f"{points:,}", who, *(time_cell(summary, cell, measure, plain) for measure in names)]
            if summary.has(cell, "prompts_one_by_one"):
                line[-1] += ", one by one"
            lines.append([*line, _difference(summary, cell, plain, conditions)])
            memory.append([*line[:2], *(bytes_cell(summary, cell, measure, plain) for measure in MEMORY)])
    task_sizes = dict.fromkeys(groups_of(model, points) for points in summary.sizes("speed", model))
    groups = ", ".join(f"{number} of {size}" for number, size in task_sizes)
    weights = "trained weights" if model == "tiny" else "random weights"
    note = (
        f"Groups: {groups}. The last column is the relative L2 difference of the first click's logits from those of "
        "the naive model."
    )
    memory_note = (
        f"Above weights: of encoding and three clicks, without the loaded weights and the cloud; then also with the "
        f"answers to {conditions.prompts} prompts (three masks each, float32). Process: with everything, before those "
        "prompts."
    )
    times = table(["points", "", *names.values(), "logits differ by"], lines)
    peaks = table(["points", "", "above weights", f"with {conditions.prompts} prompts", "process"], memory)
    return f"## {model}, {weights}\n\n{times}\n\n{note}\n\n### Peak memory\n\n{peaks}\n\n{memory_note}"


def _difference(summary: Summary, cell: Cell, plain: Cell, conditions: Conditions) -> str:
    if cell == plain or plain not in summary.records:
        return "-"
    found = difference(*(answer_path(summary.task(each), conditions) for each in (cell, plain)))
    return "-" if found is None else f"{found:.1g}"
