"""Where the time of an encode and of a click goes, and how many operations its matrix products take."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from benchmarks import naive
from benchmarks.child import Conditions, Findings, NoRoomError
from benchmarks.clouds import Cloud, load_cloud
from benchmarks.contenders import NAIVE, Contender, Naive, build
from benchmarks.summary import OPERATIONS, Cell, Summary, seconds_text, table, time_cell
from benchmarks.tasks import Plan, Task, groups_of
from point_sam.model import geometry

MOST_RUNS = 5
# Functions by the module that calls them.
NAIVE_FUNCTIONS = {"farthest_points": "FPS", "nearest_points": "kNN", "interpolation": "interpolation weights"}
PACKAGE_FUNCTIONS = {"farthest_point_sample": "FPS", "nearest": "kNN", "interpolation_weights": "interpolation weights"}
# Parts of the network by name; both contenders have upstream's names.
MODULES = {
    "pc_encoder.patch_embed": "patch PointNet",
    "pc_encoder.transformer": "trunk",
    "mask_encoder": "mask PointNet",
    "mask_decoder.transformer": "two-way transformer",
    "mask_decoder": "upscaling and masks",
}
# Its neighbour search is part of it. Elsewhere a stage that runs inside another is not part of the other's time.
WHOLE = "interpolation weights"
# What runs only on a CPU, torch does not count by itself.
UNCOUNTED: dict[Any, Callable[..., int]] = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: lambda q, k, v, *_, **__: sdpa_flop_count(q, k, v),
}
if hasattr(torch.ops.mkldnn, "_linear_pointwise"):  # not in every build of torch
    UNCOUNTED[torch.ops.mkldnn._linear_pointwise] = lambda x, weight, *_, **__: 2 * math.prod(x) * weight[0]


def tasks(plan: Plan) -> Iterator[Task]:
    """Every contender with every model, at one size."""
    for model in plan.models:
        for who in (NAIVE, *plan.settings_of(model, plan.profiled)):
            yield Task("stages", who, model, plan.profiled, *groups_of(model, plan.profiled))


def measure(task: Task, conditions: Conditions, findings: Findings) -> None:
    """Tells, for each of encode, first click and later click, "OPERATION/STAGE" and "OPERATION/all" in seconds, and
    "OPERATION/flops" of the matrix products and attention that torch sees.

    Raises:
        RuntimeError: a stage never ran, so that the package must have changed under this file.
    """
    cloud = load_cloud(conditions.path, task.points)
    contender = build(task.who, task.model, task.num_groups, task.group_size, conditions.device)
    network = contender.model if isinstance(contender, Naive) else contender.model.model
    functions = (naive, NAIVE_FUNCTIONS) if task.who == NAIVE else (geometry, PACKAGE_FUNCTIONS)
    calls = _operations(contender, cloud)
    seen = set()
    try:
        for call in calls.values():  # warm, and room enough
            findings.time("warm-up", call)
        start = findings.now()
        for _ in range(MOST_RUNS):
            for name, call in calls.items():
                clock = StageClock(findings.now)
                with _watched(network, *functions, clock):
                    findings.time(f"{name}/all", call)
                for stage, seconds in clock.spent.items():
                    seen.add(stage)
                    findings.tell(f"{name}/{stage}", seconds=seconds)
            if findings.now() - start > conditions.budget:
                break
        for name, call in calls.items():
            with FlopCounterMode(display=False, custom_mapping=UNCOUNTED) as counter:
                call()
            findings.tell(f"{name}/flops", count=counter.get_total_flops())
    except NoRoomError:
        return
    missing = sorted({*MODULES.values(), *functions[1].values()} - seen)
    if missing:
        raise RuntimeError(f"{task.who}: never saw {', '.join(missing)}; benchmarks/stages.py must follow the package")


def _operations(contender: Contender, cloud: Cloud) -> dict[str, Callable[[], Any]]:
    points, labels = cloud.coords[np.linspace(0, len(cloud.coords) - 1, 3).astype(int)], np.array([1, 1, 0])
    mask: list[np.ndarray] = []

    def first() -> None:
        logits, scores = contender.click(points[:1], labels[:1], None, multimask=True)
        mask[:] = [logits[scores.argmax()]]

    return {
        "encode": lambda: contender.encode(cloud),
        "first_click": first,
        "later_click": lambda: contender.click(points, labels, mask[0], multimask=False),
    }


class StageClock:
    """Seconds by stage, each without those of the stages inside it.

    Args:
        now: a clock in seconds.

    Attributes:
        spent: seconds so far.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.spent: dict[str, float] = defaultdict(float)
        self._open: list[tuple[str, float]] = []
        self._inner: list[float] = []

    def begin(self, stage: str) -> None:
        """The stage starts."""
        self._open.append((stage, self.now()))
        self._inner.append(0.0)

    def end(self) -> None:
        """The stage that started last is over."""
        stage, start = self._open.pop()
        total, inner = self.now() - start, self._inner.pop()
        if any(outer == WHOLE for outer, _ in self._open):
            return
        self.spent[stage] += total - inner
        if self._inner:
            self._inner[-1] += total


@contextmanager
def _watched(network: nn.Module, module: Any, functions: dict[str, str], clock: StageClock) -> Iterator[None]:
    handles = []
    for name, stage in MODULES.items():
        part = network.get_submodule(name)
        handles.append(part.register_forward_pre_hook(lambda *_, stage=stage: clock.begin(stage)))
        handles.append(part.register_forward_hook(lambda *_: clock.end()))
    originals = {name: getattr(module, name) for name in functions}
    for name, stage in functions.items():
        setattr(module, name, _clocked(originals[name], stage, clock))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        for name, function in originals.items():
            setattr(module, name, function)


def _clocked(function: Callable[..., Any], stage: str, clock: StageClock) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        clock.begin(stage)
        result = function(*arguments, **named)
        clock.end()
        return result

    return call


def tables(summary: Summary, conditions: Conditions) -> Iterator[str]:
    """Stages by contenders, for each model."""
    for model in summary.models("stages"):
        yield _table_of(summary, model)


def _table_of(summary: Summary, model: str) -> str:
    (points,) = summary.sizes("stages", model)[-1:]
    names = summary.names("stages", model, points=points)
    lines = []
    for operation, name in OPERATIONS.items():
        cells: dict[str, Cell] = {who: ("stages", who, model, points) for who in names}
        stages = dict.fromkeys(
            finding["measure"].partition("/")[2]
            for cell in cells.values()
            for record in summary.records[cell]
            for finding in record.findings
            if finding["measure"].startswith(f"{operation}/") and "seconds" in finding
        )
        stages.pop("all", None)
        for stage in stages:
            values = [summary.value(cell, f"{operation}/{stage}") for cell in cells.values()]
            lines.append([name, stage, *("-" if value is None else seconds_text(value) for value in values)])
        lines.append([name, "rest", *(_rest(summary, cell, operation, list(stages)) for cell in cells.values())])
        lines.append(
            [name, "**all**", *(time_cell(summary, cell, f"{operation}/all", None) for cell in cells.values())]
        )
    return f"## Where the time goes: {model}, {points:,} points\n\n{table(['', 'stage', *names], lines)}"


def _rest(summary: Summary, cell: Cell, operation: str, stages: list[str]) -> str:
    total = summary.value(cell, f"{operation}/all")
    if total is None:
        return "-"
    return seconds_text(max(0.0, total - sum(summary.value(cell, f"{operation}/{stage}") or 0.0 for stage in stages)))
