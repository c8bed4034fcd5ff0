import json
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from point_sam import MaskGenerator, PointCloud, PointSAM, load_pointcloud, read_pointcloud, write_pointcloud
from point_sam.automatic import label_points
from point_sam.picture.colors import MASK_COLOR

OPEN = ["--iou-threshold", -1000, "--stability-threshold", 0, "--points", 8]


@pytest.fixture(scope="module")
def model(checkpoint):
    return PointSAM.from_pretrained(checkpoint_path=checkpoint)


@pytest.fixture
def records(model, scene):
    coords, rgb, _ = load_pointcloud(scene)
    generator = MaskGenerator(model, points_per_cloud=8, iou_threshold=-1000.0, stability_threshold=0.0, hierarchy=True)
    return generator.generate(coords, rgb)


def test_labels_are_those_of_the_mask_generator(run, scene, checkpoint, records):
    answer = run("everything", scene, *OPEN, "--checkpoint", checkpoint, "-o", "labels.npy")

    assert answer.exit_code == 0, answer.stderr
    labels = np.load("labels.npy")
    assert labels.dtype == np.int32
    assert len(set(labels)) > 1
    np.testing.assert_array_equal(labels, label_points(records, 300))
    assert f"{len(records)} masks on" in answer.stdout


@pytest.mark.parametrize("suffix", [".ply", ".pcd", ".npz"])
def test_output_keeps_attributes_and_tells_the_labels(run, scene, checkpoint, cloud, records, suffix):
    out = Path(f"result{suffix}")

    answer = run("everything", scene, *OPEN, "--checkpoint", checkpoint, "--no-paint", "-o", out)

    assert answer.exit_code == 0, answer.stderr
    result = read_pointcloud(out)
    np.testing.assert_array_equal(result.xyz, cloud.xyz)
    np.testing.assert_array_equal(result.rgb, cloud.rgb)
    np.testing.assert_array_equal(result.attributes["intensity"], cloud.attributes["intensity"])
    np.testing.assert_array_equal(result.attributes["label"], label_points(records, 300))
    if suffix == ".npz":
        np.testing.assert_array_equal(result.attributes["masks"].T, [r["segmentation"] for r in records])


def test_each_label_is_painted_in_its_own_colour(run, scene, checkpoint, cloud, records):
    run("everything", scene, *OPEN, "--checkpoint", checkpoint)

    result = read_pointcloud("scene_labels.ply")
    labels = result.attributes["label"]
    np.testing.assert_array_equal(result.rgb[labels < 0], cloud.rgb[labels < 0])
    shifts = {}
    for label in set(labels[labels >= 0]):
        of_label = labels == label
        color = (result.rgb[of_label] - cloud.rgb[of_label] * 0.35) / 0.65
        assert np.ptp(color, axis=0).max() < 2  # one colour lies over all its points
        shifts[tuple(np.rint(color.mean(axis=0) / 4).astype(int))] = label
    assert len(shifts) == len(set(labels[labels >= 0]))


def test_json_is_one_object_with_every_mask(run, scene, checkpoint, cloud, records):
    answer = run("everything", scene, *OPEN, "--hierarchy", "--checkpoint", checkpoint, "--json")

    assert answer.exit_code == 0, answer.stderr
    assert answer.stdout.count("\n") == 1
    told = json.loads(answer.stdout)
    assert told["output"] == "scene_labels.ply"
    assert [mask["area"] for mask in told["masks"]] == [record["area"] for record in records]
    assert [mask["parent"] for mask in told["masks"]] == [record["parent"] for record in records]
    for mask in told["masks"]:
        assert mask["point"] == pytest.approx(cloud.xyz[mask["point_index"]].tolist())
    labels = read_pointcloud("scene_labels.ply").attributes["label"]
    assert told["labelled_share"] == pytest.approx((labels >= 0).mean())
    assert set(told["seconds"]) == {"reading", "loading the model", "encoding", "clicking everywhere", "writing"}


def test_picture_shows_the_labels(run, checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sphere = np.random.default_rng(0).normal(size=(3000, 3))
    write_pointcloud("sphere.ply", PointCloud(sphere / np.linalg.norm(sphere, axis=1, keepdims=True)))

    answer = run("everything", "sphere.ply", *OPEN, "--checkpoint", checkpoint, "--picture", "out.png")

    assert answer.exit_code == 0, answer.stderr
    assert "drew out.png" in answer.stdout
    with Image.open("out.png") as image:
        pixels = np.asarray(image.convert("RGB"), np.int64).reshape(-1, 3)
    saturation = np.ptp(pixels, axis=1)
    assert (saturation > 0.5 * (max(MASK_COLOR) - min(MASK_COLOR))).any()


def test_twenty_points_without_colour_and_crops(run, checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savetxt("few.xyz", np.random.default_rng(1).normal(size=(20, 3)))

    answer = run("everything", "few.xyz", *OPEN, "--crops", 2, "--checkpoint", checkpoint)

    assert answer.exit_code == 0, answer.stderr
    assert read_pointcloud("few_labels.ply").attributes["label"].shape == (20,)


def test_no_mask_is_an_answer_with_advice(run, scene, checkpoint, cloud):
    answer = run("everything", scene, "--iou-threshold", 1000, "--points", 2, "--checkpoint", checkpoint)

    assert answer.exit_code == 0, answer.stderr
    assert "lower --iou-threshold" in answer.stdout
    result = read_pointcloud("scene_labels.ply")
    assert set(result.attributes["label"]) == {-1}
    np.testing.assert_array_equal(result.rgb, cloud.rgb)


def test_a_label_of_the_input_is_replaced_and_remarked(run, checkpoint, cloud, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pointcloud("labelled.ply", PointCloud(cloud.xyz, cloud.rgb, {"label": np.full(300, 77, np.int32)}))

    answer = run("everything", "labelled.ply", *OPEN, "--checkpoint", checkpoint, "-o", "new.ply")

    assert "note: new.ply holds the new label in place of the input's attribute 'label'" in answer.stderr
    assert 77 not in read_pointcloud("new.ply").attributes["label"]


def test_no_new_masks_leave_no_old_ones(run, checkpoint, cloud, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pointcloud("old.npz", PointCloud(cloud.xyz, cloud.rgb, {"masks": np.ones((300, 2), bool)}))

    answer = run("everything", "old.npz", "--iou-threshold", 1000, "--points", 2, "--checkpoint", checkpoint,
                 "-o", "new.npz")  # fmt: skip

    assert "note: new.npz holds no masks in place of the input's attribute 'masks'" in answer.stderr
    assert "masks" not in read_pointcloud("new.npz").attributes


def test_help_tells_the_defaults_of_the_mask_generator(run):
    told = run("everything", "--help").stdout
    defaults = {field.name: field.default for field in fields(MaskGenerator)}

    for flag, name in {
        "--points": "points_per_cloud",
        "--iou-threshold": "iou_threshold",
        "--stability-threshold": "stability_threshold",
        "--nms": "nms_threshold",
        "--min-region": "min_region_points",
        "--crops": "crops",
        "--screening": "screening_points",
    }.items():
        found = re.search(rf"^\W*{flag} .*?\[default: \(?([^\])]+)\)?\]", told, re.DOTALL | re.MULTILINE)
        assert found, flag
        assert float(found[1]) == defaults[name], flag


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--points", 0], 2, "--points"),
        (["--stability-threshold", 1.5], 2, "--stability-threshold"),
        (["--nms", -1], 2, "--nms"),
        (["-o", "scene.ply"], 2, "is the input"),
        (["-o", "out.foo"], 1, "'.foo'"),
        (["-o", "nowhere/out.ply"], 1, "create it first"),
        (["--picture", "out.gif"], 1, ".png"),
        (["--iou-threshold", "nan"], 1, "--iou-threshold is nan"),
        (["--checkpoint", "none.safetensors"], 1, "none.safetensors: no such file"),
    ],
)
def test_what_cannot_be_done_is_refused_in_time(run, scene, arguments, code, told):
    answer = run("everything", scene, *arguments)

    assert answer.exit_code == code
    assert told in answer.stderr
    assert answer.stdout == ""
    assert sorted(path.name for path in Path().iterdir()) == ["scene.ply"]
