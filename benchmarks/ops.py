"""Farthest point sampling, nearest neighbours and interpolation weights over all points of a cloud."""

from collections.abc import Callable
from contextlib import suppress

import torch

from benchmarks import naive
from benchmarks.child import Conditions, Findings, NoRoomError
from benchmarks.clouds import load_cloud
from benchmarks.contenders import NAIVE
from benchmarks.machine import Gauge
from benchmarks.tasks import Task
from point_sam import ops


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
