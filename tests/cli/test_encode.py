import json
import os
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import trimesh

from point_sam import EncodedCloud, PointCloud, PointSAM, write_pointcloud

EMBEDDING = Path("emb/scene.ply.encoded.safetensors")


def statuses(answer):
    return [record["status"] for record in json.loads(answer.stdout)["files"]]


def test_each_file_is_told_in_a_line_with_points_and_size(run, scene, checkpoint, cloud):
    np.save("few.npy", cloud.xyz[:20])

    answer = run("encode", scene, "few.npy", "-o", "new/emb", "--checkpoint", checkpoint)

    assert answer.exit_code == 0, answer.stderr
    first, second = answer.stdout.splitlines()
    assert first.startswith("new/emb/scene.ply.encoded.safetensors: 300 points, ")
    assert second.startswith("new/emb/few.npy.encoded.safetensors: 20 points, ")
    assert f"{os.path.getsize('new/emb/few.npy.encoded.safetensors') / 1e6:,.1f} MB" in second


def test_the_file_answers_prompts_in_the_units_of_the_input(encoded, checkpoint, cloud):
    model = PointSAM.from_pretrained(checkpoint_path=checkpoint)
    loaded = EncodedCloud.load(encoded)
    model.set_encoded(loaded)
    from_file = model.predict(prompt_point=cloud.xyz[7], return_logits=True)[0]
    model.set_pointcloud(cloud.xyz, cloud.rgb, normalize=True)

    np.testing.assert_array_equal(from_file, model.predict(prompt_point=cloud.xyz[7], return_logits=True)[0])
    np.testing.assert_array_equal(loaded.rgb, cloud.rgb)


@pytest.mark.parametrize("given", ["emb", EMBEDDING])
def test_segment_answers_from_it_as_without_it(run, scene, encoded, checkpoint, given, monkeypatch):
    clicks = ["--index", 7, "--index", 90, "--label", 1, "--label", 0, "--checkpoint", checkpoint]
    run("segment", scene, *clicks, "-o", "without.npy")
    monkeypatch.setattr(PointSAM, "encode", lambda *_, **__: pytest.fail("encoded again"))

    answer = run("segment", scene, *clicks, "-o", "with.npy", "--encoded", given, "--json")

    assert answer.exit_code == 0, answer.stderr
    assert json.loads(answer.stdout)["encoded"] == str(EMBEDDING)
    np.testing.assert_array_equal(np.load("with.npy"), np.load("without.npy"))


def test_a_mesh_is_sampled_as_segment_does(run, checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trimesh.creation.box().export("box.glb")
    drawn = ["--checkpoint", checkpoint, "--samples", 500, "--seed", 3]
    assert run("encode", "box.glb", "-o", "emb", *drawn).exit_code == 0

    good = run("segment", "box.glb", "--point", 0.5, 0, 0, "--encoded", "emb", *drawn)
    other = run("segment", "box.glb", "--point", 0.5, 0, 0, "--encoded", "emb", "--checkpoint", checkpoint)

    assert good.exit_code == 0, good.stderr
    assert other.exit_code == 1
    assert "--samples or --seed" in other.stderr


def test_up_to_date_files_are_skipped_unless_forced(run, scene, encoded, checkpoint):
    before = encoded.stat().st_mtime_ns
    again = run("encode", scene, "-o", "emb", "--checkpoint", checkpoint, "--json")
    assert statuses(again) == ["up to date"]
    assert encoded.stat().st_mtime_ns == before

    forced = run("encode", scene, "-o", "emb", "--checkpoint", checkpoint, "--json", "--force")
    assert statuses(forced) == ["encoded"]
    assert encoded.stat().st_mtime_ns > before


@pytest.mark.parametrize(
    "change", ["colour", "point", "--num-groups", "--group-size", "--max-encoder-points", "--model", "damage"]
)
def test_what_would_come_out_otherwise_is_encoded_again(run, scene, encoded, checkpoint, cloud, change):
    options = ["--checkpoint", checkpoint]
    if change == "colour":
        write_pointcloud(scene, PointCloud(cloud.xyz, 255 - cloud.rgb))
    elif change == "point":
        write_pointcloud(scene, PointCloud(cloud.xyz + np.array([0, 0, 1e-9]), cloud.rgb))
    elif change == "--model":
        options = []
    elif change == "damage":
        encoded.write_bytes(encoded.read_bytes()[:-1])
    else:
        options += [change, 9]

    assert statuses(run("encode", scene, "-o", "emb", *options, "--json")) == ["encoded"]
    assert statuses(run("encode", scene, "-o", "emb", *options, "--json")) == ["up to date"]


def test_the_format_of_a_cloud_does_not_matter(run, scene, encoded, checkpoint, cloud):
    np.savez("same.npz", xyz=cloud.xyz, rgb=cloud.rgb)

    answer = run("segment", "same.npz", "--index", 7, "--encoded", encoded, "--checkpoint", checkpoint)

    assert answer.exit_code == 0, answer.stderr


def test_one_bad_file_does_not_stop_the_others(run, scene, checkpoint):
    Path("bad.ply").write_text("no cloud")

    answer = run("encode", "bad.ply", "none.npy", scene, "-o", "emb", "--checkpoint", checkpoint, "--json")

    assert answer.exit_code == 1
    assert statuses(answer) == ["failed", "failed", "encoded"]
    *failures, last = answer.stderr.splitlines()
    assert [line.split(":")[1].strip() for line in failures] == ["bad.ply", "none.npy"]
    assert last == "error: 2 of 3 files could not be encoded: bad.ply, none.npy"
    assert os.listdir("emb") == [EMBEDDING.name]


def test_names_that_collide_are_refused_before_any_work(run, scene):
    Path("sub").mkdir()
    shutil.copy(scene, "sub")

    answer = run("encode", scene, "sub/scene.ply", "-o", "emb", "--checkpoint", "none.safetensors")

    assert answer.exit_code == 2
    assert "sub/scene.ply would both be written" in answer.stderr
    assert not Path("emb").exists()


def test_a_disk_without_room_is_told_before_encoding(run, scene, checkpoint, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: namedtuple("usage", "free")(1000))

    answer = run("encode", scene, "-o", "emb", "--checkpoint", checkpoint)

    assert answer.exit_code == 1
    assert "only 0.0 MB are free there" in answer.stderr
    assert os.listdir("emb") == []


def test_a_disk_that_fills_up_fails_the_file_and_leaves_nothing(run, scene, checkpoint, monkeypatch):
    def refuse(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", refuse)

    answer = run("encode", scene, "-o", "emb", "--checkpoint", checkpoint)

    assert answer.exit_code == 1
    assert "failed: scene.ply: No space left on device" in answer.stderr
    assert os.listdir("emb") == []


def test_the_announced_size_is_that_of_the_file(run, scene, encoded, checkpoint, cloud):
    from point_sam.cli.embeddings import expected_bytes

    expected = expected_bytes(cloud, PointSAM.from_pretrained(checkpoint_path=checkpoint))

    assert encoded.stat().st_size == pytest.approx(expected, rel=0.02)


def test_segment_takes_the_grouping_of_the_file(run, scene, checkpoint):
    grouped = ["--checkpoint", checkpoint, "--num-groups", 40, "--max-encoder-points", 0]
    run("encode", scene, "-o", "emb", *grouped)

    answer = run("segment", scene, "--index", 7, "--checkpoint", checkpoint, "--encoded", "emb", "--json")

    model = json.loads(answer.stdout)["model"]
    assert (model["num_groups"], model["max_encoder_points"]) == (40, None)


def test_info_tells_what_an_embedding_is(run, scene, encoded, cloud):
    about = json.loads(run("info", encoded, "--json").stdout)
    text = run("info", encoded)

    assert (about["kind"], about["points"], about["color"], about["num_groups"]) == ("encoded", 300, True, 1024)
    assert about["bytes"] == encoded.stat().st_size
    assert text.exit_code == 0, text.stderr
    assert "encoded     300 points" in text.stdout
    assert about["cloud_fingerprint"] in text.stdout
