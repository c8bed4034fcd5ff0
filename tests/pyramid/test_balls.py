import numpy as np
import pytest

from point_sam.ops import Octree
from point_sam.pyramid.balls import _KEPT, WALL, BallShelf, carry


@pytest.fixture
def shelf(model, cloud):
    return BallShelf(model, Octree(cloud[0]), cloud[1])


def sample(shelf, radius, center=(0.0, 0.0, 0.0), most=200):
    return shelf.octree.sample_ball(np.array(center), radius, most)


def test_a_ball_is_its_sample_encoded_by_itself(shelf, model, cloud):
    [ball] = shelf.take([sample(shelf, 0.4)])

    points = ball.sample.points
    alone = model.encode(ball.sample.coords, cloud[1][points], normalize=True)
    np.testing.assert_array_equal(ball.encoded.embeddings.numpy(), alone.embeddings.numpy())
    np.testing.assert_array_equal(ball.encoded.rgb, cloud[1][points])
    assert not ball.whole


def test_a_ball_is_encoded_once_per_grouping(shelf, model):
    [one] = shelf.take([sample(shelf, 0.4)])
    [again, other] = shelf.take([sample(shelf, 0.4), sample(shelf, 0.3)])
    model.adjust_patch_params(num_groups=7)
    [regrouped] = shelf.take([sample(shelf, 0.4)])

    assert one is again
    assert other is not one
    assert regrouped is not one


def test_the_longest_unused_balls_are_dropped(shelf):
    [first] = shelf.take([sample(shelf, 0.4)])
    [second] = shelf.take([sample(shelf, 0.41)])
    for number in range(_KEPT - 1):
        shelf.take([sample(shelf, 0.5 + number / 1000), sample(shelf, 0.4)])

    assert shelf.take([sample(shelf, 0.4)])[0] is first
    assert shelf.take([sample(shelf, 0.41)])[0] is not second


def test_the_wall_is_near_the_border_and_the_whole_cloud_has_none(shelf):
    small, whole = shelf.take([sample(shelf, 0.5), sample(shelf, 1.0)], whole=1)

    distance = np.linalg.norm(small.sample.coords, axis=1)
    np.testing.assert_array_equal(small.wall, distance > WALL * 0.5)
    assert not whole.wall.any()
    assert whole.whole


def test_neighbors_are_the_nearest_others(shelf):
    [ball] = shelf.take([sample(shelf, 0.5)])

    coords = ball.sample.coords
    distances = np.linalg.norm(coords[:, None] - coords[None], axis=2)
    expected = np.sort(distances, axis=1)[:, 1:9]
    np.testing.assert_allclose(np.take_along_axis(distances, ball.neighbors, axis=1), expected)


def test_a_ball_of_one_point_has_no_neighbors(shelf, cloud):
    [ball] = shelf.take([sample(shelf, 0.0, cloud[0][3])])

    assert ball.neighbors.shape == (1, 0)


def test_clicks_beyond_the_points_are_moved_onto_their_ball(shelf):
    [ball] = shelf.take([sample(shelf, 0.5)])
    center, reach = ball.encoded.center, ball.encoded.scale

    moved = ball.prompts(center + np.array([[0.5 * reach, 0, 0], [0, 3 * reach, 0], [0, 0, 0]]))

    np.testing.assert_allclose(moved, center + np.array([[0.5 * reach, 0, 0], [0, reach, 0], [0, 0, 0]]))


def test_only_the_whole_cloud_holds_clicks_beyond_it(shelf):
    small, whole = shelf.take([sample(shelf, 0.5), sample(shelf, 1.0)], whole=1)
    clicks = np.array([[0, 0, 0.4], [0, 0, 1.009]])

    assert small.holds(clicks).tolist() == [True, False]
    assert whole.holds(clicks).tolist() == [True, True]


def test_nearest_and_carry_bring_logits_from_ball_to_ball(shelf):
    large, small = shelf.take([sample(shelf, 0.9, most=300), sample(shelf, 0.4)])

    inwards, outwards = shelf.nearest(large, small), shelf.nearest(small, large)

    np.testing.assert_array_equal(large.sample.points[inwards], small.sample.points)
    held = small.sample.holds(large.sample.coords)
    np.testing.assert_array_equal(outwards >= 0, held)
    logits = np.arange(len(small.sample.points), dtype=np.float32)
    carried = carry(outwards, logits, -30.0)
    np.testing.assert_array_equal(carried[inwards], logits)
    assert (carried[~held] == -30).all()
