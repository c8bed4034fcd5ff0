"""Several models on the same samples, side by side in Markdown."""

from collections.abc import Sequence

from point_sam.evaluation.report import Report
from point_sam.evaluation.statistics import LOSS, NOC_THRESHOLDS
from point_sam.evaluation.tables import or_dash, share_or_dash, shown_clicks, table, with_interval


def comparison_table(reports: Sequence[Report]) -> str:
    """Several models on the same samples, one line each: IoU after 1, 3, 5, 10, … clicks and NoC, with
    intervals, and the share of later clicks that cost IoU.

    Raises:
        ValueError: there is no report, or the reports differ in their objects, masks or clicks.
    """
    if not reports:
        raise ValueError("reports is empty; a comparison needs at least one")
    keys = [[(o.name, o.num_points, o.iou.shape) for o in report.objects] for report in reports]
    for report, key in zip(reports, keys, strict=True):
        if key != keys[0]:
            raise ValueError(f"{report.model} and {reports[0].model} were not evaluated on the same samples and clicks")
    cap = reports[0].clicks
    shown = shown_clicks(cap)
    head = ["model", *(f"IoU@{k}" for k in shown), *(f"NoC@{t * 100:.0f}" for t in NOC_THRESHOLDS), "lost"]
    lines = []
    for report in reports:
        ious = [with_interval(report.iou_at[k - 1], report.iou_interval[k - 1], 3) for k in shown]
        nocs = [with_interval(report.noc(t), report.noc_interval(t), 2) for t in NOC_THRESHOLDS]
        lines.append([report.model, *ious, *nocs, share_or_dash(report.lost)])
    first = reports[0]
    note = (
        f"{first.num_masks} masks of {len(first.objects)} objects; means over masks, in brackets the "
        f"{float(first.settings['confidence']):.0%} bootstrap interval over objects; NoC capped at {cap} clicks; "
        f"lost: clicks after the first that cost more than {LOSS} IoU."
    )
    return f"{table(head, lines)}\n\n{note}\n"


def by_object_table(reports: Sequence[Report]) -> str:
    """IoU as means over objects of the means over their masks, one line per model."""
    shown = shown_clicks(reports[0].clicks)
    lines = [[report.model, *(f"{report.iou_at_by_object[k - 1]:.3f}" for k in shown)] for report in reports]
    return table(["model", *(f"IoU@{k}" for k in shown)], lines)


def score_table(reports: Sequence[Report]) -> str:
    """How far predicted IoUs can be relied on, one line per model that predicts them; empty if none does."""
    head = [
        "model",
        "correlation, all clicks",
        "correlation, candidates",
        "rank within a click",
        "best taken",
        "IoU lost",
    ]
    lines = [
        [
            report.model,
            or_dash(report.score_correlation),
            or_dash(report.candidate_correlation),
            or_dash(report.rank_correlation),
            f"{report.best_chosen:.1%}",
            f"{report.choice_loss:.3f}",
        ]
        for report in reports
        if all(result.iou_scores is not None for result in report.objects)
    ]
    return table(head, lines) if lines else ""


def group_table(reports: Sequence[Report], by: str) -> str:
    """IoU after the first, fifth and last click for each family or package, one line each.

    Args:
        reports: on the same objects.
        by: "family" or "package".
    """
    shown = sorted({1, min(5, reports[0].clicks), reports[0].clicks})
    groups = [report.groups(by) for report in reports]
    head = [by, "objects", "masks", *(f"{report.model} @{k}" for report in reports for k in shown)]
    lines = [
        [
            name or "-",
            str(len(first.objects)),
            str(first.num_masks),
            *(f"{group[name].iou_at[k - 1]:.3f}" for group in groups for k in shown),
        ]
        for name, first in groups[0].items()
    ]
    return table(head, lines)
