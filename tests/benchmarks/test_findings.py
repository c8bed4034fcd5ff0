import json

import pytest

from benchmarks.child import MARK, Conditions, Findings, NoRoomError


@pytest.fixture
def findings(tmp_path) -> Findings:
    return Findings(Conditions(str(tmp_path), "cpu", threads=1, memory_limit=1 << 30, budget=60.0))


def told(capsys) -> list[dict]:
    return [json.loads(line.removeprefix(MARK)) for line in capsys.readouterr().out.splitlines()]


def test_the_first_run_is_not_counted(findings, capsys):
    runs = []
    assert findings.repeat("work", lambda: runs.append(1) or len(runs), most=3) == 4
    assert [found["measure"] for found in told(capsys)] == ["work"] * 3


def test_what_takes_long_is_counted_once_after_its_rehearsal(findings, capsys):
    findings.budget = 0.0
    runs = []
    findings.repeat("work", lambda: runs.append(1))
    assert len(runs) == 2
    assert len(told(capsys)) == 1


def test_a_rehearsal_tells_what_does_not_fit(findings, capsys):
    def fail() -> None:
        raise MemoryError

    with pytest.raises(NoRoomError):
        findings.repeat("work", fail)
    assert told(capsys) == [{"measure": "work", "failed": "memory"}]
    findings.time("other", lambda: None)  # and is over
    assert told(capsys)[0]["seconds"] >= 0
