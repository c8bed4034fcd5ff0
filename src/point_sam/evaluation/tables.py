"""Reports as text: Markdown for people, CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from point_sam.evaluation.statistics import NOC_THRESHOLDS, clicks_needed

if TYPE_CHECKING:
    from point_sam.evaluation.report import Report


def comparison_table(reports: Sequence[Report]) -> str:
    """Several models on the same samples, one line each: IoU after 1, 3, 5, 10, … clicks and NoC, with intervals.

    Raises:
        ValueError: there is no report, or the reports differ in their objects, masks or clicks.
    """
    if not reports:
        raise ValueError("reports is empty; a comparison needs at least one")
    keys = [[(o.name, o.num_points, o.iou.shape) for o in report.objects] for report in reports]
    for report, key in zip(reports, keys, strict=True):
        if key != keys[0]:
            raise ValueError(f"{report.model} and {reports[0].model} were not evaluated on the same samples and clicks")
    shown = _shown_clicks(reports[0].clicks)
    cap = reports[0].clicks
    head = ["model", *(f"IoU@{k}" for k in shown), *(f"NoC@{t * 100:.0f}" for t in NOC_THRESHOLDS)]
    lines = []
    for report in reports:
        ious = [_with_interval(report.iou_at[k - 1], report.iou_interval[k - 1], 3) for k in shown]
        nocs = [_with_interval(report.noc(t), report.noc_interval(t), 2) for t in NOC_THRESHOLDS]
        lines.append([report.model, *ious, *nocs])
    first = reports[0]
    note = (
        f"{first.num_masks} masks of {len(first.objects)} objects; means over masks, in brackets the "
        f"{float(first.settings['confidence']):.0%} bootstrap interval over objects; NoC capped at {cap} clicks."
    )
    return f"{_table(head, lines)}\n{note}\n"


def markdown_report(report: Report) -> str:
    """One model: IoU after every click, NoC, predicted against true IoU, settings."""
    ious = [
        [str(k + 1), _with_interval(report.iou_at[k], report.iou_interval[k], 3), f"{report.iou_at_by_object[k]:.3f}"]
        for k in range(report.clicks)
    ]
    nocs = [
        [f"{t:.2f}", _with_interval(report.noc(t), report.noc_interval(t), 2), f"{report.reached(t):.1%}"]
        for t in NOC_THRESHOLDS
    ]
    scores = [
        ["correlation of predicted and true IoU, all clicks", _or_dash(report.score_correlation)],
        ["the same, candidates of the first click", _or_dash(report.candidate_correlation)],
        ["IoU lost to the best candidate of the first click", f"{report.choice_loss:.3f}"],
    ]
    parts = [
        f"# {report.model}",
        f"{report.num_masks} masks of {len(report.objects)} objects. In brackets: "
        f"{float(report.settings['confidence']):.0%} bootstrap intervals over objects.",
        _table(["clicks", "IoU, mean over masks", "mean over objects"], ious),
        _table(["IoU to reach", f"clicks needed (cap {report.clicks})", "masks that reach it"], nocs),
        _table(["predicted IoU", ""], scores),
        _table(["setting", "value"], [[key, str(value)] for key, value in report.settings.items()]),
    ]
    return "\n\n".join(parts) + "\n"


def csv_table(report: Report) -> str:
    """Name, points, masks, mean IoU after each click, mean clicks needed, seconds; one line per object."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    ious = [f"iou_at_{k + 1}" for k in range(report.clicks)]
    nocs = [f"noc_{t * 100:.0f}" for t in NOC_THRESHOLDS]
    writer.writerow(["name", "num_points", "masks", *ious, *nocs, "seconds"])
    for result in report.objects:
        needed = [clicks_needed(result.iou, t).mean() for t in NOC_THRESHOLDS]
        means = [f"{value:.6f}" for value in (*result.iou.mean(0), *needed)]
        writer.writerow([result.name, result.num_points, len(result.iou), *means, f"{result.seconds:.3f}"])
    return text.getvalue()


def _shown_clicks(clicks: int) -> list[int]:
    return sorted({k for k in (1, 3, 5, 10, 15, 20) if k <= clicks} | {clicks})


def _with_interval(value: float, interval: tuple[float, float], digits: int) -> str:
    return f"{value:.{digits}f} [{interval[0]:.{digits}f}, {interval[1]:.{digits}f}]"


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _table(head: list[str], lines: list[list[str]]) -> str:
    rows = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in line] for line in lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
