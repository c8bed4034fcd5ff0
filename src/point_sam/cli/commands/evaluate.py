"""`point-sam evaluate`: how good models are on labelled clouds."""

import os
import shlex
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from point_sam.cli import options as shared
from point_sam.cli.console import Bars, print_json, print_table, remark, say

if TYPE_CHECKING:
    from point_sam.evaluation import Evaluation, ModelChoice
    from point_sam.evaluation.runs import Progress

EPILOG = (
    "Examples:\n\n"
    "  point-sam evaluate DATA --out results\n\n"
    "  point-sam evaluate DATA --model tiny --model nearest-click --model best-sphere --clicks 5 --out results\n\n"
    "  point-sam evaluate objects.npz --limit 60 --max-masks 8 --by package --out results\n\n"
    "  point-sam evaluate DATA --model before=tiny --model after=run/final --split test --out results"
)
_MOST_TOLD = 20  # bad objects on stderr
_MOST_JOBS = 8  # by default: each process holds the model and one object


class Split(str, Enum):
    """Of the data; auto is the first of val, test and all that there is."""

    AUTO = "auto"
    TRAIN = "train"
    VAL = "val"
    TEST = "test"
    ALL = "all"


class By(str, Enum):
    """What to group the objects by."""

    NONE = "none"
    FAMILY = "family"
    PACKAGE = "package"


class Scales(str, Enum):
    """What networks look at."""

    WHOLE = "whole"
    BALLS = "balls"


class UpAxis(str, Enum):
    """What becomes of the axes."""

    KEPT = "kept"
    Z_TO_Y = "z-to-y"


@dataclass(frozen=True)
class OutputOptions:
    """What is written."""

    panel: ClassVar = "Output"
    out: Path = shared.option(
        ...,
        "-o",
        "--out",
        metavar="FOLDER",
        help="Where report.md, tables, plots and pictures go; it is created if need be. An interrupted "
        "evaluation there is continued.",
    )
    by: By = shared.option(By.NONE, help="Add a table by this.")
    plots: bool = shared.option(True, "--plots/--no-plots", help="Draw plots; needs matplotlib.")
    pictures: int = shared.option(3, min=0, help="Pictures of the best and of the worst masks of each network.")
    as_json: bool = shared.option(False, "--json", help="Print one JSON object on stdout instead of a table.")


@dataclass(frozen=True)
class ObjectOptions:
    """What to measure on."""

    panel: ClassVar = "Objects and masks"
    layout: str = shared.option(
        "auto", metavar="NAME", help="How DATA lies on disk (docs/datasets.md); auto recognises it."
    )
    split: Split = shared.option(Split.AUTO, help="auto is the first of val, test and all that DATA has.")
    package: list[str] | None = shared.option(
        None, metavar="NAME", help="Only objects of this package, where DATA names them. Repeat."
    )
    limit: int | None = shared.option(None, min=1, help="A random choice of so many objects.")
    max_masks: int | None = shared.option(None, min=1, help="A random choice of so many masks of each object.")
    max_points: int | None = shared.option(None, min=1, help="A random choice of so many points of each object.")
    granularity: list[str] | None = shared.option(
        None, metavar="NAME", help="Only these labels of DATA, else all. Repeat."
    )
    min_points: int = shared.option(50, min=1, help="Leave out masks of fewer points.")
    max_share: float = shared.option(0.95, min=0, max=1, help="Leave out masks of a larger share of the points.")
    color: bool = shared.option(True, "--color/--no-color", help="Show the colours.")
    up: UpAxis = shared.option(UpAxis.KEPT, help="z-to-y turns z-up scans to y-up, as upstream does for KITTI-360.")
    seed: int = shared.option(0, min=0, help="Of every random choice and of the bootstrap.")


def command(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Labelled clouds, in a layout that is known.")],
    *,
    output: OutputOptions,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="[NAME=]MODEL",
            show_default="tiny",
            help="tiny, large, a hub id, a file or folder of weights, or a baseline: nearest-click, best-sphere. "
            "Repeat to compare.",
        ),
    ] = None,
    scales: Annotated[
        list[Scales] | None,
        typer.Option(
            show_default="both",
            help="What networks look at: whole clouds, or balls of several sizes round the clicks, as a session does. "
            "Repeat for both.",
        ),
    ] = None,
    clicks: Annotated[int, typer.Option(min=1, help="Clicks on each mask.")] = 10,
    objects: ObjectOptions,
    networks: shared.NetworkOptions,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            show_default="cores, at most 8; 1 on a GPU",
            help="Processes, each with the model and one object. The figures do not depend on it.",
        ),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each process; they change the rounding of sums.")] = 1,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on with what is in FOLDER, or start anew.")
    ] = True,
) -> None:
    """Measure how well models segment labelled clouds with simulated clicks.

    The first click falls on the deepest point of a mask, each later one on the deepest point of the larger error. Told
    are the IoU after each click with bootstrap intervals, the clicks needed to an IoU of 0.80, 0.85 and 0.90, the share
    of later clicks that cost IoU, and how well the predicted IoU tells the true one. Each network is measured on whole
    clouds, and once more through balls round the clicks.
    """
    from point_sam.evaluation import DataChoice, SampleRule, choose_models, evaluate_dataset
    from point_sam.evaluation.cases import draw_cases
    from point_sam.evaluation.outputs import write_page, write_reports
    from point_sam.evaluation.plots import check_matplotlib, draw_plots
    from point_sam.evaluation.workers import torch_threads

    if output.plots:
        check_matplotlib()
    out = output.out
    choice = DataChoice(
        data, objects.layout, objects.split.value, tuple(objects.package or ()), objects.limit, objects.seed
    )
    models = choose_models(
        model or ["tiny"],
        **networks.grouping(),
        device=networks.device,
        precision=networks.precision.value,
        scales=[scale.value for scale in scales or Scales],
    )
    rule = SampleRule(
        objects.max_points,
        objects.max_masks,
        objects.min_points,
        objects.max_share,
        tuple(objects.granularity or ()),
        objects.color,
        objects.up.value,
        objects.seed,
    )
    try:
        with Bars(transient=False) as bars:
            evaluation = evaluate_dataset(
                choice,
                models,
                out,
                rule=rule,
                clicks=clicks,
                jobs=_default_jobs(models, networks.device) if jobs is None else jobs,
                threads=threads,
                resume=resume,
                progress=bars.show if sys.stderr.isatty() else _progress_lines(),
            )
    except KeyboardInterrupt:
        remark(f"finished objects are in {out}; the same command goes on from there")
        raise
    files = write_reports(out, evaluation.reports)
    plotted = draw_plots(evaluation.reports, out) if output.plots else []
    drawn = []
    if output.pictures:
        dataset = choice.open()
        for chosen, report in zip(models, evaluation.reports, strict=True):
            if not chosen.is_baseline:
                with torch_threads(threads):
                    drawn += draw_cases(report, dataset, rule, chosen.build(), out / chosen.name, count=output.pictures)
    page = write_page(
        out,
        evaluation,
        by=None if output.by is By.NONE else output.by.value,
        plots=plotted,
        pictures=drawn,
        command=shlex.join(["point-sam", *sys.argv[1:]]),
    )
    files = [page, *files, *plotted, *(picture.path for picture in drawn)]
    _tell(evaluation, out, files, as_json=output.as_json)


def _default_jobs(models: "tuple[ModelChoice, ...]", device: str | None) -> int:
    """One process per core, eight at most; one where a network runs on a GPU, which processes would only share."""
    import torch

    on_cpu = device == "cpu" or (device is None and not torch.cuda.is_available())
    if not on_cpu and not all(model.is_baseline for model in models):
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _MOST_JOBS)


def _progress_lines() -> "Progress":
    """For what is no terminal: a line when a model is begun and when it is done."""
    begun: set[str] = set()

    def tell(model: str, done: int, count: int) -> None:
        if model not in begun and 0 < done < count:
            remark(f"{model}: going on with {done} of {count} objects done")
        begun.add(model)
        if done == count:
            remark(f"{model}: {count} objects done")

    return tell


def _tell(evaluation: "Evaluation", out: Path, files: list[Path], *, as_json: bool) -> None:
    """The comparison and what was left out, or all figures as one JSON object."""
    for name, reason in list(evaluation.problems.items())[:_MOST_TOLD]:
        remark(f"left out {name}: {reason}")
    if len(evaluation.problems) > _MOST_TOLD:
        remark(f"left out {len(evaluation.problems) - _MOST_TOLD} more, see {out / 'report.md'}")
    if evaluation.unusable:
        remark(f"left out {len(evaluation.unusable)} objects without a usable mask, listed in {out / 'report.md'}")
    if as_json:
        print_json(
            {
                "out": str(out),
                "files": [str(path) for path in files],
                "resumed": evaluation.resumed,
                "problems": evaluation.problems,
                "unusable": list(evaluation.unusable),
                "models": {report.model: report.summary() for report in evaluation.reports},
            }
        )
        return
    from point_sam.evaluation.statistics import LOSS, NOC_THRESHOLDS
    from point_sam.evaluation.tables import share_or_dash, shown_clicks

    first = evaluation.reports[0]
    shown = shown_clicks(first.clicks)
    header = ["model", *(f"IoU@{k}" for k in shown), *(f"NoC@{t * 100:.0f}" for t in NOC_THRESHOLDS), "lost"]
    rows = [
        [
            report.model,
            *(f"{report.iou_at[k - 1]:.3f}" for k in shown),
            *(f"{report.noc(t):.2f}" for t in NOC_THRESHOLDS),
            share_or_dash(report.lost),
        ]
        for report in evaluation.reports
    ]
    print_table(header, rows, right=header[1:])
    say(f"means over {first.num_masks} masks of {len(first.objects)} objects; NoC counts {first.clicks} clicks at most")
    say(f"lost: clicks after the first that cost more than {LOSS} IoU")
    say(f"wrote {out / 'report.md'} and {len(files) - 1} files beside it")
