"""`point-sam train` on files, and what it says about mistakes."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from point_sam import ModelConfig, PointSAM
from point_sam.datasets import LabeledCloud, write_labeled
from point_sam.model import PointSAMModel
from point_sam.training.config import TrainConfig, parse_config

ROOT = Path(__file__).parents[2]
SETTINGS = """
steps = 3
scratch = true
precision = "no"
workers = 0
[validation]
every = 3
objects = 1
clicks = 2
[output]
checkpoint_every = 1
tensorboard = false
[[stages]]
clouds = 2
masks = 2
sizes = [[64, 16, 8]]
rounds = 2
clickless = 0
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data (three clouds of two slabs to train on, one to validate on), settings and a small model."""
    rng = np.random.default_rng(0)
    for name in ("train/a", "train/b", "train/c", "val/d"):
        xyz = rng.uniform(-1, 1, (300, 3)).astype(np.float32)
        write_labeled(
            LabeledCloud(xyz, None, {"part": (xyz[:, 2] > 0).astype(np.uint8)}), tmp_path / f"data/{name}.ply"
        )
    torch.manual_seed(0)
    widths = {"patch_widths": (8, 16, 16), "mask_widths": (8, 16, 256)}
    PointSAM(PointSAMModel(ModelConfig("knn", "eva02_fused", 32, 1, 1, 48, 16, 8, **widths))).save_pretrained(
        tmp_path / "small"
    )
    (tmp_path / "train.toml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


TRAIN = ("train", "--data", "data", "--model", "small", "--config", "train.toml", "--device", "cpu")


def test_a_run_from_data_to_a_model_and_on(run, home):
    answer = run(*TRAIN, "--out", "first", "--json")

    assert answer.exit_code == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert (told["finished"], told["step"], len(told["first_iou"])) == (True, 3, 2)
    assert "validation after step 3: IoU after 1..2 clicks" in answer.stderr
    assert "step 3/3  loss " in answer.stderr
    config = parse_config((home / "first/config.toml").read_text())
    assert (config.data, config.model, config.steps) == ("data", "small", 3)

    longer = run("train", "--resume", "--out", "first", "--steps", "4", "--device", "cpu")
    assert longer.exit_code == 0, longer.stderr
    assert f"final: {Path('first/final')} (of step 4)" in longer.stdout
    assert run("segment", "data/val/d.ply", "--index", "0", "--model", "first/final", "-o", "d.npy").exit_code == 0


def test_dry_run_writes_nothing(run, home):
    answer = run(*TRAIN, "--freeze", "encoder", "--dry-run", "--json")

    about = json.loads(answer.stdout)
    assert about["validation"] == "1 clouds, 2 masks"
    assert about["parameters"] > about["learning_parameters"] > 0
    assert about["stages"] == "2 clouds x 2 masks x 2 rounds, sizes [[64, 16, 8]]"
    assert not (home / "run").exists()


def test_printed_settings_are_settings(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    plain = run("train", "--print-config").stdout
    (tmp_path / "all.toml").write_text(plain)
    changed = run("train", "--print-config", "--config", "all.toml", "--lr", "0.5", "--batch-size", "3").stdout

    assert parse_config(plain) == TrainConfig()
    assert parse_config(changed).optimizer.learning_rate == 0.5
    assert parse_config(changed).stages[0].clouds == 3


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["train"], "no data are named"),
        (["train", "--data", "nowhere"], "nowhere: no such file or folder"),
        ([*TRAIN, "--model", "small/none"], "no model is called 'small/none'|small/none"),
        ([*TRAIN, "--lr", "-1"], r"optimizer.learning_rate is -1.0; it must be above 0"),
        ([*TRAIN, "--device", "tpu"], "device is 'tpu'; training takes 'cpu'"),
        (["train", "--resume", "--out", "nowhere"], "nowhere: holds no run to resume"),
        (["train", "--config", "none.toml"], "none.toml: no such file"),
        (["train", "--data", "data", "--model", "base"], "'base' has no published weights to start from; .*--scratch"),
    ],
)
def test_a_mistake_is_one_line(run, home, arguments, error):
    answer = run(*arguments)

    assert answer.exit_code == 1
    assert re.match(f"error: .*({error})", answer.stderr), answer.stderr
    assert answer.stderr.count("\n") == 1


def test_a_wrong_call_is_told_from_an_error(run, home):
    assert run(*TRAIN, "--freeze", "everything").exit_code == 2
    assert run(*TRAIN, "--steps", "0").exit_code == 2


def test_labels_that_are_missing_are_told_before_the_run(run, home):
    for path in (home / "data/train").iterdir():
        xyz = np.random.default_rng(0).uniform(-1, 1, (300, 3)).astype(np.float32)
        write_labeled(LabeledCloud(xyz, None, {"part": np.full(300, -1)}), path)

    answer = run(*TRAIN)

    assert answer.exit_code == 1
    assert "could not be used" in answer.stderr
    assert not (home / "run").exists()


def test_another_run_in_the_folder_is_not_touched(run, home):
    run(*TRAIN)

    again = run(*TRAIN)
    other = run("train", "--resume", "--out", "run", "--seed", "5", "--device", "cpu")

    assert "run: holds a run already; continue it with --resume, or choose another name" in again.stderr
    assert "the run cannot go on with other settings: seed: 0, now 5" in other.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals as on Unix")
def test_ctrl_c_in_a_process_writes_a_checkpoint_and_tells_how_to_go_on(home):
    command = [sys.executable, "-m", "point_sam", *TRAIN, "--steps", "100000", "--out", "long"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "POINT_SAM_DEBUG": ""}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    deadline = time.monotonic() + 200
    while not list(home.glob("long/checkpoints/step_*.pt")) and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    stderr = process.communicate(timeout=200)[1]

    assert process.returncode == 130
    told = re.search(r"stopped after step (\d+) of 100000; go on with: point-sam train --resume --out long", stderr)
    assert told, stderr
    assert (home / f"long/checkpoints/step_{int(told[1]):08d}.pt").exists()
