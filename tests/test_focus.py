"""A focus: which ball is taken, what is encoded of it, and what becomes of clicks and masks."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from point_sam import EncodedCloud, Session
from point_sam.clouds import normalize
from point_sam.focus import OUTSIDE_LOGIT, choose_ball, focus_on
from point_sam.model import Grouping, build_geometry

CENTER = np.array([500.0, -200.0, 30.0])
SCALE = 40.0


@pytest.fixture
def street(model, cloud):
    """The cloud in units of its own, its colours, and a session on it; coords[0] lies at the middle of most balls."""
    xyz = cloud[0].astype(np.float64) * SCALE + CENTER
    model.adjust_patch_params(max_encoder_points=100)
    return xyz, cloud[1], Session(model, model.encode(xyz, cloud[1], normalize=True), scales="whole")


def within(xyz, center, radius):
    return np.linalg.norm(xyz - center, axis=1) <= radius


def test_the_points_in_the_ball_are_encoded_by_themselves(street, model):
    xyz, rgb, session = street
    session.focus(xyz[0], 15.0)
    session.click(xyz[0])

    inside = within(xyz, xyz[0], 15.0)
    assert 3 < inside.sum() < 200
    np.testing.assert_array_equal(session.focused.points, np.flatnonzero(inside))
    model.set_pointcloud(xyz[inside], rgb[inside], normalize=True)
    masks, scores = model.predict(prompt_point=xyz[0])
    # Coordinates come from the encoding, rounded to float32 of the unit ball.
    assert (session.mask[inside] == masks[scores.argmax()]).mean() > 0.95
    assert session.iou_score == pytest.approx(scores.max(), abs=1e-3)


def test_outside_the_ball_nothing_is_in_the_mask(street):
    xyz, _, session = street
    session.click(xyz[0])
    mask = session.focus(xyz[0], 15.0)

    outside = ~within(xyz, xyz[0], 15.0)
    assert mask.shape == (300,)
    assert not mask[outside].any()
    assert not session.candidates.masks[:, outside].any()
    assert (session.logits[outside] == OUTSIDE_LOGIT).all()
    assert np.isfinite(session.logits).all()


def test_clicks_are_kept_and_answered_as_if_made_in_the_focus(street):
    xyz, _, session = street
    near = np.flatnonzero(within(xyz, xyz[0], 15.0))[1]
    session.click(xyz[0])
    session.click(xyz[near], positive=False)
    session.focus(xyz[0], 15.0)
    clicked_before = session.logits, session.prompts
    other = Session(session.model, session.encoded, scales="whole")
    other.focus(xyz[0], 15.0)
    other.click(xyz[0])
    session.undo()
    other.choose(session.chosen)
    np.testing.assert_array_equal(session.logits, other.logits)

    other.click(xyz[near], positive=False)
    np.testing.assert_array_equal(other.logits, clicked_before[0])
    assert other.prompts == clicked_before[1]


def test_the_candidate_most_like_the_mask_before_is_taken(street):
    xyz, _, session = street
    inside = within(xyz, xyz[0], 30.0)
    agreed = []
    for number in range(12):
        session.reset()
        session.click(xyz[np.flatnonzero(inside)[number]])
        session.choose(number % 3)
        seen = session.mask[inside]
        session.focus(xyz[0], 30.0)
        masks = session.candidates.masks[:, inside]
        if seen.any():
            ious = (masks & seen).sum(axis=1) / (masks | seen).sum(axis=1)
            agreed.append(session.chosen == ious.argmax())
        session.unfocus()
    assert len(agreed) > 3
    assert all(agreed)


def test_a_mask_of_one_point_is_focused_with_its_surroundings(street):
    xyz, _, session = street
    one = np.arange(len(xyz)) == 5
    center, radius = choose_ball(session.encoded, one, [])
    np.testing.assert_allclose(center, xyz[5], rtol=1e-5)
    assert within(xyz, xyz[5], radius * 1.001).sum() >= 64

    session.focus(center, radius)
    assert len(session.focused.points) >= 60  # the ball's border, rounded


def test_unfocus_gives_back_what_was_there(street):
    xyz, _, session = street
    session.click(xyz[0])
    session.choose(2)
    session.click(xyz[1])
    before = session.logits
    session.focus(radius=60.0)
    session.focus(radius=50.0)
    session.unfocus()

    np.testing.assert_array_equal(session.logits, before)
    assert session.focused is None
    session.undo()
    assert session.chosen == 2


def test_clicks_made_in_the_focus_are_answered_on_the_whole_cloud_after_it(street):
    xyz, _, session = street
    near = np.flatnonzero(within(xyz, xyz[0], 15.0))[1]
    session.click(xyz[0])
    chosen = session.chosen
    session.focus(xyz[0], 15.0)
    session.click(xyz[near])
    session.unfocus()

    other = Session(session.model, session.encoded, scales="whole")
    other.click(xyz[0])
    other.choose(chosen)
    other.click(xyz[near])
    np.testing.assert_array_equal(session.logits, other.logits)


def test_undo_goes_back_beyond_the_focus_and_stays_in_it(street):
    xyz, _, session = street
    session.click(xyz[0])
    session.focus(xyz[0], 15.0)
    session.undo()

    assert session.prompts == ()
    assert not session.mask.any()
    assert session.focused is not None
    session.unfocus()
    assert session.prompts == ()


def test_clicks_off_the_object_outside_the_focus_wait(street):
    xyz, _, session = street
    far = np.linalg.norm(xyz - xyz[0], axis=1).argmax()
    session.click(xyz[0])
    session.click(xyz[far], positive=False)
    before = session.logits
    session.focus(xyz[0], 15.0)
    with_it = session.mask
    session.undo()
    np.testing.assert_array_equal(session.mask, with_it)
    session.unfocus()
    session.click(xyz[far], positive=False)
    np.testing.assert_array_equal(session.logits, before)


def test_clicks_outside_the_focus_are_refused_and_change_nothing(street):
    xyz, _, session = street
    far = np.linalg.norm(xyz - xyz[0], axis=1).argmax()
    session.focus(xyz[0], 15.0)
    session.click(xyz[0])
    before = session.logits
    with pytest.raises(ValueError, match=r"its \d+ points, those within 15 .*; call unfocus\(\) first"):
        session.click(xyz[far])
    np.testing.assert_array_equal(session.logits, before)

    session.unfocus()
    session.click(xyz[far])
    before = session.logits
    with pytest.raises(ValueError, match=r"click on the object .* lies outside the focus.*larger radius"):
        session.focus(xyz[0], 15.0)
    np.testing.assert_array_equal(session.logits, before)
    assert session.focused is None


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "nothing to focus on yet"),
        ({"radius": 3.0}, "nothing to focus on yet"),
        ({"center": [0, 0], "radius": 3.0}, "not three finite numbers"),
        ({"center": [0, 0, np.nan], "radius": 3.0}, "not three finite numbers"),
        ({"center": CENTER, "radius": -1.0}, "not a positive number"),
        ({"center": CENTER, "radius": np.inf}, "not a positive number"),
        ({"center": CENTER + 1000, "radius": 3.0}, "no point lies within 3 of"),
        ({"center": CENTER, "margin": 0.5}, "margin is 0.5"),
    ],
)
def test_balls_that_cannot_be_are_refused(street, arguments, told):
    with pytest.raises(ValueError, match=told):
        street[2].focus(**arguments)
    assert street[2].focused is None


@given(seed=st.integers(0, 2**32 - 1), margin=st.floats(1, 3), empty=st.booleans())
def test_the_chosen_ball_holds_the_mask_and_all_clicks(seed, margin, empty):
    rng = np.random.default_rng(seed)
    xyz = rng.normal(size=(200, 3)) * 5 + 1000
    encoded = stand_in(xyz)
    mask = np.zeros(200, bool) if empty else within(xyz, xyz[0], 4)
    clicks = xyz[rng.integers(0, 200, 3)]

    center, radius = choose_ball(encoded, mask, clicks.tolist(), margin=margin)

    assert within(clicks, center, radius).all()
    if empty:
        np.testing.assert_array_equal(center, clicks[-1])
        assert within(xyz, center, radius * (1 + 1e-5)).all()
    else:
        np.testing.assert_allclose(center, xyz[mask].mean(axis=0), rtol=1e-5)
        held = np.quantile(np.linalg.norm(xyz[mask] - center, axis=1), 0.95)
        assert radius >= margin * held * (1 - 1e-4)


def test_without_a_mask_the_nearest_points_are_taken():
    xyz = np.random.default_rng(0).normal(size=(10_000, 3))

    _, radius = choose_ball(stand_in(xyz), np.zeros(10_000, bool), [xyz[5]])

    assert within(xyz, xyz[5], radius).sum() == 8192


def stand_in(xyz):
    """An encoded cloud of any tokens: choosing a ball looks at the coordinates only."""
    coords, center, scale = normalize(xyz)
    geometry = build_geometry(torch.from_numpy(coords)[None], Grouping(4, 4))
    return EncodedCloud(geometry, torch.zeros(1, 4, 256), center, scale, True, Grouping(4, 4), "", "")


def test_a_cloud_without_colours_can_be_focused(model, cloud):
    encoded = model.encode(cloud[0])
    focus = focus_on(model, encoded, cloud[0][0], 0.4)
    assert focus.encoded.rgb is None
    assert focus.encoded.num_points == len(focus.points)
