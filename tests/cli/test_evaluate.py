"""`point-sam evaluate` on a small folder; what the figures are is tested in tests/evaluation."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from point_sam.datasets import LabeledCloud
from point_sam.datasets.writing import write_labeled
from point_sam.evaluation import Report

POINT_SAM = [sys.executable, "-m", "point_sam"]
BASELINES = ("--model", "nearest-click", "--model", "best-sphere")
QUICK = ("--clicks", "2", "--min-points", "10", "--split", "all")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three slabs of three parts, the current folder beside them."""
    for number in range(3):
        rng = np.random.default_rng(number)
        xyz = rng.uniform(0, 1, (240, 3)).astype(np.float32) * np.array([3, 1, 0.1], np.float32)
        part = xyz[:, 0].astype(np.int32)
        write_labeled(LabeledCloud(xyz, None, {"part": part}), tmp_path / "data" / f"slab{number}" / "scan.ply")
    monkeypatch.chdir(tmp_path)
    return Path("data")


def read(path: str) -> dict[str, Any]:
    return json.loads(Path(path).read_text())


def test_outputs_are_read_back(run, data):
    result = run("evaluate", data, *BASELINES, *QUICK, "--by", "family", "--jobs", "1", "-o", "out")

    assert result.exit_code == 0, result.stderr
    assert "nearest-click" in result.stdout
    assert "means over 9 masks of 3 objects; NoC counts 2 clicks at most" in result.stdout
    assert "wrote out/report.md and 6 files beside it" in result.stdout
    report = Report.from_json(Path("out/nearest-click/report.json").read_text())
    with open("out/nearest-click/objects.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [f"slab{number}/scan.ply" for number in range(3)]
    assert [float(row["iou_at_2"]) for row in rows] == pytest.approx(
        [float(r.iou[:, 1].mean()) for r in report.objects], abs=1e-6
    )
    page = Path("out/report.md").read_text()
    assert f"| nearest-click | {report.iou_at[0]:.3f} [" in page
    assert "| slab1 | 1 | 3 |" in page
    assert {path.name for path in Path("out").glob("*.png")} == {"iou_over_clicks.png", "iou_histogram.png"}


def test_json_on_stdout_and_bare_files(run, data):
    result = run("evaluate", data, *BASELINES, *QUICK, "--no-plots", "--jobs", "1", "--json", "-o", "out")

    values = json.loads(result.stdout)
    assert values["models"]["best-sphere"]["iou_at"] == read("out/best-sphere/report.json")["summary"]["iou_at"]
    assert (values["resumed"], values["problems"], values["unusable"]) == (0, {}, [])
    assert all(Path(path).is_file() for path in values["files"])
    assert not list(Path("out").rglob("*.png"))


def test_tiny_is_the_default_and_has_pictures(run, data):
    options = ("--limit", "1", "--max-masks", "1", "--clicks", "1", "--min-points", "10", "--split", "all")
    result = run("evaluate", data, *options, "--num-groups", "32", "--pictures", "1", "--jobs", "1", "-o", "out")

    assert result.exit_code == 0, result.stderr
    page = Path("out/report.md").read_text()
    for name in ("tiny", "tiny through balls"):
        assert f"\n {name} " in result.stdout
        assert f"| {name} | 0." in page
        assert read(f"out/{name}/report.json")["settings"]["model"] == name
    assert "(tiny%20through%20balls/best_1.png)" in page
    assert Path("out/tiny through balls/best_1.png").is_file()
    settings = read("out/tiny/report.json")["settings"]
    assert settings["model"] == "tiny"
    assert settings["num_groups"] == 32
    assert len(settings["fingerprint"]) == 32
    assert Path("out/tiny/best_1.png").is_file()
    assert "![best_1](tiny/best_1.png)" in page


def test_one_scale_where_one_is_asked_for(run, data):
    options = ("--limit", "1", "--max-masks", "1", "--clicks", "1", "--min-points", "10", "--split", "all")
    quick = ("--num-groups", "32", "--no-plots", "--pictures", "0", "--jobs", "1", "--json", "-o", "out")

    whole = run("evaluate", data, *options, *quick, "--scales", "whole")
    balls = run("evaluate", data, *options, *quick, "--scales", "balls", "--model", "tiny", "--model", "best-sphere")

    assert list(json.loads(whole.stdout)["models"]) == ["tiny"]
    assert list(json.loads(balls.stdout)["models"]) == ["tiny through balls", "best-sphere"]
    assert read("out/tiny through balls/report.json")["settings"]["scales"] == "balls"


def test_the_same_command_goes_on_and_another_is_refused(run, data):
    first = ("evaluate", data, "--model", "nearest-click", *QUICK, "--no-plots", "--jobs", "1", "-o", "out")
    run(*first)

    again = run(*first, "--json")
    other = run(*first, "--seed", "1")
    anew = run(*first, "--seed", "1", "--no-resume", "--json")

    assert json.loads(again.stdout)["resumed"] == 3
    assert other.exit_code == 1
    assert "was begun with other settings (seed 0, now 1, rule.seed 0, now 1)" in other.stderr
    assert "--no-resume to start anew" in other.stderr
    assert json.loads(anew.stdout)["resumed"] == 0


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_killed_it_goes_on(run, data):
    options = ["evaluate", "data", "--model", "tiny", "--clicks", "30", "--min-points", "10", "--split", "all"]
    options += ["--scales", "whole", "--no-plots", "--pictures", "0", "--jobs", "1", "-o", "out"]
    journal = Path("out/tiny/objects.jsonl")
    process = subprocess.Popen([*POINT_SAM, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        while process.poll() is None and not (journal.exists() and journal.read_bytes().count(b"\n") >= 2):
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        assert process.wait(timeout=60) == -signal.SIGKILL, "it was done before it could be killed"
    finally:
        process.kill()
        process.communicate()
    finished = journal.read_bytes().count(b"\n") - 1

    result = run(*options, "--json")

    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["resumed"] == finished
    assert 1 <= finished < 3
    assert f"going on with {finished} of 3 objects done" in result.stderr
    assert len(read("out/tiny/report.json")["objects"]) == 3


def test_two_processes_print_what_one_prints(run, data):
    both = [
        run("evaluate", data, *BASELINES, *QUICK, "--no-plots", "--jobs", jobs, "-o", f"out{jobs}") for jobs in (1, 2)
    ]

    tables = [result.stdout.replace(f"out{jobs}", "out") for jobs, result in zip((1, 2), both, strict=True)]
    assert both[1].exit_code == 0, both[1].stderr
    assert tables[0] == tables[1]


def test_bad_objects_are_listed_and_all_bad_is_an_error(run, data):
    Path("data/slab0/scan.ply").write_text("nothing")
    some = run("evaluate", data, "--model", "nearest-click", *QUICK, "--no-plots", "--jobs", "1", "-o", "out")
    for path in data.rglob("*.ply"):
        path.write_text("nothing")
    all_bad = run("evaluate", data, "--model", "nearest-click", *QUICK, "--no-plots", "--jobs", "1", "-o", "other")

    assert some.exit_code == 0
    assert "left out slab0/scan.ply: " in some.stderr
    assert "means over 6 masks of 2 objects" in some.stdout
    assert all_bad.exit_code == 1
    assert "none of 3 objects can be used" in all_bad.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["none"], "none: no such file or folder"),
        (["data", "--layout", "s3dis"], "there is no layout 's3dis'"),
        (["data", "--model", "tiny", "--model", "tiny"], "two models would be called 'tiny'"),
        (["data", "--model", "weights.pt"], "weights.pt"),
        (["data", "--min-points", "9999", "--model", "nearest-click"], "lower --min-points or raise --max-share"),
        (["data", "--granularity", "colour", "--model", "nearest-click"], "none of 3 objects has a mask"),
        (["data", "--package", "x"], "these data name no packages"),
        (["data", "--split", "test"], "there is no split 'test'"),
        (["data", "--max-share", "0"], "--max-share is 0.0"),
    ],
)
def test_wrong_input_is_one_line(run, data, arguments, complaint):
    options = [] if "--split" in arguments else ["--split", "all"]

    result = run("evaluate", *arguments, *options, "--no-plots", "--jobs", "1", "-o", "out")

    assert result.exit_code == 1
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert complaint in errors[0]
    assert result.stdout == ""


@pytest.mark.parametrize(
    "arguments", [["data"], ["data", "-o", "out", "--clicks", "0"], ["data", "-o", "out", "--split", "half"]]
)
def test_wrong_usage(run, data, arguments):
    assert run("evaluate", *arguments).exit_code == 2


def test_an_output_that_cannot_be_written_is_refused_before_the_work(run, data):
    Path("file").write_text("")

    in_file = run("evaluate", data, *BASELINES, *QUICK, "--no-plots", "-o", "file")
    below_file = run("evaluate", data, *BASELINES, *QUICK, "--no-plots", "-o", "file/out")

    assert (in_file.exit_code, below_file.exit_code) == (1, 1)
    assert "file: is a file; give a folder" in in_file.stderr
    assert "file/out: Not a directory" in below_file.stderr


def test_plots_without_matplotlib_are_refused_before_the_work(run, data, monkeypatch):
    monkeypatch.setattr("point_sam.evaluation.plots.find_spec", lambda name: None)

    result = run("evaluate", data, *BASELINES, *QUICK, "-o", "out")

    assert result.exit_code == 1
    assert result.stderr == (
        "error: plots need matplotlib: pip install 'point-sam[train]', or go without plots (--no-plots)\n"
    )
    assert not Path("out").exists()


@pytest.mark.skipif(os.name != "posix", reason="pipes as on Unix")
def test_a_closed_pipe_is_silent_and_the_files_are_there(data):
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [*POINT_SAM, "evaluate", "data", "--model", "nearest-click", *QUICK, "--no-plots", "--jobs", "1"]
    try:
        result = subprocess.run([*command, "-o", "out"], stdout=write_end, stderr=subprocess.PIPE, timeout=300)
    finally:
        os.close(write_end)

    assert result.returncode == 141
    assert result.stderr == b"nearest-click: 3 objects done\n"
    assert Path("out/report.md").is_file()
