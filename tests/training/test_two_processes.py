"""Two gloo processes share one run: the same losses and weights, up to the order in which float32 numbers are added.

Tolerance: losses of the first step to 1e-5 relative (nothing but sums differ), of all steps to 2e-3 (5e-4 was seen);
the weights' whole way from the start to 2% in L2. The later bounds are wider because Adam divides each gradient by its
own size: where a gradient is nearly nothing but rounding, its rounding becomes a whole step.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from point_sam.training.checkpointing import read_checkpoint
from point_sam.training.config import write_config
from point_sam.training.model import start_model
from point_sam.training.trainer import train

SCRIPT = """
import sys
import torch
from point_sam.datasets import LabeledCloud
from point_sam.training.config import read_config
from point_sam.training.trainer import train
sys.path.insert(0, sys.argv[1])
from conftest import MemoryDataset, ball_on_plate
torch.set_num_threads(1)
dataset = MemoryDataset([ball_on_plate(seed) for seed in range(4)])
train(read_config(sys.argv[2]), sys.argv[3], dataset=dataset, device="cpu")
"""


def train_in_two_processes(config, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "train.toml").write_text(write_config(config))
    (folder / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    here = str(Path(__file__).parent)
    command = [*torchrun, str(folder / "script.py"), here, str(folder / "train.toml"), str(folder / "two")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def lines_of(run: Path, kind: str) -> list[dict]:
    return [line for line in map(json.loads, (run / "log.jsonl").read_text().splitlines()) if line["kind"] == kind]


def test_two_processes_equal_one_with_the_doubled_batch(tiny_run, changed, dataset, tmp_path):
    # Three clouds for two processes: the shares differ, and are weighed.
    stages = tuple(replace(stage, clouds=3) for stage in tiny_run.stages)
    config = changed(tiny_run, stages=stages, validation={"every": 3, "split": "all"})

    result = train_in_two_processes(config, tmp_path)
    assert result.returncode == 0, result.stderr
    train(config, tmp_path / "one", dataset=dataset, device="cpu")

    one, two = (lines_of(tmp_path / run, "train") for run in ("one", "two"))
    assert [line["step"] for line in two] == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(two[0]["loss"], one[0]["loss"], rtol=1e-5)
    np.testing.assert_allclose(two[0]["norm"], one[0]["norm"], rtol=1e-4)
    for ours, theirs in zip(two, one, strict=True):
        np.testing.assert_allclose(ours["loss"], theirs["loss"], rtol=2e-3)
    start = start_model(config).state_dict()
    ends = [read_checkpoint(tmp_path / run / "checkpoints/step_00000006.pt")["model"] for run in ("one", "two")]
    one_way, two_way = (torch.cat([(end[name] - start[name]).flatten() for name in start]) for end in ends)
    assert (two_way - one_way).norm() < 0.02 * one_way.norm()
    validated = [lines_of(tmp_path / run, "validation") for run in ("one", "two")]
    assert [line["objects"] for line in validated[1]] == [4, 4, 4]
    assert validated[1][0]["iou"] == validated[0][0]["iou"]


def test_too_few_clouds_for_the_processes_are_refused(tiny_run, tmp_path):
    config = replace(tiny_run, stages=(replace(tiny_run.stages[0], until=0, clouds=1),))

    result = train_in_two_processes(config, tmp_path)

    assert result.returncode == 1
    assert "clouds is 1 for 2 processes; a step needs at least one cloud for each of them" in result.stderr
