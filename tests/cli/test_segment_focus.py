"""`point-sam segment --focus`: the same as Session.focus, in the file's units."""

import json
from pathlib import Path

import numpy as np
import pytest

from point_sam import PointSAM, Session
from point_sam.pyramid import Pyramid


@pytest.fixture
def session(checkpoint, cloud):
    model = PointSAM.from_pretrained(checkpoint_path=checkpoint)
    return Session(model, Pyramid(model, cloud.xyz, cloud.rgb, normalize=True))


def test_a_radius_focuses_before_the_first_click(run, scene, checkpoint, cloud, session):
    session.focus(cloud.xyz[7], 1.5)
    session.click(cloud.xyz[7])

    answer = run(
        "segment", scene, "--index", 7, "--focus-radius", 1.5, "--checkpoint", checkpoint, "-o", "m.npy", "--json"
    )
    told = json.loads(answer.stdout)

    np.testing.assert_array_equal(np.load("m.npy"), session.mask)
    assert told["focus"]["radius"] == 1.5
    assert told["focus"]["center"] == pytest.approx(cloud.xyz[7].tolist())
    assert told["focus"]["points"] == len(session.focused.points) < 300
    assert [c["points"] for c in told["candidates"]] == session.candidates.masks.sum(axis=1).tolist()


def test_without_a_radius_the_mask_of_the_first_click_decides(run, scene, checkpoint, cloud, session):
    session.click(cloud.xyz[7])
    session.focus()

    answer = run("segment", scene, "--index", 7, "--focus", "--checkpoint", checkpoint, "-o", "m.npy")

    assert answer.exit_code == 0, answer.stderr
    np.testing.assert_array_equal(np.load("m.npy"), session.mask)
    assert f"focus: {len(session.focused.points):,} points within " in answer.stdout


def test_later_clicks_and_the_candidate_are_those_of_the_focus(run, scene, checkpoint, cloud, session):
    near = np.linalg.norm(cloud.xyz - cloud.xyz[7], axis=1).argsort()[1]
    session.focus(cloud.xyz[7], 1.5)
    session.click(cloud.xyz[7])
    session.choose(1)
    session.click(cloud.xyz[near], positive=False)

    run("segment", scene, "--index", 7, "--index", near, "--label", 1, "--label", 0, "--focus-radius", 1.5,
        "--candidate", 1, "--checkpoint", checkpoint, "-o", "m.npy")  # fmt: skip

    np.testing.assert_array_equal(np.load("m.npy"), session.mask)


def test_a_click_off_the_object_outside_the_focus_is_remarked(run, scene, checkpoint, cloud):
    far = np.linalg.norm(cloud.xyz - cloud.xyz[7], axis=1).argmax()
    clicks = ["--index", 7, "--index", far, "--checkpoint", checkpoint, "--focus-radius", 1.5, "-o"]

    answer = run("segment", scene, *clicks, "two.npy", "--label", 1, "--label", 0)
    alone = run("segment", scene, *clicks[:2], *clicks[4:], "one.npy")

    assert (answer.exit_code, alone.exit_code) == (0, 0)
    assert "lies outside the focus and has no effect" in answer.stderr
    np.testing.assert_array_equal(np.load("two.npy"), np.load("one.npy"))


def test_a_click_on_the_object_outside_the_focus_is_refused(run, scene, checkpoint, cloud):
    far = np.linalg.norm(cloud.xyz - cloud.xyz[7], axis=1).argmax()

    answer = run("segment", scene, "--index", 7, "--index", far, "--focus-radius", 1.5, "--checkpoint", checkpoint)

    assert answer.exit_code == 1
    assert "give a larger --focus-radius" in answer.stderr
    assert not Path("scene_mask.ply").exists()


@pytest.mark.parametrize("radius", ["0", "-1", "nan", "inf"])
def test_the_radius_is_a_positive_number(run, scene, radius):
    answer = run("segment", scene, "--index", 7, "--focus-radius", radius)

    assert answer.exit_code == 2
    assert "not a positive number" in answer.stderr


def test_a_focus_starts_from_an_embedding_too(run, scene, checkpoint):
    options = ["--checkpoint", checkpoint, "--num-groups", 50]
    focused = ["segment", scene, "--index", 7, "--focus-radius", 1.5, "-o"]
    run("encode", scene, "-o", "emb", *options)

    run(*focused, "without.npy", *options)
    answer = run(*focused, "with.npy", "--encoded", "emb", *options[:2])

    assert answer.exit_code == 0, answer.stderr
    np.testing.assert_array_equal(np.load("with.npy"), np.load("without.npy"))
