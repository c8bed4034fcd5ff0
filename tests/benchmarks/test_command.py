"""`python -m benchmarks --quick`, for real: tables, plots and raw numbers, and nothing twice."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", "--quick", "--threads", "1", "--settings", "float32", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_quick_run_makes_every_table_and_plot_and_goes_on_where_it_was(tmp_path, objects_file):
    options = ("--out", str(tmp_path), "--sizes", "1500", "--data", str(objects_file), "--dense", "1200")
    first = run(*options)
    assert first.returncode == 0, first.stderr
    text = (tmp_path / "benchmarks.md").read_text()
    for heading in (
        "## tiny, trained weights",
        "### Peak memory",
        "## Point operations, 1024 centres, 16 neighbours",
        "## Reading a file",
        "## Where the time goes: tiny, 2,000 points",
        "## Matrix throughput",
        "## Agreement: tiny, validation objects",
    ):
        assert heading in text, heading
    assert {path.stem for path in tmp_path.glob("*.png")} == {
        "benchmark_speed_tiny",
        "benchmark_ops_tiny",
        "benchmark_stages_tiny",
    }
    records = json.loads((tmp_path / "benchmarks.json").read_text())["records"]
    compared = [found for record in records if record["task"]["kind"] == "agreement" for found in record["findings"]]
    exact = [
        found["agreement"]
        for found in compared
        if found["measure"].startswith("float32, all points/") and "iou" in found
    ]
    assert exact
    assert set(exact) == {1.0}
    speed = next(line for line in text.splitlines() if line.startswith("| 1,500 | float32 |"))
    assert float(speed.split("|")[-2]) < 1e-3  # the naive model's logits

    second = run(*options)
    assert second.returncode == 0, second.stderr
    assert "[" not in second.stderr  # no task was done again
    assert second.stdout == first.stdout


def test_agreement_without_data_is_refused(tmp_path):
    refused = run("--out", str(tmp_path), "--only", "agreement")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "give --data objects.npz" in refused.stderr
    missing = run("--out", str(tmp_path), "--data", str(tmp_path / "none.npz"))
    assert missing.returncode == 1
    assert "none.npz: no such file" in missing.stderr


def test_other_conditions_need_another_folder(tmp_path):
    (tmp_path / "records.jsonl").write_text('{"threads": 99}\n')
    refused = run("--out", str(tmp_path), "--report")
    assert refused.returncode == 1
    assert "give another --out" in refused.stderr
    assert "Traceback" not in refused.stderr
