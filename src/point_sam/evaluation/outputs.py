"""The folder that an evaluation leaves: a page to read, tables to compute with, plots and pictures to look at."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from point_sam.atomic import write_atomically
from point_sam.evaluation.cases import Picture
from point_sam.evaluation.comparison import by_object_table, comparison_table, group_table, score_table
from point_sam.evaluation.report import Report
from point_sam.evaluation.runs import Evaluation
from point_sam.evaluation.tables import flat_settings, table

PAGE = "report.md"
_MOST_LISTED = 500  # bad objects on the page; all are counted


def write_reports(out: Path, reports: Sequence[Report]) -> list[Path]:
    """`NAME/report.json` and `NAME/objects.csv` of each model.

    Raises:
        OSError: a file cannot be written.
    """
    paths = []
    for report in reports:
        for name, text in (("report.json", report.to_json()), ("objects.csv", report.to_csv())):
            path = out / report.model / name
            _write(path, text)
            paths.append(path)
    return paths


def write_page(
    out: Path,
    evaluation: Evaluation,
    *,
    by: str | None = None,
    plots: Sequence[Path] = (),
    pictures: Sequence[Picture] = (),
    command: str = "",
) -> Path:
    """`report.md`: the comparison, what may be relied on, what was left out, every setting.

    Args:
        out: the folder of the evaluation.
        evaluation: what came out.
        by: "family" or "package" adds a table by that.
        plots, pictures: files in `out`, to be shown.
        command: what made it.

    Raises:
        OSError: the file cannot be written.
    """
    reports = evaluation.reports
    data = reports[0].settings["data"]
    parts = [
        "# Evaluation",
        f"{data['objects']} objects of {data['path']} (layout {data['layout']}, split {data['split']}).",
        comparison_table(reports).rstrip(),
        "Means over objects of the means over their masks:",
        by_object_table(reports),
    ]
    scores = score_table(reports)
    if scores:
        parts += ["Predicted IoU, of the mask taken after each click and of the first click's candidates:", scores]
    if by is not None:
        parts += [f"## By {by}", group_table(reports, by)]
    parts += _left_out(evaluation)
    parts += [_image(path, out) for path in plots]
    if pictures:
        parts.append("## Best and worst, by the mean IoU over all clicks")
    for picture in pictures:
        parts += [f"{picture.caption}:", _image(picture.path, out)]
    parts += ["## Settings", _settings_table(reports)]
    if command:
        parts += ["Made by", f"```sh\n{command}\n```"]
    path = out / PAGE
    _write(path, "\n\n".join(parts) + "\n")
    return path


def _image(path: Path, out: Path) -> str:
    """A picture in Markdown, where a name may have blanks but an address may not."""
    return f"![{path.stem}]({quote(path.relative_to(out).as_posix())})"


def _left_out(evaluation: Evaluation) -> list[str]:
    parts = []
    if evaluation.problems:
        lines = [[name, reason] for name, reason in list(evaluation.problems.items())[:_MOST_LISTED]]
        parts += [f"## {len(evaluation.problems)} objects that cannot be used", table(["object", "reason"], lines)]
    if evaluation.unusable:
        names = ", ".join(evaluation.unusable[:_MOST_LISTED])
        more = f" and {len(evaluation.unusable) - _MOST_LISTED} more" if len(evaluation.unusable) > _MOST_LISTED else ""
        parts += [f"{len(evaluation.unusable)} objects have no mask that the rule allows: {names}{more}."]
    return parts


def _settings_table(reports: Sequence[Report]) -> str:
    """One column per model; a setting that all share stands once."""
    flat: list[dict[str, Any]] = [flat_settings(report.settings) for report in reports]
    keys = list(dict.fromkeys(key for settings in flat for key in settings))
    lines = []
    for key in keys:
        values = [str(settings.get(key, "-")) for settings in flat]
        lines.append([key, " / ".join(values if len(set(values)) > 1 else values[:1])])
    return table(["setting", "value"], lines)


def _write(path: Path, text: str) -> None:
    write_atomically(path, lambda file: file.write(text.encode()))
