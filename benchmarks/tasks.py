"""What is measured: one task is what one child process does."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from benchmarks.settings import SETTINGS

Kind = Literal["limits", "read", "ops", "speed", "stages", "agreement"]
KINDS: tuple[Kind, ...] = ("limits", "read", "ops", "speed", "stages", "agreement")
NAIVE, PACKAGE = "naive", "point_sam"
# Upstream's advice: 1024 groups of 256 points, and 2048 of 256 for large clouds; tiny always takes its own.
LARGE_FROM = 100_000
GROUPS = {"tiny": (1024, 16), "large": (1024, 256)}
LARGE_GROUPS = {"large": (2048, 256)}


@dataclass(frozen=True)
class Task:
    """One child process.

    Attributes:
        kind: what is done, see `benchmarks.child`.
        who: "naive", "point_sam" or the name of a setting; of "agreement" the choice of objects.
        model: whose weights and groups; "" where none matter.
        points: of the cloud.
        num_groups, group_size: of the encoder.
        repeat: number of the repetition.
    """

    kind: Kind
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

    kinds: tuple[Kind, ...] = KINDS
    models: tuple[str, ...] = ("tiny", "large")
    sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000, 10_000_000)
    settings: tuple[str, ...] = tuple(name for name, setting in SETTINGS.items() if not setting.optional)
    repeats: int = 3
    profiled: int = 100_000
    choice: str = ""
    dense: int = 100_000

    def tasks(self) -> Iterator[Task]:
        """In the order in which they run: the contenders take turns, repetition after repetition."""
        if "limits" in self.kinds:
            yield Task("limits", PACKAGE, "", 0)
        for points in self.sizes if "read" in self.kinds else ():
            yield Task("read", PACKAGE, "", points)
        for kind in ("ops", "speed"):
            if kind in self.kinds:
                yield from self._repeated(kind)
        for model in self.models if "stages" in self.kinds else ():
            for who in (NAIVE, *self._settings_of(model, self.profiled)):
                yield Task("stages", who, model, self.profiled, *groups_of(model, self.profiled))
        for points in (0, self.dense) if "agreement" in self.kinds and self.choice else ():
            yield Task("agreement", self.choice, "tiny", points, *GROUPS["tiny"])

    def _repeated(self, kind: Kind) -> Iterator[Task]:
        for model in self.models:
            for points in self.sizes:
                # Operations are compared over sizes, so that they always take the groups of large clouds.
                groups = groups_of(model, LARGE_FROM if kind == "ops" else points)
                names = (PACKAGE,) if kind == "ops" else self._settings_of(model, points)
                for repeat in range(self.repeats):
                    for who in (NAIVE, *names):
                        yield Task(kind, who, model, points, *groups, repeat)

    def _settings_of(self, model: str, points: int) -> tuple[str, ...]:
        known = ((name, SETTINGS[name]) for name in self.settings)
        return tuple(name for name, setting in known if model in setting.models and points >= setting.from_points)


def groups_of(model: str, points: int) -> tuple[int, int]:
    """num_groups and group_size that a model is measured with."""
    return LARGE_GROUPS.get(model, GROUPS[model]) if points >= LARGE_FROM else GROUPS[model]
