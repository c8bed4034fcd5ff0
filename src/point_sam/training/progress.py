"""What people see of a run: a live bar, plain lines, or nothing but remarks."""

import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# Steps over which the time per step is averaged.
_WINDOW = 20


@dataclass(frozen=True)
class StepFigures:
    """One step, over all processes.

    Attributes:
        step: steps done.
        loss, iou: means over the masks, one per round; empty where the encoder learnt alone.
        affinity: mean IoU of the parts by the encoder's embeddings alone, where they were compared.
        norm: of the gradient, before clipping.
        learning_rate: of the step.
        points: per cloud.
        seconds: that the step took, of them `wait_seconds` waiting for its clouds.
        skipped, bad_steps: so far.
    """

    step: int
    loss: list[float]
    iou: list[float]
    affinity: float | None
    norm: float
    learning_rate: float
    points: int
    seconds: float
    wait_seconds: float
    skipped: int
    bad_steps: int


class Reporter:
    """Who is told what happens: nobody. Only the first process of a run tells anyone."""

    def begin(self, done: int, steps: int) -> None:
        """The run starts after `done` of `steps` steps."""

    def step(self, figures: StepFigures) -> None:
        """A step is done."""

    def validated(self, step: int, iou_at: Sequence[float], *, best: bool) -> None:
        """Validation gave these mean IoUs; `best` is the best of the run so far."""

    def remark(self, text: str) -> None:
        """Something that people should know."""

    def end(self) -> None:
        """Nothing more will come."""


class Quiet(Reporter):
    """Remarks only, on stderr."""

    def remark(self, text: str) -> None:
        """A line on stderr."""
        print(text, file=sys.stderr, flush=True)


class Lines(Quiet):
    """A line on stderr every few steps, for logs and pipes."""

    def __init__(self, every: int = 10) -> None:
        self.every = every
        self._pace = _Pace()

    def begin(self, done: int, steps: int) -> None:
        """Remember where the run goes."""
        self._pace = _Pace(steps)

    def step(self, figures: StepFigures) -> None:
        """The line, where it is its turn."""
        self._pace.add(figures.seconds)
        if figures.step % self.every == 0 or figures.step == self._pace.steps:
            self.remark(f"step {figures.step}/{self._pace.steps}  {_words(figures)}  {self._pace.words(figures.step)}")

    def validated(self, step: int, iou_at: Sequence[float], *, best: bool) -> None:
        """The IoU after each click."""
        clicks = "click" if len(iou_at) == 1 else "clicks"
        words = f"IoU after 1..{len(iou_at)} {clicks} {_numbers(iou_at)}{' (best so far)' if best else ''}"
        self.remark(f"validation after step {step}: {words}")


class Bar(Lines):
    """A live bar on a terminal's stderr."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: Any = None
        self._task: Any = None

    def begin(self, done: int, steps: int) -> None:
        """Draw it."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.table import Column

        super().begin(done, steps)
        # On a terminal of 80 columns the bar gives way, not the count.
        count = MofNCompleteColumn(table_column=Column(no_wrap=True, min_width=len(f"{steps}/{steps}")))
        columns = (count, BarColumn(10), TextColumn("{task.description}"))
        self._bar = Progress(*columns, console=Console(stderr=True, markup=False, highlight=False))
        self._bar.start()
        self._task = self._bar.add_task("", total=steps, completed=done)

    def step(self, figures: StepFigures) -> None:
        """Move it."""
        self._pace.add(figures.seconds)
        words = f"{_words(figures)}  {self._pace.words(figures.step)}"
        self._bar.update(self._task, completed=figures.step, description=words)

    def remark(self, text: str) -> None:
        """A line above the bar."""
        if self._bar is None:
            super().remark(text)
        else:
            self._bar.console.print(text)

    def end(self) -> None:
        """Leave the bar where it stands."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def choose_reporter(*, quiet: bool = False) -> Reporter:
    """A bar where stderr is a terminal, lines where it is not."""
    if quiet:
        return Quiet()
    return Bar() if sys.stderr.isatty() else Lines()


class _Pace:
    """Time per step, and the time left."""

    def __init__(self, steps: int = 0) -> None:
        self.steps = steps
        self._seconds: deque[float] = deque(maxlen=_WINDOW)

    def add(self, seconds: float) -> None:
        self._seconds.append(seconds)

    def words(self, step: int) -> str:
        pace = sum(self._seconds) / len(self._seconds)
        return f"{pace:.2f} s/step  {_duration(pace * (self.steps - step))} left"


def _words(figures: StepFigures) -> str:
    words = f"lr {figures.learning_rate:.1e}"
    if figures.affinity is not None:
        words = f"affinity {figures.affinity:.3f}  {words}"
    if figures.loss:
        words = f"loss {sum(figures.loss) / len(figures.loss):.3f}  iou {_numbers(figures.iou)}  {words}"
    if figures.skipped:
        words += f"  skipped clouds {figures.skipped}"
    if figures.bad_steps:
        words += f"  skipped steps {figures.bad_steps}"
    return words


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.3f}" for value in values)


def _duration(seconds: float) -> str:
    minutes = int(seconds) // 60
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min {int(seconds) % 60:02d} s" if minutes else f"{int(seconds)} s"
