"""How far each setting's masks agree with those of the exact one, and what it does to the IoU with the truth.

Exact is float32 with all points in the encoder. On every mask of every object the simulated user clicks by the exact
answers; every setting gets the same clicks and the same mask prompts. Compared is, at each click, the same candidate
(the exact answer's best), so that a near tie between candidates is no disagreement; IoU with the truth is that of the
candidate which the setting itself would show.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.child import Conditions, Findings
from benchmarks.settings import EXACT, SETTINGS, SHIPPED, apply
from benchmarks.summary import OPERATIONS, Cell, Summary, seconds_text, table
from benchmarks.tasks import GROUPS, Plan, Task
from point_sam import PointSAM
from point_sam.evaluation import DataChoice, Sample, SampleRule
from point_sam.evaluation import perturbations as change
from point_sam.evaluation.runs import read_sample
from point_sam.ops.clicks import next_click


@dataclass(frozen=True)
class Prompt:
    """One click and all before it on one mask, as every setting gets it."""

    points: np.ndarray
    labels: np.ndarray
    mask_logits: np.ndarray | None
    target: np.ndarray
    exact: np.ndarray
    candidate: int


def tasks(plan: Plan) -> Iterator[Task]:
    """The objects as they are, and with more points."""
    for points in (0, plan.dense) if plan.choice else ():
        yield Task("agreement", plan.choice, "tiny", points, *GROUPS["tiny"])


def measure(task: Task, conditions: Conditions, findings: Findings) -> None:
    """Tells for each setting, mask and click "agreement", "shipped" (agreement with the setting as shipped) and "iou",
    and the seconds of "encode", "first_click" and "later_click".

    Raises:
        ValueError: the conditions name no data.
    """
    if conditions.data is None:
        raise ValueError("the agreement table needs labelled objects; give --data objects.npz")
    models = {name: _build(name, task, conditions.device) for name in SETTINGS if SETTINGS[name].agreement}
    for sample in _samples(task, conditions):
        for name, model in models.items():
            findings.time(f"{name}/encode", model.set_pointcloud, sample.coords, sample.rgb)
        for target in sample.masks:
            for number, prompt in enumerate(_prompts(models[EXACT], sample.coords, target, conditions.clicks)):
                masks: dict[str, np.ndarray] = {}
                for name, model in models.items():
                    click = "later_click" if number else "first_click"
                    logits, scores = findings.time(f"{name}/{click}", _ask, model, prompt)
                    masks[name] = logits[prompt.candidate] > 0
                    findings.tell(
                        f"{name}/{number + 1}",
                        agreement=iou(masks[name], prompt.exact),
                        shipped=iou(masks[name], masks[SHIPPED]),
                        iou=iou(logits[scores.argmax()] > 0, target),
                    )


def iou(mask: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union; 1 where both are empty."""
    union = np.count_nonzero(mask | other)
    return float(np.count_nonzero(mask & other) / union) if union else 1.0


def _prompts(model: PointSAM, coords: np.ndarray, target: np.ndarray, clicks: int) -> Iterator[Prompt]:
    points, labels = np.zeros((0, 3), np.float32), np.zeros(0, np.int64)
    mask = logits = None
    for number in range(clicks):
        index, positive = next_click(coords, target, mask)
        points, labels = np.concatenate([points, coords[index, None]]), np.append(labels, int(positive))
        prompt = Prompt(points, labels, logits, target, np.zeros(0), 0)
        answers, scores = _ask(model, prompt)
        candidate = int(scores.argmax()) if number == 0 else 0
        logits = answers[candidate]
        mask = logits > 0
        yield Prompt(points, labels, prompt.mask_logits, target, mask, candidate)


def _ask(model: PointSAM, prompt: Prompt) -> tuple[np.ndarray, np.ndarray]:
    return model.predict(
        prompt_point=prompt.points,
        prompt_label=prompt.labels,
        mask_input=prompt.mask_logits,
        multimask_output=prompt.mask_logits is None,
        return_logits=True,
    )


def _samples(task: Task, conditions: Conditions) -> Iterator[Sample]:
    choice = DataChoice(Path(str(conditions.data)), limit=conditions.rows)
    dataset = choice.open()
    for number in choice.choose(dataset)[1]:
        sample = read_sample(dataset, number, SampleRule(max_masks=conditions.max_masks))
        if sample is None:
            continue
        if task.points:
            sample = change.resample(sample, np.random.default_rng(number), count=task.points)
        yield sample


def _build(name: str, task: Task, device: str) -> PointSAM:
    model = PointSAM.from_pretrained(task.model, device=device, precision=SETTINGS[name].precision)
    model.adjust_patch_params(task.num_groups, task.group_size)
    return apply(SETTINGS[name], model)


def tables(summary: Summary, conditions: Conditions) -> Iterator[str]:
    """Settings by what they change, for each choice of objects."""
    parts = []
    for cell in sorted(cell for cell in summary.records if cell[0] == "agreement"):
        _, choice, _, points = cell
        lines = [line for name in SETTINGS if (line := _agreement_line(summary, cell, name))]
        where = f"the same objects with {points:,} points" if points else "objects as they are"
        masks = len(summary.values(cell, f"{EXACT}/1", "iou"))
        head = [
            "setting",
            "agreement",
            "worst tenth",
            f"with {SHIPPED}",
            "IoU@1",
            "IoU, last",
            "encode",
            "first click",
            "later click",
        ]
        if lines:
            parts.append(f"### {choice}; {where}, {masks} masks\n\n{table(head, lines)}")
    about = "\n".join(f"- {name}: {setting.about}" for name, setting in SETTINGS.items() if setting.agreement)
    note = (
        f'Agreement is the mean IoU of a setting\'s masks with those of "{EXACT}" at the same clicks and mask prompts, '
        f"over all clicks, and likewise with those of {SHIPPED}; IoU is with the truth. Times are medians in one "
        f'process; in brackets, how many times faster than "{EXACT}".\n\n{about}'
    )
    if parts:
        yield "\n\n".join(["## Agreement: tiny, validation objects", *parts, note])


def _agreement_line(summary: Summary, cell: Cell, name: str) -> list[str]:
    clicks = 0
    while summary.has(cell, f"{name}/{clicks + 1}"):
        clicks += 1
    if not clicks:
        return []
    agreed, shipped = (
        sorted(value for k in range(1, clicks + 1) for value in summary.values(cell, f"{name}/{k}", key))
        for key in ("agreement", "shipped")
    )
    tenth = agreed[: max(1, len(agreed) // 10)]
    first, last = (summary.values(cell, f"{name}/{k}", "iou") for k in (1, clicks))
    figures = [sum(x) / len(x) for x in (agreed, tenth, shipped, first, last)]
    times = []
    for measure in OPERATIONS:
        seconds, exact = (summary.value(cell, f"{who}/{measure}") for who in (name, EXACT))
        text = "-" if seconds is None else seconds_text(seconds)
        times.append(text if name == EXACT or not seconds or not exact else f"{text} ({exact / seconds:.1f}x)")
    return [name, *(f"{value:.4f}" for value in figures[:3]), *(f"{value:.3f}" for value in figures[3:]), *times]
