"""The check for a card, tried without one."""

import json
import os
import subprocess

import pytest
import torch

from benchmarks.machine import ROOT
from benchmarks.naive import load_weights
from benchmarks.on_gpu import Check, Part
from benchmarks.parity import compare
from point_sam import ModelConfig
from point_sam.model import PointSAMModel


@pytest.mark.slow
def test_every_part_runs_on_a_cpu(tmp_path):
    command = ["bash", str(ROOT / "benchmarks" / "on_gpu.sh"), "--device", "cpu", "--quick"]
    limits = {"OUT": str(tmp_path), "SECONDS_LEFT": "500", "OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, env={**os.environ, **limits}, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    parts = {part["part"]: part for part in json.loads((tmp_path / "gpu.json").read_text())["parts"]}
    assert not [part for part in parts.values() if "failed" in part or "skipped" in part]
    assert parts["parity knn_small"]["found"]["worst"] < 1e-5
    assert parts["train no"]["found"]["steps_per_second"] > 0
    for model in ("tiny", "knn_small"):
        found = parts[f"speed {model} 400 point_sam float32"]["found"]
        assert found["differs"] < 1e-3
        assert {"encode", "first_click", "later_click"} <= set(found)


def test_a_failed_part_is_recorded_and_the_next_is_done(tmp_path):
    def fail(found: dict) -> None:
        found["before"] = 1
        raise RuntimeError("no kernel image")

    check = Check(tmp_path / "gpu.json", 240, "cpu")
    check.do(Part("parity", "a", fail))
    check.do(Part("parity", "b", lambda found: found.update(worst=0.0)))
    first, second = json.loads((tmp_path / "gpu.json").read_text())["parts"]
    assert first["failed"] == "RuntimeError: no kernel image"
    assert first["found"] == {"before": 1}
    assert second["found"] == {"worst": 0.0}
    assert check.failures == 1


def test_what_no_longer_fits_is_skipped_and_says_so(tmp_path):
    check = Check(tmp_path / "gpu.json", 0.0, "cpu")
    check.do(Part("speed", "a", lambda found: found.update(done=True)))
    (part,) = json.loads((tmp_path / "gpu.json").read_text())["parts"]
    assert part == {"part": "speed a", "skipped": "5 s expected, 0 s left"}


def test_references_are_named_where_they_are_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="knn_small"):
        compare("knn_small", "cpu", tmp_path)


def test_the_naive_model_makes_everything_on_its_own_device():
    config = ModelConfig.preset("knn_small")
    with torch.device("meta"):
        weights = PointSAMModel(config).state_dict()
    naive = load_weights(config, weights)
    coords = rgb = torch.empty(1, 500, 3, device="meta")
    labels = torch.ones(1, 2, dtype=torch.int64, device="meta")
    cloud = naive.encode(coords, rgb, 32, 8)
    logits, _ = naive.predict(cloud, coords[:, :1], labels[:, :1], multimask=True)
    later, scores = naive.predict(cloud, coords[:, :2], labels, logits[:, 0], multimask=False)
    assert later.device.type == scores.device.type == "meta"
