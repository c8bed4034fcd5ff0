"""From records to figures: medians, ratios, growth, and why a figure is missing."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.records import Record
from benchmarks.tasks import Task

# What is measured with every contender.
OPERATIONS = {"encode": "encode", "first_click": "first click", "later_click": "later click"}

Cell = tuple[str, str, str, int]


class Summary:
    """All records of one run.

    Args:
        records: of any tasks.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self.records: dict[Cell, list[Record]] = defaultdict(list)
        for record in records:
            self.records[record.task.cell].append(record)

    def values(self, cell: Cell, measure: str, key: str = "seconds") -> list[float]:
        """Every value of a measure, over processes and repetitions in them."""
        found = (finding for record in self.records.get(cell, []) for finding in record.findings)
        return [finding[key] for finding in found if finding["measure"] == measure and key in finding]

    def value(self, cell: Cell, measure: str, key: str = "seconds") -> float | None:
        """Their median, or None."""
        values = self.values(cell, measure, key)
        return float(median(values)) if values else None

    def has(self, cell: Cell, measure: str) -> bool:
        """Whether any process told of this measure."""
        return any(f["measure"] == measure for record in self.records.get(cell, []) for f in record.findings)

    def missing(self, cell: Cell, measure: str) -> str:
        """Why there is no figure."""
        records = self.records.get(cell, [])
        if not records:
            return "not tried"
        told = [finding for record in records for finding in record.findings]
        if any("failed" in finding for finding in told):
            return "no room"
        if any(record.stopped == "killed" for record in records):
            return "no room (killed)"
        return "not in time"

    def sizes(self, kind: str, model: str) -> list[int]:
        """Points that were measured, ascending."""
        return sorted({points for k, _, m, points in self.records if (k, m) == (kind, model)})

    def names(self, kind: str, model: str, *, points: int | None = None) -> list[str]:
        """Contenders that were measured, in that order."""
        cells = [cell for cell in self.records if (cell[0], cell[2]) == (kind, model)]
        return list(dict.fromkeys(who for _, who, _, size in cells if points in (None, size)))

    def models(self, kind: str) -> list[str]:
        """Models that were measured."""
        return list(dict.fromkeys(model for k, _, model, _ in self.records if k == kind))

    def series(self, kind: str, who: str, model: str, measure: str, key: str = "seconds") -> dict[int, float]:
        """Points and medians, where there are any."""
        pairs = ((size, self.value((kind, who, model, size), measure, key)) for size in self.sizes(kind, model))
        return {size: value for size, value in pairs if value is not None}

    def task(self, cell: Cell) -> Task:
        """A task of that cell."""
        return self.records[cell][0].task


def growth(series: dict[int, float]) -> float | None:
    """The exponent b of seconds ~ points^b, by least squares of the logarithms; None for fewer than two sizes."""
    if len(series) < 2:
        return None
    points, seconds = np.log(list(series)), np.log(list(series.values()))
    return float(np.polyfit(points, seconds, 1)[0])


def difference(path: Path, other: Path) -> float | None:
    """Relative L2 difference of two kept answers, |a - b| / |b|; None where one of them is missing."""
    if not (path.exists() and other.exists()):
        return None
    a, b = np.load(path), np.load(other)
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def seconds_text(seconds: float) -> str:
    """Three digits, in seconds or milliseconds."""
    return f"{seconds:.3g} s" if seconds >= 0.9995 else f"{seconds * 1e3:.3g} ms"


def time_cell(summary: Summary, cell: Cell, measure: str, plain: Cell | None) -> str:
    """Seconds, and how many times faster than at `plain`; or why there is no figure."""
    seconds = summary.value(cell, measure)
    if seconds is None:
        return summary.missing(cell, measure)
    base = None if plain is None or plain == cell else summary.value(plain, measure)
    return seconds_text(seconds) if base is None else f"{seconds_text(seconds)} ({base / seconds:.1f}x)"


def bytes_cell(summary: Summary, cell: Cell, measure: str, plain: Cell) -> str:
    """Memory, and its share of that at `plain`; or why there is no figure."""
    value = summary.value(cell, measure, "bytes")
    if value is None:
        return summary.missing(cell, measure)
    base = summary.value(plain, measure, "bytes") if plain != cell else None
    text = f"{value / 1e9:.2f} GB"
    return text if not base else f"{text} ({value / base:.0%})"


def table(head: list[str], lines: list[list[str]]) -> str:
    """Rows of cells in Markdown."""
    # Here, because a child process that measures its memory tells no tables.
    from point_sam.evaluation.tables import table

    return table(head, lines)
