import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from point_sam import PointCloud, PointSAM, Session, load_pointcloud, read_pointcloud, write_pointcloud
from point_sam.picture.colors import POSITIVE_COLOR
from point_sam.pyramid import Pyramid


@pytest.fixture(scope="module")
def model(checkpoint):
    return PointSAM.from_pretrained(checkpoint_path=checkpoint)


@pytest.fixture
def encoded(model, scene):
    coords, rgb, _ = load_pointcloud(scene)
    model.set_pointcloud(coords, rgb)
    return model, coords


def test_one_click_gives_the_best_candidate_of_predict(run, scene, checkpoint, encoded):
    model, coords = encoded
    masks, iou_scores = model.predict(prompt_point=coords[7])

    answer = run("segment", scene, "--index", 7, "--scales", "whole", "--checkpoint", checkpoint, "-o", "mask.npy")

    assert answer.exit_code == 0, answer.stderr
    assert 0 < masks[iou_scores.argmax()].sum() < 300
    np.testing.assert_array_equal(np.load("mask.npy"), masks[iou_scores.argmax()])
    assert f"predicted IoU {iou_scores.max():.2f}" in answer.stdout


def test_later_clicks_refine_the_first_answer(run, scene, checkpoint, encoded):
    model, coords = encoded
    logits, iou_scores = model.predict(prompt_point=coords[7], return_logits=True)
    refined, _ = model.predict(
        prompt_point=coords[[7, 90]],
        prompt_label=[1, 0],
        mask_input=logits[iou_scores.argmax()],
        multimask_output=False,
    )

    answer = run("segment", scene, "--index", 7, "--index", 90, "--label", 1, "--label", 0,
                 "--scales", "whole", "--checkpoint", checkpoint, "-o", "mask.npy")  # fmt: skip

    assert answer.exit_code == 0, answer.stderr
    np.testing.assert_array_equal(np.load("mask.npy"), refined[0])


def test_click_in_file_units_normalized_and_by_index_agree(run, scene, checkpoint, cloud, encoded):
    _, coords = encoded
    ways = {
        "file": ["--point", *cloud.xyz[7]],
        "unit": ["--normalized", "--point", *coords[7]],
        "index": ["--index", 7],
        "commas": ["--point", ",".join(map(repr, cloud.xyz[7].tolist()))],
    }
    for name, click in ways.items():
        answer = run(
            "segment", scene, *click, "--checkpoint", checkpoint, "--precision", "float32", "-o", f"{name}.npy"
        )
        assert answer.exit_code == 0, answer.stderr
    for name in ways:
        np.testing.assert_array_equal(np.load(f"{name}.npy"), np.load("file.npy"))


def test_first_positive_click_leads(run, scene, checkpoint, cloud):
    away = ["--point", *cloud.xyz[90], "--label", 0]
    answer = run("segment", scene, *away, "--index", 7, "--label", 1, "--checkpoint", checkpoint, "--json")

    clicks = json.loads(answer.stdout)["clicks"]

    assert [click["label"] for click in clicks] == [1, 0]
    assert clicks[1]["point"] == pytest.approx(cloud.xyz[90].tolist())


@pytest.mark.parametrize("candidate", [0, 1, 2])
def test_candidate_picks_a_reading(run, scene, checkpoint, encoded, candidate):
    model, coords = encoded
    masks, _ = model.predict(prompt_point=coords[7])

    run("segment", scene, "--index", 7, "--candidate", candidate, "--scales", "whole", "--checkpoint", checkpoint,
        "-o", "mask.npy")  # fmt: skip

    np.testing.assert_array_equal(np.load("mask.npy"), masks[candidate])


@pytest.fixture
def dense(tmp_path, monkeypatch):
    """3000 points in metres, enough for several balls, as dense.npy in an empty current folder."""
    monkeypatch.chdir(tmp_path)
    xyz = np.random.default_rng(0).uniform(-2, 2, (3000, 3)) + np.array([1000, 2000, -50])
    np.save("dense.npy", xyz)
    return xyz


def test_by_default_a_click_is_that_of_a_session_in_balls_and_the_whole_is_not_encoded(
    run, dense, checkpoint, model, monkeypatch
):
    session = Session(model, Pyramid(model, dense, normalize=True))
    session.click(dense[7])
    session.click(dense[90], positive=False)
    monkeypatch.setattr(PointSAM, "encode", lambda *_, **__: pytest.fail("the whole cloud was encoded"))

    answer = run("segment", "dense.npy", "--index", 7, "--index", 90, "--label", 1, "--label", 0,
                 "--checkpoint", checkpoint, "-o", "mask.npy")  # fmt: skip

    assert answer.exit_code == 0, (answer.stderr, answer.exception)
    np.testing.assert_array_equal(np.load("mask.npy"), session.mask)


def test_an_embedding_is_looked_at_in_balls_too(run, dense, checkpoint):
    run("encode", "dense.npy", "-o", "emb", "--checkpoint", checkpoint)

    arguments = ["segment", "dense.npy", "--index", 7, "--checkpoint", checkpoint, "-o"]
    without, with_it = run(*arguments, "without.npy"), run(*arguments, "with.npy", "--encoded", "emb")
    whole = run(*arguments, "whole.npy", "--encoded", "emb", "--scales", "whole", "--json")

    assert (without.exit_code, with_it.exit_code) == (0, 0)
    np.testing.assert_array_equal(np.load("with.npy"), np.load("without.npy"))
    assert json.loads(whole.stdout)["scales"] == "whole"
    assert len(json.loads(whole.stdout)["candidates"]) == 3


def test_candidates_of_balls_are_told_best_first_with_their_radii(run, dense, checkpoint, model):
    session = Session(model, Pyramid(model, dense, normalize=True))
    session.click(dense[7])
    arguments = ["segment", "dense.npy", "--index", 7, "--checkpoint", checkpoint, "-o", "mask.npy"]

    told = json.loads(run(*arguments, "--json").stdout)
    [line] = [line for line in run(*arguments).stdout.splitlines() if line.startswith("candidates: ")]

    assert [one["points"] for one in told["candidates"]] == session.candidates.masks.sum(axis=1).tolist()
    assert [one["radius"] for one in told["candidates"]] == pytest.approx(session.radii.tolist())
    count = len(told["candidates"])
    assert count > 5
    assert f"; … {count - 5} more; took 0" in line
    assert line.count(" points, IoU ") == line.count(", radius ") == 5


def test_any_candidate_can_be_taken_and_one_too_many_is_refused(run, dense, checkpoint, model):
    session = Session(model, Pyramid(model, dense, normalize=True))
    session.click(dense[7])
    count = len(session.candidates.masks)
    arguments = ["segment", "dense.npy", "--index", 7, "--checkpoint", checkpoint, "-o", "mask.npy", "--candidate"]

    taken = run(*arguments, count - 1)
    refused = run(*arguments, count)

    assert taken.exit_code == 0, taken.stderr
    np.testing.assert_array_equal(np.load("mask.npy"), session.choose(count - 1))
    assert refused.exit_code == 1
    assert f"candidate {count} does not exist; the last click has {count}, from 0 on" in refused.stderr


def test_specks_are_kept_on_request(run, dense, checkpoint, model):
    session = Session(model, Pyramid(model, dense, normalize=True), specks=True)
    arguments = ["segment", "dense.npy", "--index", 7, "--checkpoint", checkpoint, "-o"]

    assert run(*arguments, "clean.npy").exit_code == 0
    assert run(*arguments, "specks.npy", "--specks").exit_code == 0

    np.testing.assert_array_equal(np.load("specks.npy"), session.click(dense[7]))
    assert np.load("clean.npy").sum() <= np.load("specks.npy").sum()


def test_a_focus_in_balls_encodes_only_its_ball(run, dense, checkpoint, monkeypatch):
    encoded, encode = [], PointSAM.encode

    def count(model, coords, *args, **more):
        encoded.append(len(coords))
        return encode(model, coords, *args, **more)

    monkeypatch.setattr(PointSAM, "encode", count)

    answer = run("segment", "dense.npy", "--index", 7, "--focus-radius", 1, "--checkpoint", checkpoint, "--json")

    assert answer.exit_code == 0, (answer.stderr, answer.exception)
    assert encoded == [json.loads(answer.stdout)["focus"]["points"]]
    assert encoded[0] < 1000


@pytest.mark.parametrize("suffix", [".ply", ".pcd", ".npz"])
def test_output_keeps_attributes_and_tells_the_mask(run, scene, checkpoint, cloud, suffix):
    out = Path(f"result{suffix}")

    answer = run("segment", scene, "--index", 7, "--checkpoint", checkpoint, "--no-paint", "-o", out, "--json")
    result = read_pointcloud(out)

    np.testing.assert_array_equal(result.xyz, cloud.xyz)
    np.testing.assert_array_equal(result.rgb, cloud.rgb)
    np.testing.assert_array_equal(result.attributes["intensity"], cloud.attributes["intensity"])
    assert int(result.attributes["mask"].sum()) == json.loads(answer.stdout)["mask_points"]


def test_json_is_one_object_and_nothing_else_on_stdout(run, scene, checkpoint):
    answer = run("segment", scene, "--index", 7, "--checkpoint", checkpoint, "--json")

    assert answer.exit_code == 0, answer.stderr
    told = json.loads(answer.stdout)

    assert answer.stdout.count("\n") == 1
    assert told["output"] == "scene_mask.ply"
    assert told["points"] == 300
    assert told["scales"] == "balls"
    assert len(told["candidates"]) > 0
    assert all(set(candidate) == {"points", "iou_score", "radius"} for candidate in told["candidates"])
    assert told["iou_score"] == max(candidate["iou_score"] for candidate in told["candidates"])
    assert set(told["seconds"]) == {"reading", "loading the model", "encoding", "decoding", "writing"}
    assert Path("scene_mask.ply").is_file()


def test_picture_shows_mask_and_clicks(run, scene, checkpoint):
    answer = run("segment", scene, "--index", 7, "--checkpoint", checkpoint, "--picture", "out.png", "--up", "y")

    assert answer.exit_code == 0, answer.stderr
    with Image.open("out.png") as image:
        colors = {color for _, color in image.getcolors(1 << 24)}
    assert POSITIVE_COLOR in colors
    assert "drew out.png" in answer.stdout


def test_twenty_points_without_colour(run, checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savetxt("few.xyz", np.random.default_rng(1).normal(size=(20, 3)))

    answer = run("segment", "few.xyz", "--index", 19, "--checkpoint", checkpoint)

    assert answer.exit_code == 0, answer.stderr
    assert len(read_pointcloud("few_mask.ply")) == 20


def test_click_off_every_point_is_remarked(run, scene, checkpoint, cloud):
    gone = cloud.xyz.mean(axis=0) + np.array([0, 0, 2.3])

    answer = run("segment", scene, "--point", *gone, "--checkpoint", checkpoint)

    distance = np.linalg.norm(cloud.xyz - gone, axis=1).min()
    assert answer.exit_code == 0
    assert f"is {distance:.3g} away from the nearest point" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "give a click"),
        (["--point", "1", "2"], "not three finite numbers"),
        (["--point", "nan", "0", "0"], "not three finite numbers"),
        (["--point", "a", "b", "c"], "not three finite numbers"),
        (["--index", "-1"], "--index"),
        (["--index", "1", "--label", "2"], "--label"),
        (["--index", "1", "--label", "1", "--label", "1"], "2 labels for 1 clicks"),
        (["--index", "1", "--index", "2", "--label", "1"], "1 labels for 2 clicks"),
        (["--index", "1", "--label", "0"], "every click is off the object"),
        (["--index", "1", "-o", "scene.ply"], "is the input"),
        (["--index", "1", "-o", "../{folder}/scene.ply"], "is the input"),
        (["--index", "1", "--num-groups", "0"], "--num-groups"),
        (["--index", "1", "--scales", "x"], "--scales"),
        (["--index", "1", "--nonsense"], "--nonsense"),
    ],
)
def test_wrong_usage_exits_with_2(run, scene, cloud, tmp_path, arguments, told):
    answer = run("segment", scene, *(a.replace("{folder}", tmp_path.name) for a in arguments))

    assert answer.exit_code == 2
    assert told in answer.stderr
    assert answer.stdout == ""
    np.testing.assert_array_equal(read_pointcloud(scene).rgb, cloud.rgb)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--index", "300"], "--index 300 is beyond the cloud's 300 points"),
        (["--point", "1", "1", "1"], "add --normalized"),
        (["--point", "5000", "1", "1"], "which spans ("),
        (["--normalized", "--point", "1.5", "0", "0"], "within -1 .. 1"),
        (["--normalized", "--point", "0.9", "0.9", "0"], "beyond all points, which lie within"),
        (["--index", "1", "-o", "nowhere/out.ply"], "create it first"),
        (["--index", "1", "-o", "out.foo"], "'.foo'"),
        (["--index", "1", "--picture", "nowhere/out.png"], "create it first"),
        (["--index", "1", "--picture", "out.gif"], ".png"),
        (["--index", "1", "--checkpoint", "none.safetensors"], "none.safetensors: no such file"),
        (["--index", "1", "--model", "huge"], "no model is called 'huge'"),
        (["--index", "1", "--model", "base"], "--checkpoint"),
        (["--index", "1", "--checkpoint", "scene.ply"], "scene.ply"),
        (["--index", "1", "--device", "abacus"], "'abacus'"),
    ],
)
def test_error_is_one_line_and_exits_with_1(run, scene, arguments, told):
    answer = run("segment", scene, *arguments)

    assert answer.exit_code == 1
    assert answer.stderr.startswith("error: ")
    assert answer.stderr.count("\n") == 1
    assert told in answer.stderr
    assert answer.stdout == ""
    assert sorted(path.name for path in Path().iterdir()) == ["scene.ply"]


def test_link_to_the_input_is_refused_as_output(run, scene):
    Path("link.ply").symlink_to("scene.ply")

    assert run("segment", scene, "--index", 1, "-o", "link.ply").exit_code == 2


def test_attribute_that_the_output_cannot_hold_is_refused_before_the_model_is_loaded(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pointcloud("named.npz", PointCloud(np.eye(3), attributes={"name": np.array(["a", "b", "c"])}))

    answer = run("segment", "named.npz", "--index", 1, "--checkpoint", "none.safetensors")

    assert answer.exit_code == 1
    assert "named_mask.ply: attribute 'name'" in answer.stderr


def test_invalid_points_are_dropped_on_request(run, checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    xyz = np.random.default_rng(1).normal(size=(30, 3))
    xyz[4] = np.nan
    np.save("holes.npy", xyz)

    refused = run("segment", "holes.npy", "--index", 1, "--checkpoint", checkpoint)
    dropped = run("segment", "holes.npy", "--index", 1, "--checkpoint", checkpoint, "--drop-invalid", "-o", "m.npy")

    assert "--drop-invalid" in refused.stderr
    assert dropped.exit_code == 0, dropped.stderr
    assert np.load("m.npy").shape == (29,)


def test_brackets_in_a_file_name_are_no_markup(run, scene, checkpoint):
    odd = scene.rename("[red]a[/b].ply".replace("/", "_"))

    answer = run("segment", odd, "--index", 7, "--checkpoint", checkpoint)

    assert "wrote [red]a[_b]_mask.ply" in answer.stdout
