"""What is measured: one task is what one child process does."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

from benchmarks.settings import SETTINGS

# The kinds of figures, in the order in which they are measured and told. Each is the module of that name, which has
# tasks(plan), measure(task, conditions, findings) and tables(summary, conditions); a new one is that file and its name.
KINDS = ("limits", "read", "ops", "speed", "stages", "agreement")
NAIVE, PACKAGE = "naive", "point_sam"
# Upstream's advice: 1024 groups of 256 points, and 2048 of 256 for large clouds; tiny always takes its own.
LARGE_FROM = 100_000
GROUPS = {"tiny": (1024, 16), "large": (1024, 256)}
LARGE_GROUPS = {"large": (2048, 256)}


@dataclass(frozen=True)
class Task:
    """One child process.

    Attributes:
        kind: what is done, a name in `KINDS`.
        who: "naive", "point_sam" or the name of a setting; of "agreement" the choice of objects.
        model: whose weights and groups; "" where none matter.
        points: of the cloud.
        num_groups, group_size: of the encoder.
        repeat: number of the repetition.
    """

    kind: str
    who: str
    model: str
    points: int
    num_groups: int = 0
    group_size: int = 0
    repeat: int = 0

    @property
    def cell(self) -> tuple[str, str, str, int]:
        """What repetitions have in common."""
        return self.kind, self.who, self.model, self.points

    def to_dict(self) -> dict[str, Any]:
        """JSON values, the inverse of `Task(**values)`."""
        return asdict(self)


@dataclass(frozen=True)
class Plan:
    """Which tasks.

    Attributes:
        kinds: in the order of `KINDS`.
        models: names in `GROUPS`.
        sizes: points, ascending.
        settings: names in `SETTINGS`, as far as they are measured with a model.
        repeats: of every cell of "ops" and "speed".
        profiled: points of the clouds whose encode and click are taken apart.
        choice: of objects for the agreement table, see `Conditions`; empty for no such table.
        dense: points of the resampled objects there; the objects as they are come in any case.
    """

    kinds: tuple[str, ...] = KINDS
    models: tuple[str, ...] = ("tiny", "large")
    sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000, 10_000_000)
    settings: tuple[str, ...] = tuple(name for name, setting in SETTINGS.items() if not setting.optional)
    repeats: int = 3
    profiled: int = 100_000
    choice: str = ""
    dense: int = 100_000

    def tasks(self) -> Iterator[Task]:
        """In the order in which they run."""
        for kind in KINDS:
            if kind in self.kinds:
                yield from module_of(kind).tasks(self)

    def settings_of(self, model: str, points: int) -> tuple[str, ...]:
        """Names of the settings that this model is measured with at that size."""
        known = ((name, SETTINGS[name]) for name in self.settings)
        return tuple(name for name, setting in known if model in setting.models and points >= setting.from_points)


def module_of(kind: str) -> Any:
    """The module of that kind; the others stay out of the process, so that none counts as another's memory."""
    return import_module(f"benchmarks.{kind}")


def take_turns(
    plan: Plan, kind: str, model: str, points: int, groups: tuple[int, int], names: tuple[str, ...]
) -> Iterator[Task]:
    """The naive model and `names`, one after the other, repetition after repetition."""
    for repeat in range(plan.repeats):
        for who in (NAIVE, *names):
            yield Task(kind, who, model, points, *groups, repeat)


def groups_of(model: str, points: int) -> tuple[int, int]:
    """num_groups and group_size that a model is measured with."""
    return LARGE_GROUPS.get(model, GROUPS[model]) if points >= LARGE_FROM else GROUPS[model]
