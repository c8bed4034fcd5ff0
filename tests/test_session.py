import numpy as np
import pytest

from point_sam import Session


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
