import json

import numpy as np
import pytest

from point_sam import write_pointcloud
from point_sam.cli.commands.info import count_duplicates


def test_json_tells_what_the_cloud_holds(run, scene, cloud):
    about = json.loads(run("info", scene, "--json").stdout)

    low, high = cloud.attributes["intensity"].min(), cloud.attributes["intensity"].max()
    assert about["points"] == 300
    assert about["color"] is True
    assert about["min"] == cloud.xyz.min(axis=0).tolist()
    assert about["attributes"] == [
        {"name": "intensity", "dtype": "float32", "columns": 1, "min": float(low), "max": float(high)}
    ]
    assert about["normalization"]["center"] == pytest.approx(cloud.xyz.mean(axis=0).tolist())
    assert about["suggested"]["large"] is None


def test_text_names_bounds_and_attributes(run, scene):
    answer = run("info", scene)

    assert answer.exit_code == 0
    assert "points      300" in answer.stdout
    assert "intensity" in answer.stdout


def test_many_points_suggest_finer_groups_for_large(run, tmp_path):
    np.save(tmp_path / "many.npy", np.random.default_rng(0).normal(size=(30_001, 3)))

    assert "--num-groups 2048 --group-size 256" in run("info", tmp_path / "many.npy").stdout


def test_duplicates_are_counted_once_each():
    xyz = np.array([[0, 0, 1], [0, 1, 0], [0, 0, 1], [0, 0, 1], [1, 0, 0], [0, 1, 0.0]])

    assert count_duplicates(xyz) == 3


def test_weights_tell_their_architecture(run, checkpoint):
    about = json.loads(run("info", checkpoint, "--json").stdout)

    assert about["variant"] == "tiny"
    assert about["parameters"] * 4 == pytest.approx(about["bytes"], rel=0.01)
    assert "tokenizer   knn" in run("info", checkpoint).stdout


@pytest.mark.parametrize("name", ["none.ply", "none.safetensors", "folder.ply"])
def test_unreadable_file_is_one_line(run, tmp_path, name):
    (tmp_path / "folder.ply").mkdir()

    answer = run("info", tmp_path / name)

    assert answer.exit_code == 1
    assert answer.stderr.startswith("error: ")
    assert answer.stderr.count("\n") == 1


def test_attribute_that_is_all_nan_has_no_range(run, cloud, tmp_path):
    cloud.attributes["intensity"][:] = np.nan
    write_pointcloud(tmp_path / "nan.npz", cloud)

    about = json.loads(run("info", tmp_path / "nan.npz", "--json").stdout)

    assert about["attributes"][0]["min"] is None
