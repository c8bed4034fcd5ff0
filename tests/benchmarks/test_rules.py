"""What is skipped, what is missing and why, and in which order things run."""

from benchmarks.records import Record
from benchmarks.rules import ONCE_ABOVE, skip_reason
from benchmarks.summary import Summary
from benchmarks.tasks import NAIVE, Plan, Task


def record(who: str, points: int, *, stopped: str | None = None, seconds: float = 1.0, findings: tuple = ()) -> Record:
    return Record(Task("speed", who, "tiny", points), findings, stopped, seconds)


def test_contenders_take_turns_within_a_repetition():
    plan = Plan(kinds=("speed",), models=("tiny",), sizes=(1000,), settings=("auto",), repeats=2)
    assert [(task.who, task.repeat) for task in plan.tasks()] == [(NAIVE, 0), ("auto", 0), (NAIVE, 1), ("auto", 1)]


def test_large_takes_more_groups_from_100k_points_on_but_operations_always_do():
    plan = Plan(kinds=("ops", "speed"), models=("large",), sizes=(10_000, 100_000), settings=("auto",), repeats=1)
    groups = {(task.kind, task.points): (task.num_groups, task.group_size) for task in plan.tasks()}
    assert groups["speed", 10_000] == (1024, 256)
    assert groups["speed", 100_000] == groups["ops", 10_000] == groups["ops", 100_000] == (2048, 256)


def test_sizes_above_one_that_was_stopped_are_not_tried():
    known = [record("auto", 1000, stopped="patience")]
    assert "1,000 points were stopped" in str(skip_reason(Task("speed", "auto", "tiny", 2000), known, 60))
    assert skip_reason(Task("speed", "float32", "tiny", 2000), known, 60) is None
    assert skip_reason(Task("speed", "auto", "tiny", 500), known, 60) is None


def test_what_took_long_is_not_repeated():
    again = Task("speed", "auto", "tiny", 1000, repeat=1)
    assert skip_reason(again, [record("auto", 1000, seconds=ONCE_ABOVE + 1)], 900) is not None
    assert skip_reason(again, [record("auto", 1000, seconds=ONCE_ABOVE - 1)], 900) is None


def test_naive_is_not_tried_where_linear_growth_is_hopeless():
    known = [record(who, 1000, seconds=200) for who in (NAIVE, "auto")]
    assert "20000 s expected" in str(skip_reason(Task("speed", NAIVE, "tiny", 100_000), known, 900))
    assert skip_reason(Task("speed", NAIVE, "tiny", 10_000), known, 900) is None
    assert skip_reason(Task("speed", "auto", "tiny", 100_000), known, 900) is None


def test_a_missing_figure_says_why():
    summary = Summary(
        [
            record("a", 1, findings=({"measure": "encode", "failed": "memory"},)),
            record("b", 1, stopped="patience"),
            record("c", 1, stopped="killed"),
        ]
    )
    reasons = [summary.missing(("speed", who, "tiny", 1), "encode") for who in "abcd"]
    assert reasons == ["no room", "not in time", "no room (killed)", "not tried"]
