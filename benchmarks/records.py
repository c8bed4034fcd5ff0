"""What finished, one line of JSON per task, on the disk at once: an interrupted run goes on there."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.child import MARK, Conditions
from benchmarks.machine import ROOT
from benchmarks.tasks import Task


@dataclass(frozen=True)
class Record:
    """What one task found.

    Attributes:
        task: what was done.
        findings: one per measure, as the child told them.
        stopped: why it did not finish: "patience", "killed" (by the system, for its memory), or None.
        seconds: of the whole process.
    """

    task: Task
    findings: tuple[dict[str, Any], ...]
    stopped: str | None
    seconds: float

    def to_json(self) -> str:
        """One line."""
        return json.dumps({**vars(self), "task": self.task.to_dict(), "findings": list(self.findings)})

    @staticmethod
    def from_json(line: str) -> "Record":
        """The inverse of `to_json`."""
        values = json.loads(line)
        task, findings = Task(**values.pop("task")), tuple(values.pop("findings"))
        return Record(task, findings, **values)


class Records:
    """A file of records.

    Args:
        path: the file; made with its folder if need be.
        about: machine, conditions and revision of the sources; figures of other ones do not mix.

    Attributes:
        known: the records, by task.

    Raises:
        ValueError: the file was begun on another machine, under other conditions or with other sources.
    """

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self.path = path
        self.known: dict[Task, Record] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            self._append(json.dumps(about))
        head, *lines = path.read_text().splitlines()
        found = json.loads(head)
        different = [name for name in {**found, **about} if found.get(name) != about.get(name)]
        if different:
            name = sorted(different)[0]
            raise ValueError(
                f"{path} was begun with {name} {found.get(name)!r}, not {about.get(name)!r}; give another --out"
            )
        for line in lines:
            try:
                record = Record.from_json(line)
            except json.JSONDecodeError:  # cut short by a kill; it is done again
                continue
            self.known[record.task] = record

    def add(self, record: Record) -> None:
        """Bring one more record to the disk."""
        self._append(record.to_json())
        self.known[record.task] = record

    def _append(self, line: str) -> None:
        # A line that a kill cut short ends here.
        torn = self.path.exists() and not self.path.read_bytes().endswith(b"\n")
        with open(self.path, "a") as file:
            file.write(f"\n{line}\n" if torn else f"{line}\n")
            file.flush()
            os.fsync(file.fileno())


def run_child(task: Task, conditions: Conditions, patience: float) -> Record:
    """Do the task in a process of its own, for at most `patience` seconds.

    Raises:
        RuntimeError: the process failed otherwise than by time or memory.
    """
    given = json.dumps({"task": task.to_dict(), "conditions": conditions.to_dict()})
    threads = {name: str(conditions.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    start = time.perf_counter()
    stopped = None
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.child", given],
        cwd=ROOT,
        env={**os.environ, **threads},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        out, err = child.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        stopped = "patience"
        child.kill()
        out, err = child.communicate()
    except BaseException:  # Ctrl-C: the child must not run on
        child.kill()
        child.wait()
        raise
    if stopped is None and child.returncode == -9:
        stopped = "killed"
    elif stopped is None and child.returncode:
        raise RuntimeError(f"{task} ended with {child.returncode}:\n{err.strip()}")
    lines = [line.removeprefix(MARK) for line in out.splitlines() if line.startswith(MARK)]
    findings = tuple(json.loads(line) for line in lines)
    return Record(task, findings, stopped, time.perf_counter() - start)
