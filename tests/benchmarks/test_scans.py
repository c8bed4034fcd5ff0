"""Labelled scans: which instances count, how clicks are answered, and how figures are averaged."""

import json
import subprocess
import sys

import numpy as np
import pytest

from benchmarks.machine import ROOT
from benchmarks.scans import MOST_POINTS, Whole, average, click_through, columns, compose_scan, read_scan
from benchmarks.scenes import Scene
from point_sam import PointSAM


def write_scan(path, count: int, **more) -> None:
    """Two balls (instances 0 and 1) over an unlabelled ground, in metres far from the origin."""
    rng = np.random.default_rng(0)
    instance = rng.choice([-1, 0, 1], count, p=[0.4, 0.5, 0.1])
    xyz = rng.uniform(-10, 10, (count, 3)) * [1, 1, 0.01]
    for label, middle in ((0, [3, 0, 2]), (1, [-4, 4, 2])):
        ball = rng.normal(size=(count, 3))
        ball /= np.linalg.norm(ball, axis=1, keepdims=True)
        xyz = np.where((instance == label)[:, None], ball + middle, xyz)
    np.savez(path, xyz=xyz + np.array([5e5, 4e6, 0]), instance=instance, **more)


def test_every_way_is_measured_and_written(tmp_path):
    write_scan(tmp_path / "a.npz", 600, kind="street", least=20)
    write_scan(tmp_path / "b.npz", 300, least=20, rgb=np.full((300, 3), 90, np.uint8))
    out = tmp_path / "out.json"
    command = [sys.executable, "-m", "benchmarks.scans", str(tmp_path), "--instances", "1", "--workers", "2"]
    command += ["--clicks", "4"]
    run = subprocess.run([*command, "-o", str(out)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    found = json.loads(out.read_text())
    assert [scan["name"] for scan in found["scans"]] == ["a", "b"]
    assert set(found["kinds"]) == {"street", "scan"}
    assert np.shape(found["scans"][0]["session"]["iou"]) == (1, 4)
    assert found["columns"] == ["IoU@1", "IoU@3", "IoU@4", "lost", "first, s", "later, s"]
    assert set(found["mean"]) == {"whole", "session", "crop"}
    assert "| session | **mean** | **all kinds** |" in run.stdout


def test_a_folder_without_scans_is_refused(tmp_path):
    command = [sys.executable, "-m", "benchmarks.scans", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "holds no .npz file" in run.stderr


@pytest.mark.parametrize("more", [[], ["--compose", "objects.npz"]])
def test_either_a_folder_or_a_collection(tmp_path, more):
    command = [sys.executable, "-m", "benchmarks.scans", *([str(tmp_path)] if more else []), *more]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "give either a folder or --compose" in run.stderr


def test_composed_scenes_are_always_the_same_and_hold_things_to_click_on(objects_file):
    scan, again = (compose_scan(Scene(objects_file, "tables", 1)) for _ in range(2))
    assert (scan.name, scan.kind) == ("tables_1", "tables")
    assert len(scan.xyz) <= MOST_POINTS
    np.testing.assert_array_equal(scan.xyz, again.xyz)
    assert not np.array_equal(scan.xyz[:9], compose_scan(Scene(objects_file, "tables", 2)).xyz[:9])
    counts = [int((scan.instance == label).sum()) for label in scan.usable]
    assert counts
    assert min(counts) >= 40


def test_only_instances_of_usual_size_count(tmp_path):
    instance = np.repeat([-1, 0, 1, 2], [10, 99, 100, 400])
    np.savez(tmp_path / "a.npz", xyz=np.zeros((609, 3)), instance=instance)
    assert read_scan(tmp_path / "a.npz").usable.tolist() == [1]


def test_large_scans_are_thinned(tmp_path):
    count = MOST_POINTS + 1000
    instance = np.arange(count) % 4
    np.savez(tmp_path / "a.npz", xyz=np.zeros((count, 3)), instance=instance, rgb=np.zeros((count, 3), np.uint8))
    scan = read_scan(tmp_path / "a.npz")
    assert len(scan.xyz) == len(scan.instance) == len(scan.rgb) == MOST_POINTS


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"xyz": np.zeros((5, 3))}, "has no array 'instance'"),
        ({"xyz": np.zeros((5, 3)), "instance": np.zeros(4, int)}, r"xyz is \[5, 3\] and instance \[4\]"),
    ],
)
def test_a_file_of_another_kind_is_refused_by_name(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        read_scan(tmp_path / "a.npz")


def test_whole_is_the_originals_protocol(model: PointSAM, cloud):
    """Three candidates of the first click, of which the best predicted is refined by one mask."""
    coords, rgb = cloud
    encoded = model.encode(coords, rgb)
    model.set_encoded(encoded)
    whole = Whole(model, encoded)
    first, scores = model.predict(prompt_point=coords[0], return_logits=True)
    best = first[scores.argmax()]
    np.testing.assert_array_equal(whole.click(coords[0], True), best > 0)
    later, _ = model.predict(prompt_point=coords[[0, 9]], prompt_label=[1, 0], mask_input=best, multimask_output=False)
    np.testing.assert_array_equal(whole.click(coords[9], False), later[0])


def test_the_first_click_may_be_a_random_point_of_the_object():
    coords = np.random.default_rng(0).random((200, 3)).astype(np.float32)
    truth = coords[:, 0] < 0.5
    clicked = []

    def answer(point: np.ndarray, positive: bool) -> np.ndarray:
        clicked.append((point, positive))
        return truth

    ious, seconds = click_through(coords, truth, answer, "random", 4)
    drawn = np.random.default_rng(int(truth.sum())).choice(np.flatnonzero(truth))
    np.testing.assert_array_equal(clicked[0][0], coords[drawn])
    assert ious == [1.0] * 4
    assert len(seconds) == 4


def test_scans_count_within_their_kind_and_kinds_alike():
    def scan(kind: str, *ious: float) -> dict:
        return {"kind": kind, "whole": {"iou": [[*ious, *[ious[-1]] * (10 - len(ious))]], "seconds": [[1.0] * 10]}}

    means = average([scan("a", 0.0), scan("a", 0.4), scan("b", 0.6, 0.5)], ["whole"], 10)
    first, lost = columns(10).index("IoU@1"), columns(10).index("lost")
    assert means["kinds"]["a"]["whole"][first] == pytest.approx(0.2)
    assert means["mean"]["whole"][first] == pytest.approx(0.4)
    assert means["kinds"]["b"]["whole"][lost] == pytest.approx(1 / 9)
