"""Farthest point sampling, nearest neighbours and interpolation weights over all points of a cloud."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import torch

from benchmarks import naive
from benchmarks.child import Conditions, Findings, NoRoomError
from benchmarks.clouds import load_cloud
from benchmarks.contenders import NAIVE
from benchmarks.machine import Gauge
from benchmarks.summary import Summary, bytes_cell, table, time_cell
from benchmarks.tasks import LARGE_FROM, PACKAGE, Plan, Task, groups_of, take_turns
from point_sam import ops

NAMES = {"fps": "FPS", "knn": "kNN", "interpolation": "interpolation"}


def tasks(plan: Plan) -> Iterator[Task]:
    """Both with every model's groups; always those of large clouds, as sizes are compared."""
    for model in plan.models:
        for points in plan.sizes:
            yield from take_turns(plan, "ops", model, points, groups_of(model, LARGE_FROM), (PACKAGE,))


@torch.no_grad()
def measure(task: Task, conditions: Conditions, findings: Findings) -> None:
    """Tells "fps", "knn" and "interpolation", each several times if it is quick, and "peak" above the cloud."""
    coords = torch.from_numpy(load_cloud(conditions.path, task.points).coords)[None].to(conditions.device)
    groups, size = min(task.num_groups, task.points), min(task.group_size, task.points)
    plain = task.who == NAIVE
    farthest = naive.farthest_points if plain else ops.farthest_point_sample
    nearest = naive.nearest_points if plain else ops.nearest
    weights = naive.interpolation if plain else ops.interpolation_weights
    farthest(coords[:, :2048], 16)  # the first call of a library costs more than the work
    nearest(coords[:, :16], coords[:, :2048], 4)
    gauge = Gauge(conditions.device)
    try:
        chosen = findings.repeat("fps", farthest, coords, groups)
    except NoRoomError:
        return
    centers = ops.gather_points(coords, chosen)
    calls: dict[str, Callable[[], object]] = {
        "knn": lambda: nearest(centers, coords, size),
        "interpolation": lambda: weights(coords, centers),
    }
    for name, call in calls.items():
        with suppress(NoRoomError):
            findings.repeat(name, call)
    findings.tell("peak", bytes=gauge.peak())


def tables(summary: Summary, conditions: Conditions) -> Iterator[str]:
    """One for each model's groups."""
    for model in summary.models("ops"):
        yield _table_of(summary, model)


def _table_of(summary: Summary, model: str) -> str:
    lines = []
    for points in summary.sizes("ops", model):
        plain = ("ops", NAIVE, model, points)
        for who in (NAIVE, PACKAGE):
            cell = ("ops", who, model, points)
            peak = bytes_cell(summary, cell, "peak", plain)
            lines.append([f"{points:,}", who, *(time_cell(summary, cell, m, plain) for m in NAMES), peak])
    task = summary.task(next(cell for cell in summary.records if cell[0] == "ops" and cell[2] == model))
    title = f"## Point operations, {task.num_groups} centres, {task.group_size} neighbours"
    return f"{title}\n\n{table(['points', '', *NAMES.values(), 'peak memory'], lines)}"
