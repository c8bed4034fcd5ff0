from pathlib import Path

import numpy as np
import pytest

from point_sam import PointSAM, Session, read_pointcloud
from point_sam.pyramid import Pyramid
from point_sam.session import choose_scales


@pytest.fixture
def session(model, cloud):
    model.set_pointcloud(*cloud)
    return Session(model, scales="whole")


def test_before_the_first_click_the_mask_is_empty(session):
    assert session.mask.shape == (300,)
    assert not session.mask.any()
    assert session.iou_score is None
    assert session.prompts == ()
    assert session.candidates.masks.shape == (0, 300)


def test_first_click_keeps_the_candidate_with_the_best_predicted_iou(session, model, cloud):
    mask = session.click(cloud[0][5])

    masks, scores = model.predict(prompt_point=cloud[0][5])
    np.testing.assert_array_equal(session.candidates.masks, masks)
    np.testing.assert_array_equal(mask, masks[scores.argmax()])
    assert session.iou_score == scores.max()


def test_later_clicks_send_all_clicks_and_the_last_logits(session, model, cloud):
    first, second = cloud[0][5], cloud[0][90]
    session.click(first)
    before = session.logits
    session.click(second, positive=False)

    logits, scores = model.predict(
        prompt_point=[first, second],
        prompt_label=[1, 0],
        mask_input=before,
        multimask_output=False,
        return_logits=True,
    )
    np.testing.assert_array_equal(session.logits, logits[0])
    assert session.iou_score == scores[0]
    assert session.prompts[1].positive is False
    assert len(session.candidates.masks) == 1


def test_choose_switches_the_candidate_and_what_later_clicks_refine(session, model, cloud):
    session.click(cloud[0][5])
    other = (session.chosen + 1) % 3
    mask = session.choose(other)
    np.testing.assert_array_equal(mask, session.candidates.masks[other])
    chosen_logits = session.logits
    session.click(cloud[0][90])

    logits, _ = model.predict(
        prompt_point=[cloud[0][5], cloud[0][90]],
        mask_input=chosen_logits,
        multimask_output=False,
        return_logits=True,
    )
    np.testing.assert_array_equal(session.logits, logits[0])


def test_undo_restores_the_state_exactly(session, cloud):
    session.click(cloud[0][5])
    session.choose((session.chosen + 1) % 3)
    states = [(session.logits, session.iou_score, session.chosen, session.prompts)]
    session.click(cloud[0][90], positive=False)
    session.undo()

    logits, score, chosen, prompts = states[0]
    np.testing.assert_array_equal(session.logits, logits)
    assert (session.iou_score, session.chosen, session.prompts) == (score, chosen, prompts)


def test_choose_is_undone_with_its_click(session, cloud):
    session.click(cloud[0][5])
    best = session.chosen
    session.choose((best + 1) % 3)
    session.undo()
    assert session.prompts == ()
    session.click(cloud[0][5])
    assert session.chosen == best


def test_undo_before_the_first_click_does_nothing(session):
    assert not session.undo().any()


def test_reset_forgets_all_clicks(session, cloud):
    session.click(cloud[0][5])
    session.click(cloud[0][6])
    session.reset()
    assert session.prompts == ()
    assert not session.mask.any()


def test_first_click_must_be_positive(session, cloud):
    with pytest.raises(ValueError, match="first click is negative"):
        session.click(cloud[0][5], positive=False)


def test_a_refused_click_leaves_the_session_as_it_was(session, cloud):
    session.click(cloud[0][5])
    before = session.logits
    with pytest.raises(ValueError, match="outside"):
        session.click([2.0, 0.0, 0.0])
    np.testing.assert_array_equal(session.logits, before)
    assert len(session.prompts) == 1


def test_unknown_candidates_are_refused(session, cloud):
    with pytest.raises(ValueError, match="click first"):
        session.choose(0)
    session.click(cloud[0][5])
    with pytest.raises(ValueError, match="candidate 3 does not exist; the last click has 3"):
        session.choose(3)


def test_the_answer_cannot_be_used_to_change_the_session(session, cloud):
    session.click(cloud[0][5])
    expected = session.mask
    session.logits[:] = -1
    session.candidates.iou_scores[:] = 0
    np.testing.assert_array_equal(session.mask, expected)


def test_a_session_keeps_its_cloud_when_the_model_moves_on(session, model, cloud):
    session.click(cloud[0][5])
    expected = session.mask
    model.set_pointcloud(cloud[0][:50])
    session.reset()
    np.testing.assert_array_equal(session.click(cloud[0][5]), expected)


def test_session_without_a_cloud_says_what_to_do(model):
    with pytest.raises(ValueError, match="there is no point cloud yet"):
        Session(model)


class TestInBalls:
    """The default: answers of balls of several sizes."""

    @pytest.fixture
    def room(self):
        """3000 points in metres: a floor, and a block of 800 points on it; the first one is on the block."""
        rng = np.random.default_rng(0)
        floor = rng.uniform([-4, -4, 0], [4, 4, 0.02], (2200, 3))
        block = rng.uniform([1, 1, 0], [1.5, 1.5, 0.5], (800, 3))
        return np.concatenate([block, floor]) + np.array([1000, 2000, 50])

    @pytest.fixture
    def balls(self, model, room):
        return Session(model, Pyramid(model, room, normalize=True))

    def test_candidates_come_best_first_each_with_its_radius(self, balls, room):
        mask = balls.click(room[0])

        masks, scores = balls.candidates
        assert balls.scales == "balls"
        assert len(masks) > 3
        assert balls.chosen == 0
        np.testing.assert_array_equal(mask, masks[0])
        assert (np.diff(scores) <= 0).all()
        assert balls.radii.shape == (len(masks),)
        assert (balls.radii > 0).all()
        assert balls.radii.max() < 8  # metres
        assert balls.iou_score == scores[0]

    def test_before_the_first_click_there_are_no_radii(self, balls):
        assert balls.radii.shape == (0,)

    def test_undo_is_exact_and_reset_forgets(self, balls, room):
        balls.click(room[0])
        balls.choose(1)
        before = balls.logits, balls.iou_score, balls.chosen, balls.radii
        balls.click(room[900], positive=False)
        balls.undo()

        np.testing.assert_array_equal(balls.logits, before[0])
        assert (balls.iou_score, balls.chosen) == before[1:3]
        np.testing.assert_array_equal(balls.radii, before[3])
        balls.reset()
        assert not balls.mask.any()
        assert balls.chosen is None

    def test_later_clicks_refine_what_was_chosen(self, balls, room):
        balls.click(room[0])
        first = balls.click(room[1])
        balls.undo()
        balls.choose(len(balls.candidates.masks) - 1)
        other = balls.click(room[1])

        assert not np.array_equal(first, other)

    def test_the_answer_is_the_same_from_run_to_run(self, model, room):
        sessions = [Session(model, Pyramid(model, room, normalize=True)) for _ in range(2)]
        for session in sessions:
            session.click(room[0])
            session.click(room[900], positive=False)

        np.testing.assert_array_equal(sessions[0].logits, sessions[1].logits)

    def test_two_sessions_on_a_cloud_share_a_pyramid(self, model, room, monkeypatch):
        encoded = model.encode(room, normalize=True)
        one, other = Session(model, encoded), Session(model, encoded)
        expected = one.click(room[0])

        monkeypatch.setattr(model.model, "encode", lambda *_: pytest.fail("a ball was encoded again"))

        np.testing.assert_array_equal(other.click(room[0]), expected)

    def test_the_whole_cloud_is_encoded_only_when_asked_for(self, balls, room):
        balls.click(room[0])
        balls.focus(room[0], 1.0)
        balls.unfocus()

        assert "encoded" not in vars(balls)
        assert balls.encoded.num_points == balls.num_points == 3000
        assert balls.encoded is balls.encoded

    def test_a_far_second_click_on_the_object_is_answered(self, balls, room):
        far = np.linalg.norm(room - room[0], axis=1).argmax()
        balls.click(room[0])
        balls.choose(int(balls.radii.argmin()))
        mask = balls.click(room[far])

        assert mask.shape == (3000,)
        assert len(balls.candidates.masks) > 0

    def test_a_focus_is_a_ball_that_was_chosen(self, balls, room):
        balls.click(room[0])
        before = balls.logits
        inside = np.linalg.norm(room - room[0], axis=1) <= 0.6
        mask = balls.focus(room[0], 0.6)

        assert not mask[~inside].any()
        np.testing.assert_allclose(balls.radii, 0.6)
        balls.unfocus()
        np.testing.assert_array_equal(balls.logits, before)

    @pytest.mark.parametrize(
        "coords",
        [
            np.random.default_rng(0).normal(size=(20, 3)),
            np.array([[5.0, 6.0, 7.0]]),
            np.full((500, 3), 3.0),
            np.repeat(np.random.default_rng(0).normal(size=(30, 3)), 20, axis=0),
            np.c_[np.random.default_rng(0).uniform(0, 9, (900, 2)), np.full(900, 2.0)],
            np.c_[np.linspace(0, 9, 900), np.zeros((900, 2))],
        ],
        ids=["20 points", "1 point", "all coincide", "duplicates", "flat", "collinear"],
    )
    def test_odd_clouds_are_answered(self, model, coords):
        session = Session(model, Pyramid(model, coords, normalize=True))
        session.click(coords[0])
        session.choose(len(session.candidates.masks) - 1)
        session.click(coords[-1])
        session.click(coords[len(coords) // 2], positive=False)

        assert session.mask.shape == (len(coords),)
        assert np.isfinite(session.logits).all()
        assert np.isfinite(session.iou_score)

    def test_unknown_scales_are_refused(self, model, cloud):
        with pytest.raises(ValueError, match="scales is 'x'; it is"):
            Session(model, model.encode(*cloud), scales="x")

    def test_auto_looks_at_the_whole_where_a_network_is_slow(self, model, monkeypatch):
        assert choose_scales(model, "auto") == "balls"
        monkeypatch.setattr(model, "num_parameters", 300_000_000)
        assert choose_scales(model, "auto") == "whole"
        assert choose_scales(model, "balls") == "balls"


def test_the_order_of_the_points_does_not_matter_on_the_sample_cloud():
    cloud = read_pointcloud(Path(__file__).parents[1] / "examples" / "data" / "extinguisher.ply")
    order = np.random.default_rng(0).permutation(len(cloud))
    model = PointSAM.from_pretrained("tiny")
    session = Session(model, Pyramid(model, cloud.xyz, cloud.rgb, normalize=True))
    other = Session(model, Pyramid(model, cloud.xyz[order], cloud.rgb[order], normalize=True))

    for point, positive in (([-0.1515, 0.0011, 0.5568], True), ([-0.1001, 0.0031, 0.1195], False)):
        one, two = session.click(point, positive)[order], other.click(point, positive)
        assert (one & two).sum() / (one | two).sum() >= 0.99
