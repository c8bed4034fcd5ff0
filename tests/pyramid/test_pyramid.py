import gc
import weakref

import numpy as np
import pytest

from point_sam.focus import OUTSIDE_LOGIT
from point_sam.pyramid import Pyramid
from point_sam.pyramid.pieces import drop_specks
from point_sam.pyramid.pyramid import _MOST

ONE = np.array([True])


def test_a_first_click_is_looked_at_in_ever_smaller_balls(pyramid, room):
    view = pyramid.look((room[:1] - pyramid.center) / pyramid.scale, ONE, None)

    balls = [answer.ball for answer in view.answers]
    radii = [ball.radius for ball in balls]
    assert 3 <= len(balls) <= _MOST
    assert radii == sorted(radii, reverse=True)
    assert [ball.whole for ball in balls] == [True] + [False] * (len(balls) - 1)
    assert [len(answer.iou_scores) for answer in view.answers] == [3] * len(balls)
    assert view.signs.shape == (3 * len(balls), 25)
    assert np.isfinite(view.signs).all()


def test_answers_come_best_first(pyramid, room):
    readings = pyramid.answer(room[:1], ONE)

    scores = [reading.iou_score for reading in readings]
    assert len(readings) > 1
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_a_reading_spreads_over_its_ball_and_not_beyond(pyramid, room):
    reading = min(pyramid.answer(room[:1], ONE), key=lambda reading: reading.radius)

    logits = pyramid.spread(reading)

    distance = np.linalg.norm(pyramid.coords - reading.ball.sample.center, axis=1)
    assert reading.radius < 0.5
    assert (logits[distance > reading.radius * (1 + 1e-6)] == OUTSIDE_LOGIT).all()
    np.testing.assert_array_equal(logits[reading.ball.sample.points], reading.logits)
    np.testing.assert_array_equal(pyramid.spread_mask(reading), logits > 0)


def test_a_later_click_takes_the_last_mask_along_and_looks_in_a_ball_round_it(pyramid, room):
    clicks, positive = room[:2], np.array([True, True])
    first = max(pyramid.answer(clicks[:1], ONE), key=lambda reading: 20 < reading.mask.sum() < 1000)

    view = pyramid.look((clicks - pyramid.center) / pyramid.scale, positive, first)

    assert [len(answer.iou_scores) for answer in view.answers] == [1] * len(view.answers)
    middle = np.median(first.coords, axis=0)
    assert any(np.allclose(answer.ball.sample.center, middle) for answer in view.answers)


def test_balls_without_all_clicks_on_the_object_keep_silent(pyramid, room):
    near, far = room[0], room[np.linalg.norm(room - room[0], axis=1).argmax()]
    first = pyramid.answer(near[None], ONE)[0]

    on = pyramid.answer(np.array([near, far]), np.array([True, True]), first)
    off = pyramid.answer(np.array([near, far]), np.array([True, False]), first)

    assert on
    for reading in on:
        assert reading.ball.holds((np.array([near, far]) - pyramid.center) / pyramid.scale).all()
    assert {reading.radius for reading in off} - {reading.radius for reading in on}


def test_a_click_a_little_beyond_the_points_is_answered(model, cloud):
    pyramid = Pyramid(model, cloud[0] * 30, cloud[1], normalize=True)
    outermost = np.linalg.norm(pyramid.coords, axis=1).argmax()

    readings = pyramid.answer((pyramid.coords[outermost] * 1.008 * pyramid.scale + pyramid.center)[None], ONE)

    assert readings
    with pytest.raises(ValueError, match="outside its bounding ball"):
        pyramid.answer((pyramid.coords[outermost] * 1.02 * pyramid.scale + pyramid.center)[None], ONE)


def test_specks_are_kept_on_request(pyramid, room):
    clean = pyramid.answer(room[:1], ONE)
    specked = pyramid.answer(room[:1], ONE, specks=True)

    assert [one.iou_score for one in clean] == [one.iou_score for one in specked]
    for one, other in zip(clean, specked, strict=True):
        clicked = one.ball.sample.tree.query((room[:1] - pyramid.center) / pyramid.scale)[1]
        np.testing.assert_array_equal(one.logits, drop_specks(other.logits, one.ball.neighbors, clicked))


def test_one_pyramid_for_all_who_ask_about_an_encoded_cloud(model, cloud):
    encoded = model.encode(*cloud)

    pyramid = Pyramid.of(model, encoded)

    assert Pyramid.of(model, encoded) is pyramid
    np.testing.assert_array_equal(pyramid.coords, cloud[0])
    np.testing.assert_array_equal(pyramid.rgb, cloud[1])
    assert (pyramid.scale, pyramid.normalized) == (1.0, False)
    assert Pyramid.of(model, model.encode(*cloud)) is not pyramid


def test_a_pyramid_ends_with_its_encoded_cloud(model, cloud):
    encoded = model.encode(*cloud)
    pyramid = weakref.ref(Pyramid.of(model, encoded))
    del encoded
    gc.collect()

    assert pyramid() is None


def test_what_encode_refuses_is_refused(model, cloud):
    for coords, rgb, told in (
        (cloud[0] * 2, None, r"outside \[-1, 1\]"),
        (np.zeros((0, 3)), None, "no points|empty"),
        (cloud[0], cloud[1][:5], "rgb has shape"),
    ):
        with pytest.raises(ValueError, match=told):
            Pyramid(model, coords, rgb)


def test_units_are_those_of_clicks(pyramid, room):
    np.testing.assert_allclose(pyramid.units(), room, atol=1e-5)
    assert pyramid.unit == pyramid.scale
