"""What people see: lines and tables on stdout, progress and remarks on stderr, or one JSON object on stdout."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from point_sam.cli.failures import one_line

# The stages of `segment` and `everything`.
READING, LOADING, ENCODING, WRITING, DRAWING = "reading", "loading the model", "encoding", "writing", "drawing"
_PIPED_WIDTH = 200  # columns of a table that nobody looks at directly


def say(line: str) -> None:
    """A line of the answer."""
    print(one_line(line))


def remark(line: str) -> None:
    """A line beside the answer, on stderr."""
    print(one_line(line), file=sys.stderr)


def print_json(values: dict[str, Any]) -> None:
    """One JSON object on one line. Numbers that JSON does not know (NaN, infinity) become null."""
    print(json.dumps(_plain(values), ensure_ascii=False, allow_nan=False))


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """A table; the columns named in `right` are aligned there."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in header:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))
    width = None if sys.stdout.isatty() else _PIPED_WIDTH
    console = Console(file=sys.stdout, markup=False, highlight=False, emoji=False, width=width)
    with console.capture() as captured:
        console.print(table)
    print(captured.get(), end="")  # rich would answer a closed pipe by ending the process itself


class Stages:
    """A progress bar over the stages of one command, and how long each took.

    The bar is on stderr, and only there where it is a terminal.

    Attributes:
        seconds: by stage, of those that are over.
    """

    def __init__(self, total: int) -> None:
        self.seconds: dict[str, float] = {}
        self._total = total
        self._progress: Any = None
        self._task: Any = None

    def __enter__(self) -> "Stages":
        if sys.stderr.isatty():
            self._progress = _start_progress(spinner=True, transient=True)
            self._task = self._progress.add_task("", total=self._total)
        return self

    def __exit__(self, *error: Any) -> None:
        if self._progress is not None:
            self._progress.stop()

    @contextmanager
    def stage(self, name: str, *, hidden: bool = False) -> Iterator[None]:
        """The time of one stage; `hidden` takes the bar away meanwhile, for one that may draw its own (a download)."""
        start = time.perf_counter()
        if self._progress is not None:
            self._progress.update(self._task, description=name)
            if hidden:
                self._progress.stop()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 3)
        if self._progress is not None:
            if hidden:
                self._progress.start()
            self._progress.advance(self._task)


class Bars:
    """Bars over what can be counted, on stderr where that is a terminal; `transient` ones leave nothing behind."""

    def __init__(self, *, transient: bool = True) -> None:
        self._transient = transient
        self._progress: Any = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> "Bars":
        return self

    def __exit__(self, *error: Any) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(self, what: str, done: int, total: int | None) -> None:
        """So many are done, of so many where that is known; the bar appears with the first count."""
        if not sys.stderr.isatty():
            return
        if self._progress is None:
            self._progress = _start_progress(spinner=False, transient=self._transient)
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[what], completed=done, total=total)


def _start_progress(*, spinner: bool, transient: bool) -> Any:
    from rich import progress
    from rich.console import Console

    columns = [progress.TextColumn("{task.description}"), progress.BarColumn(), progress.MofNCompleteColumn()]
    started = progress.Progress(
        *([progress.SpinnerColumn()] if spinner else []),
        *columns,
        progress.TimeElapsedColumn(),
        *([] if spinner else [progress.TimeRemainingColumn()]),
        console=Console(stderr=True, markup=False, highlight=False),
        transient=transient,
    )
    started.start()
    return started


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None
    return _plain(value.item()) if hasattr(value, "item") else str(value)
