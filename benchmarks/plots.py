"""The figures as pictures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.ops import NAMES as OPS
from benchmarks.stages import MODULES, PACKAGE_FUNCTIONS
from benchmarks.summary import OPERATIONS, Summary
from benchmarks.tasks import NAIVE
from point_sam.atomic import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 110
STAGES = (*PACKAGE_FUNCTIONS.values(), *MODULES.values(), "rest")


def draw_plots(summary: Summary, folder: Path) -> list[Path]:
    """Write a PNG for each model's speed, its memory, its operations and its stages, as far as there are figures.

    Raises:
        ImportError: matplotlib is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kinds: dict[str, Callable[[Summary, str], Figure]] = {"speed": _speed, "ops": _ops, "stages": _stages}
    paths = []
    for kind, draw in kinds.items():
        for model in summary.models(kind):
            path = folder / f"benchmark_{kind}_{model}.png"
            write_atomically(path, partial(draw(summary, model).savefig, format="png", dpi=_DPI))
            paths.append(path)
    return paths


def _speed(summary: Summary, model: str) -> Figure:
    figure, panels = _figure(len(OPERATIONS) + 1)
    for axes, (measure, name) in zip(panels, OPERATIONS.items(), strict=False):
        _lines(axes, summary, "speed", model, measure)
        axes.set(title=f"{model}: {name}", ylabel="seconds")
    _lines(panels[-1], summary, "speed", model, "peak", key="bytes", scale=1e-9)
    panels[-1].set(title="peak memory above weights", ylabel="GB")
    _legend(figure, panels[0])
    return figure


def _ops(summary: Summary, model: str) -> Figure:
    task = summary.task(next(cell for cell in summary.records if cell[0] == "ops" and cell[2] == model))
    figure, panels = _figure(len(OPS))
    for axes, (measure, name) in zip(panels, OPS.items(), strict=True):
        _lines(axes, summary, "ops", model, measure)
        axes.set(title=f"{name}, {task.num_groups} centres, {task.group_size} neighbours", ylabel="seconds")
        axes.title.set_fontsize(9)
    _legend(figure, panels[0])
    return figure


def _stages(summary: Summary, model: str) -> Figure:
    figure, panels = _figure(len(OPERATIONS))
    points = summary.sizes("stages", model)[-1]
    names = summary.names("stages", model, points=points)
    handles: dict[str, Any] = {}
    for axes, (operation, title) in zip(panels, OPERATIONS.items(), strict=True):
        spent = [_stage_seconds(summary, ("stages", who, model, points), operation) for who in names]
        left = [0.0] * len(names)
        for color, stage in enumerate(STAGES):
            widths = [seconds.get(stage, 0.0) for seconds in spent]
            handles[stage] = axes.barh(names, widths, left=left, color=f"C{color}")
            left = [start + width for start, width in zip(left, widths, strict=True)]
        axes.invert_yaxis()
        axes.set_title(f"{model}, {points:,} points: {title}", fontsize=9)
        axes.set(xlabel="seconds", xlim=(0, None))
    for axes in panels[1:]:
        axes.set_yticklabels([])
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=len(handles), fontsize=7)
    return figure


def _stage_seconds(summary: Summary, cell: tuple[str, str, str, int], operation: str) -> dict[str, float]:
    measures = dict.fromkeys(f["measure"] for record in summary.records[cell] for f in record.findings)
    found = {m.partition("/")[2]: summary.value(cell, m) for m in measures if m.startswith(f"{operation}/")}
    known = {stage: value for stage, value in found.items() if value is not None}
    total = known.pop("all", 0.0)
    return {**known, "rest": max(0.0, total - sum(known.values()))}


def _lines(
    axes: Axes, summary: Summary, kind: str, model: str, measure: str, *, key: str = "seconds", scale: float = 1.0
) -> None:
    """One line per contender over the points, both axes logarithmic, so that linear growth is a slope of one."""
    for who in summary.names(kind, model):
        series = summary.series(kind, who, model, measure, key)
        color = "grey" if who == NAIVE else None
        axes.plot(list(series), [value * scale for value in series.values()], marker="o", label=who, color=color)
    axes.set(xscale="log", yscale="log", xlabel="points")
    axes.grid(which="major", linewidth=0.3)


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=8)


def _figure(panels: int) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.6 * panels, 3.3), layout="constrained")
    return figure, list(figure.subplots(1, panels, squeeze=False)[0])
