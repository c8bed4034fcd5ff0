"""`--encoded` of `segment`, `everything` and `view`: the same refusals, and no encoding where there is one."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import trimesh

from point_sam import EncodedCloud, PointCloud, PointSAM, write_pointcloud
from point_sam.cli.commands import view
from point_sam.viewer.ui import Pages

EVERYTHING = ["--iou-threshold", -1000, "--stability-threshold", 0, "--points", 8]
COMMANDS = [("segment", "--index", 7), ("everything", *EVERYTHING), ("view", "--port", 0)]


@pytest.fixture
def never_encodes(monkeypatch):
    """Call it when all that is to be encoded has been."""
    return lambda: monkeypatch.setattr(PointSAM, "encode", lambda *_, **__: pytest.fail("encoded again"))


@pytest.fixture
def serve(run, monkeypatch):
    """Run `view` without a server, and call `act` with the viewer instead of waiting for people."""

    def serve(*args, act=lambda viewer: None):
        viewers = []
        with monkeypatch.context() as patch:
            patch.setattr("point_sam.viewer.server.start", lambda *_, **__: None)
            patch.setattr("point_sam.viewer.server.stop", lambda *_: None)
            patch.setattr("point_sam.viewer.ui.serve", lambda viewer, _: viewers.append(viewer) or Pages(viewer))
            patch.setattr(view, "_tell_and_wait", lambda *_, **__: act(viewers[0]))
            answer = run("view", *args, "--port", 0, "--autosave-folder", "autosave")
        assert answer.exit_code != 0 or viewers
        return answer

    return serve


def open_in(viewer, path):
    """What a page does with a file."""
    return viewer.encoding_cache.get(viewer.open(Path(path).resolve()).scene, viewer.model).result(60)


@pytest.fixture
def no_server(monkeypatch):
    monkeypatch.setattr("point_sam.viewer.server.start", lambda *_, **__: pytest.fail("a server was started"))


@pytest.mark.usefixtures("no_server")
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
class TestRefused:
    @pytest.mark.parametrize(
        ("options", "told"),
        [
            (["--encoded", "emb", "--num-groups", 7], "was encoded with --num-groups 1024, not 7; leave --num-groups"),
            (["--encoded", "emb", "--group-size", 7], "was encoded with --group-size 16, not 7"),
            (["--encoded", "emb", "--max-encoder-points", 0], "was encoded with --max-encoder-points 8192, not 0"),
            (["--encoded", "emb", "--model", "tiny"], "was encoded with other weights ("),
            (["--encoded", "nowhere"], "nowhere: no such file; point-sam encode scene.ply -o . writes it"),
            (
                ["--encoded", "."],
                "scene.ply.encoded.safetensors: no such file; point-sam encode scene.ply -o . writes it",
            ),
            (["--encoded", "scene.ply"], "scene.ply: not a readable encoded cloud"),
        ],
    )
    def test_a_foreign_embedding_in_one_line(self, run, scene, encoded, checkpoint, command, options, told):
        weights = [] if "--model" in options else ["--checkpoint", checkpoint]

        answer = run(command[0], scene, *command[1:], *weights, *options)

        assert answer.exit_code == 1
        assert told in answer.stderr
        assert answer.stderr.count("\n") == 1
        assert not list(Path().glob("scene_*"))

    def test_a_stale_embedding(self, run, scene, encoded, checkpoint, cloud, command):
        write_pointcloud(scene, PointCloud(cloud.xyz[::-1], cloud.rgb[::-1]))

        answer = run(command[0], scene, *command[1:], "--encoded", "emb", "--checkpoint", checkpoint)

        assert answer.exit_code == 1
        assert "is not of scene.ply as it now is" in answer.stderr
        assert "point-sam encode scene.ply -o emb makes it anew" in answer.stderr

    def test_a_damaged_embedding(self, run, scene, encoded, checkpoint, command):
        encoded.write_bytes(encoded.read_bytes()[:-1])

        answer = run(command[0], scene, *command[1:], "--encoded", encoded, "--checkpoint", checkpoint)

        assert answer.exit_code == 1
        assert "not a readable encoded cloud" in answer.stderr


@pytest.mark.parametrize("crops", [0, 2])
@pytest.mark.parametrize("given", ["emb", "emb/scene.ply.encoded.safetensors"])
def test_everything_finds_the_same_from_it(run, scene, checkpoint, monkeypatch, given, crops):
    weights = ["--checkpoint", checkpoint, "--num-groups", 40]
    asked = ["everything", scene, *EVERYTHING, "--crops", crops, "--json"]
    run("encode", scene, "-o", "emb", *weights)
    without = run(*asked, *weights, "-o", "without.npz")
    sizes, encode = [], PointSAM.encode

    def counted(model, coords, *args, **options):
        sizes.append(len(coords))
        return encode(model, coords, *args, **options)

    monkeypatch.setattr(PointSAM, "encode", counted)
    answer = run(*asked, "--checkpoint", checkpoint, "-o", "with.npz", "--encoded", given)

    assert answer.exit_code == 0, answer.stderr
    told, expected = json.loads(answer.stdout), json.loads(without.stdout)
    assert (told["encoded"], expected["encoded"]) == ("emb/scene.ply.encoded.safetensors", None)
    assert told["masks"] == expected["masks"]
    np.testing.assert_array_equal(np.load("with.npz")["masks"], np.load("without.npz")["masks"])
    assert len(sizes) == crops  # blocks alone, at the grouping of the file
    assert 300 not in sizes


def test_everything_on_a_mesh(run, checkpoint, tmp_path, monkeypatch, never_encodes):
    monkeypatch.chdir(tmp_path)
    trimesh.creation.box().export("box.glb")
    drawn = ["--checkpoint", checkpoint, "--samples", 500, "--seed", 3]
    run("encode", "box.glb", "-o", "emb", *drawn)
    run("everything", "box.glb", *EVERYTHING, *drawn, "-o", "without.npy")
    never_encodes()

    answer = run("everything", "box.glb", *EVERYTHING, *drawn, "-o", "with.npy", "--encoded", "emb")

    assert answer.exit_code == 0, answer.stderr
    np.testing.assert_array_equal(np.load("with.npy"), np.load("without.npy"))


@pytest.mark.parametrize("given", ["emb", "emb/scene.ply.encoded.safetensors"])
def test_view_has_the_file_encoded_before_anybody_comes(serve, scene, checkpoint, encoded, given, never_encodes):
    never_encodes()

    def act(viewer):
        found = viewer.encoding_cache.get(viewer.open(scene.resolve()).scene, viewer.model)
        assert found.done()
        assert found.result(0).cloud_fingerprint == EncodedCloud.load(encoded).cloud_fingerprint

    answer = serve(scene, "--checkpoint", checkpoint, "--encoded", given, act=act)

    assert answer.exit_code == 0, answer.exception


def test_view_takes_another_grouping_and_precision_as_they_are(serve, run, scene, checkpoint, cloud, never_encodes):
    weights = ["--checkpoint", checkpoint]
    run("encode", scene, "-o", "emb", *weights, "--num-groups", 40, "--precision", "bfloat16")
    never_encodes()
    found = []

    answer = serve(
        scene,
        *weights,
        "--precision",
        "float32",
        "--encoded",
        "emb",
        act=lambda viewer: found.append(open_in(viewer, scene)),
    )

    assert answer.exit_code == 0, answer.exception
    assert [(encoded.num_groups, encoded.precision) for encoded in found] == [(40, "bfloat16")]


def test_view_finds_what_is_opened_later_in_the_folder(serve, run, scene, checkpoint, cloud, caplog):
    np.save("second.npy", cloud.xyz[:50])
    np.save("stale.npy", cloud.xyz[:60])
    np.save("without.npy", cloud.xyz[:70])
    grouped = ["--checkpoint", checkpoint, "--num-groups", 40]
    run("encode", scene, "second.npy", "stale.npy", "-o", "emb", *grouped)
    np.save("stale.npy", cloud.xyz[60:120])
    groups = {}

    def act(viewer):
        for name in ("scene.ply", "second.npy", "stale.npy", "without.npy"):
            groups[name] = open_in(viewer, name).num_groups

    with caplog.at_level(logging.WARNING):
        answer = serve("--checkpoint", checkpoint, "--num-groups", 40, "--encoded", "emb", act=act)
    assert answer.exit_code == 0, answer.exception
    assert set(groups.values()) == {40}
    [warning] = [record.getMessage() for record in caplog.records]
    assert "is not of stale.npy as it now is" in warning
    assert warning.endswith("makes it anew; until then it is encoded here")

    groups.clear()
    serve("--checkpoint", checkpoint, "--encoded", "emb", act=act)
    # The grouping tells an embedding from what is encoded here, at the model's own.
    assert groups == {"scene.ply": 40, "second.npy": 40, "stale.npy": 1024, "without.npy": 1024}


def test_view_names_a_stale_file_as_it_can_be_typed(serve, run, checkpoint, cloud, caplog, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = Path("my scans/stale.npy")
    file.parent.mkdir()
    np.save(file, cloud.xyz[:60])
    run("encode", file, "-o", "emb", "--checkpoint", checkpoint)
    np.save(file, cloud.xyz[60:120])

    with caplog.at_level(logging.WARNING):
        serve("--checkpoint", checkpoint, "--encoded", "emb", act=lambda viewer: open_in(viewer, file))

    [warning] = [record.getMessage() for record in caplog.records]
    assert "point-sam encode 'my scans/stale.npy' -o emb makes it anew" in warning


def test_view_finds_a_link_by_either_name(serve, scene, checkpoint, encoded, never_encodes):
    Path("link.ply").symlink_to(scene)
    encoded.rename("emb/link.ply.encoded.safetensors")
    never_encodes()

    def act(viewer):
        viewer.encoding_cache._kept.clear()  # as after many other clouds
        open_in(viewer, "link.ply")

    answer = serve("link.ply", "--checkpoint", checkpoint, "--encoded", "emb", act=act)

    assert answer.exit_code == 0, answer.exception


def test_view_draws_on_a_mesh_what_encode_drew(serve, run, checkpoint, tmp_path, monkeypatch, never_encodes):
    monkeypatch.chdir(tmp_path)
    trimesh.creation.box().export("box.glb")
    weights = ["--checkpoint", checkpoint]
    run("encode", "box.glb", "-o", "usual", *weights)
    run("encode", "box.glb", "-o", "few", *weights, "--samples", 500, "--seed", 3)
    never_encodes()
    points = []

    def act(viewer):
        points.append(open_in(viewer, "box.glb").num_points)

    usual = serve("box.glb", *weights, "--encoded", "usual", act=act)
    few = serve("box.glb", *weights, "--encoded", "few", "--samples", 500, "--seed", 3, act=act)
    other = serve("box.glb", *weights, "--encoded", "few")

    assert [answer.exit_code for answer in (usual, few, other)] == [0, 0, 1]
    assert points == [32768, 500]
    assert "--samples or --seed" in other.stderr


@pytest.mark.usefixtures("no_server")
@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        ("emb/scene.ply.encoded.safetensors", 2, "is one embedding; give the FILE that it is of"),
        ("nowhere", 1, "nowhere: no such folder; point-sam encode FILE -o nowhere makes it"),
    ],
)
def test_view_without_a_file_takes_a_folder_alone(run, encoded, given, code, told):
    answer = run("view", "--port", 0, "--encoded", given)

    assert answer.exit_code == code
    assert told in answer.stderr
