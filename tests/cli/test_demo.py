import json
from importlib import resources
from pathlib import Path

import numpy as np

from point_sam import read_pointcloud

EXAMPLES = Path(__file__).parents[2] / "examples" / "data"


def test_sample_in_the_package_is_the_one_in_examples():
    shipped = resources.files("point_sam.assets") / "extinguisher.ply"

    assert shipped.read_bytes() == (EXAMPLES / "extinguisher.ply").read_bytes()


def test_demo_segments_the_hose_with_the_embedded_model(run, tmp_path):
    answer = run("demo", "-o", tmp_path / "new", "--json")

    assert answer.exit_code == 0, answer.stderr
    told = json.loads(answer.stdout)
    result = read_pointcloud(tmp_path / "new" / "extinguisher_mask.ply")
    mask, hose = result.attributes["mask"] == 1, result.attributes["label"] == 3
    assert told["true_iou"] == np.sum(mask & hose) / np.sum(mask | hose)
    assert told["true_iou"] > 0.6
    assert (tmp_path / "new" / "extinguisher_mask.png").read_bytes().startswith(b"\x89PNG")


def test_demo_says_what_it_did(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    answer = run("demo")

    assert answer.exit_code == 0, answer.stderr
    for told in ("true IoU", "extinguisher_mask.ply", "extinguisher_mask.png", "point-sam segment"):
        assert told in answer.stdout
