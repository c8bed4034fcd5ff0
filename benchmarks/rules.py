"""What is not measured: repetitions of what takes long, and sizes that are hopeless. The tables state these rules."""

from collections.abc import Iterable

from benchmarks.records import Record
from benchmarks.tasks import NAIVE, Task

# A process that took more seconds is not repeated.
ONCE_ABOVE = 200.0
# The naive model is not tried where linear growth from the size before predicts so many times the patience, unless that
# size took so little that most of it did not grow with the points.
HOPELESS = 4
_TELLING = 100.0


def skip_reason(task: Task, known: Iterable[Record], patience: float) -> str | None:
    """Why a task is not tried, or None.

    Args:
        task: the task.
        known: what was measured before.
        patience: seconds that one process may take.
    """
    same = [record for record in known if record.task.cell[:3] == task.cell[:3]]
    for record in same:
        if record.stopped is not None and (record.task.points < task.points or record.task.cell == task.cell):
            return f"{record.task.points:,} points were stopped"
        if record.task.cell == task.cell and record.seconds > ONCE_ABOVE:
            return f"one repetition took {record.seconds:.0f} s"
    smaller = max((r for r in same if 0 < r.task.points < task.points), key=lambda r: r.task.points, default=None)
    if task.who == NAIVE and smaller is not None and smaller.seconds > _TELLING:
        expected = smaller.seconds * task.points / smaller.task.points
        if expected > HOPELESS * patience:
            return f"about {expected:.0f} s expected"
    return None


def rules_text(memory_limit: int, patience: float) -> str:
    """The rules for the reader of the tables."""
    return (
        f'A process may allocate {memory_limit / 1e9:.0f} GB ("no room": it needed more) and take {patience:.0f} s '
        f'("not in time": it took longer); one that took more than {ONCE_ABOVE:.0f} s is not repeated. Not tried are '
        "sizes above one that was not in time, and for the naive model those where linear growth predicts more than "
        f"{HOPELESS * patience:.0f} s."
    )
