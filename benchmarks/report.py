"""The figures as Markdown."""

from typing import Any

from benchmarks import ops
from benchmarks.child import Conditions
from benchmarks.rules import rules_text
from benchmarks.summary import OPERATIONS, Summary, growth, table
from benchmarks.tasks import KINDS, module_of


def markdown(summary: Summary, about: dict[str, Any], conditions: Conditions) -> str:
    """Every table that there are figures for, under a heading each."""
    sections = [_head(summary, about, conditions)]
    for kind in KINDS:
        sections += module_of(kind).tables(summary, conditions)
    sections.append(_growth(summary))
    return "\n\n".join(section for section in sections if section) + "\n"


def _head(summary: Summary, about: dict[str, Any], conditions: Conditions) -> str:
    gpu = f"{about['gpu']}; " if about["gpu"] else ""
    most = max((len(records) for records in summary.records.values()), default=0)
    return (
        f"{gpu}{about['processor']}, {about['cores']} cores of which {conditions.threads} were used, "
        f"{about['memory_gb']:g} GB; torch {about['torch']}; revision {about['revision']}. "
        f"Medians of up to {most} processes each, which took turns. Every process measured one cloud with one model, "
        f"after a first run at full size that is not counted (but where it says prompts). "
        f"In brackets: how many times faster than the naive model (for memory: its share of the naive model's). "
        f"{rules_text(conditions.memory_limit, about['patience'])}"
    )


def _growth(summary: Summary) -> str:
    lines = []
    for kind, measures in (("ops", ops.NAMES), ("speed", OPERATIONS)):
        for model in summary.models(kind):
            for who in summary.names(kind, model):
                for measure, name in measures.items():
                    series = _same_groups(summary, kind, who, model, summary.series(kind, who, model, measure))
                    exponent = growth(series)
                    if exponent is not None:
                        span = f"{min(series):,} to {max(series):,}"
                        label = "{} of {}".format(*_groups(summary, kind, who, model, max(series)))
                        lines.append([f"{name}, {model} ({label})", who, span, f"{exponent:.2f}"])
    note = "The exponent b of seconds ~ points^b, by least squares of the logarithms, at one grouping."
    return (
        f"## Growth with the number of points\n\n{table(['', '', 'points', 'exponent'], lines)}\n\n{note}"
        if lines
        else ""
    )


def _groups(summary: Summary, kind: str, who: str, model: str, points: int) -> tuple[int, int]:
    task = summary.task((kind, who, model, points))
    return task.num_groups, task.group_size


def _same_groups(summary: Summary, kind: str, who: str, model: str, series: dict[int, float]) -> dict[int, float]:
    if not series:
        return {}
    wanted = _groups(summary, kind, who, model, max(series))
    return {size: value for size, value in series.items() if _groups(summary, kind, who, model, size) == wanted}
