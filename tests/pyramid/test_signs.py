import numpy as np
import pytest
import torch

from point_sam import EncodedCloud
from point_sam.model import Grouping, build_geometry
from point_sam.ops import Octree
from point_sam.pyramid.balls import Ball
from point_sam.pyramid.signs import SIGNS, Agreement, Answers, find_signs


@pytest.fixture
def tree():
    """A plane of 41 by 41 points, 0.05 apart."""
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 41)] * 2), -1).reshape(-1, 2)
    return Octree(np.c_[grid, np.zeros(len(grid))].astype(np.float32))


def ball_of(tree, radius, *, whole=False):
    """A ball round the origin, whose encoding nobody looks at."""
    sample = tree.sample_ball(np.zeros(3), radius, 10_000)
    geometry = build_geometry(torch.from_numpy(sample.coords.astype(np.float32))[None], Grouping(4, 4))
    encoded = EncodedCloud(geometry, torch.zeros(1, 4, 256), np.zeros(3), radius, True, Grouping(4, 4), "", "")
    return Ball(sample, encoded, whole)


def answer(ball, *reaches, scores):
    """Masks that are discs round the origin."""
    distance = np.linalg.norm(ball.sample.coords, axis=1)
    logits = np.stack([np.where(distance <= reach, 5.0, -5.0) for reach in reaches]).astype(np.float32)
    return Answers(ball, logits, np.array(scores, np.float32))


def nearest(ball, other):
    inside = ball.sample.holds(other.sample.coords)
    return np.where(inside, ball.sample.tree.query(other.sample.coords)[1], -1)


def signs_of(answers, points=((0.0, 0.0, 0.0),), positive=(True,), last=None):
    rows = find_signs(
        answers, Agreement(answers, nearest), np.array(points), np.array(positive), last, cloud_radius=1.5
    )
    return [dict(zip(SIGNS, row.tolist(), strict=True)) for row in rows]


def test_a_mask_that_reaches_the_border_is_seen_to(tree):
    ball = ball_of(tree, 0.5)

    inner, cut = signs_of([answer(ball, 0.2, 0.6, scores=[0.9, 0.4])])

    assert inner["wall"] == 0
    assert cut["wall"] == pytest.approx(1 - 0.85**2, abs=0.05)
    assert cut["share"] == 1
    assert inner["extent"] == pytest.approx(0.2 / 0.5, abs=0.05)
    assert inner["log_radius"] == pytest.approx(np.log(0.5 / 1.5))
    assert inner["log_points"] == pytest.approx(np.log10(len(ball.sample.points)))
    assert signs_of([answer(ball_of(tree, 0.5, whole=True), 0.6, scores=[0.4])])[0]["wall"] == 0


def test_scores_are_told_with_their_rank(tree):
    first, second = signs_of([answer(ball_of(tree, 0.5), 0.3, 0.2, scores=[0.4, 0.9])])

    assert [first["iou_score"], first["rank"], first["behind"]] == pytest.approx([0.4, 1, -0.5])
    assert [second["iou_score"], second["rank"], second["behind"]] == pytest.approx([0.9, 0, 0])


def test_balls_that_agree_are_seen_to(tree):
    large, small = ball_of(tree, 1.4, whole=True), ball_of(tree, 0.5)

    rows = signs_of([answer(large, 0.2, 0.9, scores=[0.9, 0.4]), answer(small, 0.2, scores=[0.8])])

    same, wide, seen = rows
    assert [same["down"], same["down_score"], same["agreement"]] == pytest.approx([1, 0.8, 1])
    assert [same["has_up"], same["has_down"], seen["has_up"], seen["has_down"]] == [0, 1, 1, 0]
    assert [seen["up"], seen["up_score"]] == pytest.approx([1, 0.9])
    assert wide["agreement"] == pytest.approx((0.2 / 0.5) ** 2, abs=0.05)  # all of the small ball against a disc


def test_an_only_ball_agrees_with_nothing(tree):
    [row] = signs_of([answer(ball_of(tree, 0.5), 0.2, scores=[0.9])])

    assert [row[name] for name in ("up", "down", "agreement", "has_up", "has_down")] == [0] * 5


def test_agreement_is_the_same_from_both_sides(tree):
    answers = [answer(ball_of(tree, 1.0), 0.3, 0.6, scores=[1, 1]), answer(ball_of(tree, 0.5), 0.4, scores=[1])]
    agreement = Agreement(answers, nearest)

    one, other = agreement.between(0, 1), agreement.between(1, 0)

    np.testing.assert_array_equal(one, other.T)
    np.testing.assert_allclose(one[:, 0], [(0.3 / 0.4) ** 2, (0.4 / 0.5) ** 2], atol=0.07)


def test_clicks_on_their_right_side_count(tree):
    ball = ball_of(tree, 0.5)
    clicks = [(0.0, 0.0, 0.0), (0.4, 0.0, 0.0), (0.0, 0.4, 0.0), (5.0, 0.0, 0.0)]

    [row] = signs_of([answer(ball, 0.2, scores=[0.9])], clicks, (True, True, False, False))

    assert row["clicks"] == 4
    assert row["right"] == pytest.approx(2 / 3)  # the last one is outside the ball


def test_the_mask_before_is_compared(tree):
    ball = ball_of(tree, 0.5)
    now = answer(ball, 0.2, scores=[0.9])
    far = np.array([[0.0, 0.0, 0.0], [0.9, 0.0, 0.0]])

    [same] = signs_of([now], last=([now.masks[0]], ball.sample.coords[now.masks[0]]))
    [other] = signs_of([now], last=([~now.masks[0]], far))
    [first] = signs_of([now])

    assert [same["last"], same["last_inside"]] == [1, 1]
    assert [other["last"], other["last_inside"]] == [0, 0.5]
    assert [first["last"], first["last_inside"]] == [0, 1]


def test_pieces_off_the_click_count_against_a_mask(tree):
    ball = ball_of(tree, 1.0)
    whole = answer(ball, 0.3, scores=[0.9])
    far = np.abs(ball.sample.coords[:, 0] - 0.7) < 0.1
    torn = Answers(ball, np.where(whole.masks | far, 5, -5).astype(np.float32), whole.iou_scores)

    [one], [two] = signs_of([whole]), signs_of([torn])

    assert one["piece"] == 1
    assert 0.2 < two["piece"] < 0.8
    assert 0 < one["rim"] < two["rim"] < 1
    assert one["depth"] == pytest.approx(0.3 / 0.29, rel=0.15)


def test_an_empty_mask_and_no_answers_are_rows_too(tree):
    empty = answer(ball_of(tree, 0.5), -1.0, scores=[0.1])

    [row] = signs_of([empty])

    assert np.isfinite(list(row.values())).all()
    assert [row["share"], row["extent"], row["piece"], row["depth"], row["rim"]] == [0, 0, 0, 0, 1]
    assert find_signs([], Agreement([], nearest), np.zeros((1, 3)), np.ones(1, bool), None, 1.0).shape == (0, 25)
