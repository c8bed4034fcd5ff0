"""An interrupted run goes on; figures of different machines do not mix."""

from pathlib import Path

import pytest

from benchmarks.child import Conditions
from benchmarks.records import Record, Records, run_child
from benchmarks.tasks import PACKAGE, Task

ABOUT = {"processor": "a", "threads": 2}


def make(points: int) -> Record:
    findings = ({"measure": "encode", "seconds": 1.5},)
    return Record(Task("speed", "auto", "tiny", points, 8, 4), findings, None, 2.0)


def test_records_are_found_again(tmp_path):
    Records(tmp_path / "r.jsonl", ABOUT).add(make(1))
    again = Records(tmp_path / "r.jsonl", ABOUT)
    assert again.known == {make(1).task: make(1)}


def test_a_line_cut_short_is_done_again_and_hides_nothing(tmp_path):
    path = tmp_path / "r.jsonl"
    records = Records(path, ABOUT)
    records.add(make(1))
    records.add(make(2))
    path.write_bytes(path.read_bytes()[:-20])
    again = Records(path, ABOUT)
    assert set(again.known) == {make(1).task}
    again.add(make(3))
    assert set(Records(path, ABOUT).known) == {make(1).task, make(3).task}


def test_another_machine_is_refused(tmp_path):
    Records(tmp_path / "r.jsonl", ABOUT)
    with pytest.raises(ValueError, match=r"begun with processor 'a', not 'b'; give another --out"):
        Records(tmp_path / "r.jsonl", {**ABOUT, "processor": "b"})


def test_a_child_out_of_patience_keeps_what_it_found(tmp_path):
    conditions = Conditions(str(tmp_path), "cpu", threads=1, memory_limit=int(8e9))
    record = run_child(Task("limits", PACKAGE, "", 0), conditions, patience=0.2)
    assert record.stopped == "patience"
    assert record.findings == ()


def test_a_child_that_fails_is_an_error_with_its_message(tmp_path: Path):
    conditions = Conditions(str(tmp_path), "cpu", threads=1, memory_limit=int(8e9))
    with pytest.raises(RuntimeError, match="No such file"):
        run_child(Task("ops", PACKAGE, "tiny", 77, 8, 4), conditions, patience=200)


def test_without_room_the_rest_goes_on(tmp_path):
    from benchmarks.clouds import prepare_cloud

    prepare_cloud(tmp_path, 400_000)
    # Python, torch and the cloud fit; a distance for each of 400,000 points and 1024 centres does not.
    conditions = Conditions(str(tmp_path), "cpu", threads=1, memory_limit=int(1.5e9), budget=0)
    record = run_child(Task("ops", "naive", "tiny", 400_000, 1024, 4), conditions, patience=400)
    failed = {found["measure"] for found in record.findings if found.get("failed") == "memory"}
    timed = {found["measure"] for found in record.findings if "seconds" in found}
    assert failed == {"knn", "interpolation"}
    assert timed == {"fps"}
