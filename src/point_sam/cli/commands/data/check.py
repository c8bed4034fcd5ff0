"""`point-sam data check`: what labelled data hold, and what is wrong with them."""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from point_sam.cli import options as shared
from point_sam.cli.console import Bars, print_json, print_table, remark, say

if TYPE_CHECKING:
    from point_sam.datasets.checking import DatasetCheck

EPILOG = (
    "Examples:\n\n  point-sam data check scans/\n\n  point-sam data check objects.npz --json\n\n"
    "Exit code 1 if there is any error; warnings leave it 0."
)
_SHOWN = 5  # clouds named for each kind of trouble; --json has all


def command(
    path: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of clouds, or another layout.")],
    layout: Annotated[str, typer.Option(metavar="NAME", help="How the data lie there; auto recognises it.")] = "auto",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Read at most so many clouds, spread evenly over the list.")
    ] = None,
    as_json: shared.Json = False,
) -> None:
    """Tell what labelled data hold, and what is wrong with them.

    Reads every cloud: points, labels, masks that training and evaluation would take, colours, families, splits; then
    files that cannot be used, labels that make no mask, equal clouds, splits that name what is not there, and more.
    """
    from point_sam.datasets.checking import check_dataset

    with Bars() as bars:
        checked = check_dataset(path, layout=layout, limit=limit, progress=partial(bars.show, "checking"))
    if as_json:
        print_json(_describe(checked))
    else:
        _print(checked)
    if checked.errors:
        remark(f"error: {path}: {checked.errors} errors in what is to be learnt from; they are listed above")
        raise typer.Exit(1)


def _describe(checked: "DatasetCheck") -> dict[str, Any]:
    return {
        "path": str(checked.path),
        "layout": checked.layout,
        "total": checked.total,
        "checked": checked.checked,
        "points": _spread([cloud.points for cloud in checked.clouds]),
        "masks": sum(cloud.masks for cloud in checked.clouds),
        "colored": sum(cloud.color for cloud in checked.clouds),
        "families": checked.families,
        "split_rule": checked.split_rule,
        "splits": dict(checked.splits),
        "errors": checked.errors,
        "warnings": len(checked.findings) - checked.errors,
        "findings": [vars(finding) for finding in checked.findings],
        "clouds": [vars(cloud) for cloud in checked.clouds],
    }


def _print(checked: "DatasetCheck") -> None:
    clouds, read = checked.clouds, len(checked.clouds)
    of = "" if checked.checked == checked.total else f", {checked.checked:,} of them read"
    say(f"data        {checked.path}")
    say(f"layout      {checked.layout}")
    say(f"clouds      {checked.total:,}{of}, {checked.checked - read:,} not usable")
    say(f"families    {checked.families:,}")
    splits = ", ".join(f"{name} {count:,}" for name, count in checked.splits.items()) or "none"
    say(f"splits      {splits} ({checked.split_rule})")
    if clouds:
        points, masks = _spread([cloud.points for cloud in clouds]), _spread([cloud.masks for cloud in clouds])
        say(f"points      {points['min']:,} to {points['max']:,}, median {points['median']:,}")
        say(f"colour      in {sum(cloud.color for cloud in clouds):,} of {read:,}")
        say(
            f"masks       {masks['min']:,} to {masks['max']:,} a cloud, {sum(cloud.masks for cloud in clouds):,} in all"
        )
        rows = []
        for granularity in dict.fromkeys(name for cloud in clouds for name in cloud.labels):
            counts = [cloud.labels[granularity] for cloud in clouds if granularity in cloud.labels]
            spread = _spread(counts)
            rows.append((granularity, str(len(counts)), *(f"{spread[key]:,}" for key in ("min", "median", "max"))))
        header = ("labels", "clouds", "fewest", "median", "most")
        print_table(header, rows, right=header[1:])
    if not checked.findings:
        say("Nothing is wrong.")
        return
    kinds = Counter((finding.level, finding.kind) for finding in checked.findings)
    rows = []
    for (level, kind), count in kinds.items():
        found = [finding for finding in checked.findings if (finding.level, finding.kind) == (level, kind)]
        for i, finding in enumerate(found[:_SHOWN]):
            rows.append(
                (level if i == 0 else "", f"{kind} ({count:,})" if i == 0 else "", finding.cloud, finding.message)
            )
        if count > _SHOWN:
            rows.append(("", "", f"and {count - _SHOWN:,} more", ""))
    print_table(("level", "what (how often)", "cloud", "found"), rows)


def _spread(values: list[int]) -> dict[str, int]:
    ordered = sorted(values) or [0]
    return {"min": ordered[0], "median": ordered[len(ordered) // 2], "max": ordered[-1]}
