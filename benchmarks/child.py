"""One task in a process of its own, because peak memory never falls and a process is not warm from another's work.

    python -m benchmarks.child '{"task": {...}, "conditions": {...}}'

Every finding is a line of JSON on the standard output as soon as it is known, so that one that takes too long loses
nothing that came before.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks import machine
from benchmarks.tasks import Task, module_of

MARK = "benchmark "


@dataclass(frozen=True)
class Conditions:
    """What all processes of one run have in common.

    Attributes:
        folder: clouds and answers go here.
        device: "cpu" or "cuda".
        threads: cores that a process may use.
        memory_limit: bytes that it may allocate on the CPU.
        budget: seconds after which a measure is not repeated within a process.
        prompts: objects that are clicked on at once.
        data: labelled objects for the agreement table, or None.
        rows, max_masks, clicks: objects, masks of each, and clicks on each mask there.
    """

    folder: str
    device: str
    threads: int
    memory_limit: int
    budget: float = 10.0
    prompts: int = 64
    data: str | None = None
    rows: int = 20
    max_masks: int = 3
    clicks: int = 5

    def to_dict(self) -> dict[str, Any]:
        """JSON values, the inverse of `Conditions(**values)`."""
        return asdict(self)

    @property
    def path(self) -> Path:
        """`folder`."""
        return Path(self.folder)

    @property
    def decisive(self) -> dict[str, Any]:
        """What figures of one file have in common; the choice of objects is part of the tasks that take them."""
        names = ("device", "threads", "memory_limit", "budget", "prompts")
        return {name: getattr(self, name) for name in names}

    @property
    def choice(self) -> str:
        """The choice of objects, in words; empty without data."""
        if self.data is None:
            return ""
        name = Path(self.data).name
        return f"{name}, {self.rows} objects, up to {self.max_masks} masks of each, {self.clicks} clicks"


def _write(finding: dict[str, Any]) -> None:
    print(MARK + json.dumps(finding), flush=True)


class Findings:
    """Tells what is found.

    Args:
        conditions: of the process.
        write: takes each finding; without it they are lines on the standard output.
    """

    def __init__(self, conditions: Conditions, write: Callable[[dict[str, Any]], None] = _write) -> None:
        self.now = machine.stopwatch(conditions.device)
        self.budget = conditions.budget
        self._write = write
        self._rehearsing = False

    def tell(self, measure: str, **values: Any) -> None:
        """One finding."""
        self._write({"measure": measure, **values})

    def time(self, measure: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run the function and tell its seconds, or that it does not fit into memory; gives its result.

        Raises:
            NoRoomError: it does not fit.
        """
        start = self.now()
        try:
            result = function(*arguments)
        except (MemoryError, RuntimeError) as err:
            if not _is_out_of_memory(err):
                raise
            self.tell(measure, failed="memory")
            raise NoRoomError(measure) from err
        if not self._rehearsing:
            self.tell(measure, seconds=self.now() - start)
        return result

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """Within it `time` tells only what does not fit.

        The first run at full size also pays for memory that is new to the process. Only what is quick is repeated, so
        that counting it would burden the slow contender alone.
        """
        self._rehearsing = True
        try:
            yield
        finally:
            self._rehearsing = False

    def repeat(self, measure: str, function: Callable[..., Any], *arguments: Any, most: int = 5) -> Any:
        """After a rehearsal `time`, up to `most` times, but not again once the budget is spent; the last result."""
        with self.rehearsal():
            self.time(measure, function, *arguments)
        start = self.now()
        for _ in range(most):
            result = self.time(measure, function, *arguments)
            if self.now() - start > self.budget:
                break
        return result


class NoRoomError(Exception):
    """A measure needs more memory than there is."""


def _is_out_of_memory(err: Exception) -> bool:
    if isinstance(err, MemoryError | torch.OutOfMemoryError):
        return True
    return "can't allocate memory" in str(err) or "bad_alloc" in str(err)


def main() -> None:
    given = json.loads(sys.argv[1])
    conditions = Conditions(**given["conditions"])
    machine.pin_threads(conditions.threads)
    if conditions.device == "cpu":  # a GPU refuses by itself, and its driver reserves more address space than this
        machine.limit_memory(conditions.memory_limit)
    task = Task(**given["task"])
    module_of(task.kind).measure(task, conditions, Findings(conditions))


if __name__ == "__main__":
    # As a module of its own name, so that the measures raise and catch the same NoRoomError.
    from benchmarks.child import main as run_child

    run_child()
