import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from point_sam import PointCloud
from point_sam.viewer.drawing import Drawing, draw_scene
from point_sam.viewer.picking import pick
from point_sam.viewer.scene import Scene

SIDE = 41


def drawing_of(xyz: np.ndarray, **options: int) -> Drawing:
    return draw_scene(Scene("a.ply", PointCloud(xyz), None, None, "z", ""), **options)


def wall(depth: float, step: float = 0.05) -> np.ndarray:
    """A square of points at x = depth."""
    side = (np.arange(SIDE) - SIDE // 2) * step
    y, z = np.meshgrid(side, side, indexing="ij")
    return np.stack([np.full(y.shape, depth), y, z], axis=-1).reshape(-1, 3)


@pytest.fixture(scope="module")
def two_walls() -> Drawing:
    """A wall at x = 0, another behind it at x = 1, seen from negative x; the one behind is shifted half a step."""
    return drawing_of(np.concatenate([wall(0.0), wall(1.0) + np.array([0, 0.025, 0.025])]))


@pytest.fixture(scope="module")
def aligned_walls() -> Drawing:
    """A wall at x = 0, another right behind it at x = 1."""
    return drawing_of(np.concatenate([wall(0.0), wall(1.0)]))


def shoot(drawing: Drawing, eye: list[float], target: np.ndarray | list[float], **options: float) -> int | None:
    """Pick with a ray through two places in the scene's units."""
    start, stop = drawing.to_drawing(np.array([eye, target], float))
    return pick(drawing, start.tolist(), (stop - start).tolist(), **options)


@given(st.integers(0, SIDE * SIDE - 1), st.floats(1.5, 100), st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
@example(row=1625, far=97.9, y=0.203, z=0.0)
def test_a_ray_through_a_front_point_picks_it_or_a_neighbour(
    aligned_walls: Drawing, row: int, far: float, y: float, z: float
) -> None:
    xyz = wall(0.0)
    found = shoot(aligned_walls, [-far, y, z], xyz[row], angle=0.0)
    assert found is not None
    assert found < SIDE * SIDE, "behind the front wall"
    assert np.linalg.norm(xyz[found] - xyz[row]) < 0.06


def test_the_point_under_the_ray_is_picked(two_walls: Drawing) -> None:
    assert shoot(two_walls, [-2, 0.1, 0.2], [0, 0.1, 0.2]) == 22 * SIDE + 24


def test_a_gap_in_the_front_does_not_let_the_click_through(two_walls: Drawing) -> None:
    """The ray passes the back wall's point exactly, and the front wall between four points."""
    found = shoot(two_walls, [-2, 0.025, 0.025], [1, 0.025, 0.025], point_size=0.001)
    assert found is not None
    assert found < SIDE * SIDE


def test_a_click_beside_an_edge_means_what_is_drawn_there() -> None:
    """The front wall's edge is nearer than its reach, but on one side only, and the ray is on a disc behind it."""
    front, back = wall(0.0), wall(1.0, step=0.1) + np.array([0, 0.04, 0])
    drawing = drawing_of(np.concatenate([front, back]))
    row = int(np.linalg.norm(back[:, 1:] - [1.04, 0.0], axis=1).argmin())
    assert shoot(drawing, [-20.0, 1.04, 0.0], [1.0, 1.04, 0.0], point_size=0.02, angle=0.0) == SIDE * SIDE + row
    assert shoot(drawing, [-20.0, 1.0, 0.0], [1.0, 1.0, 0.0], point_size=0.02, angle=0.0) == 40 * SIDE + 20


def test_the_back_is_picked_where_nothing_is_before_it() -> None:
    drawing = drawing_of(np.concatenate([wall(0.0) * [1, 0.2, 0.2], wall(1.0)]))
    found = shoot(drawing, [-2, 0.8, 0.8], [1, 0.8, 0.8])
    assert found is not None
    assert found >= SIDE * SIDE


def test_past_everything_is_the_background(two_walls: Drawing) -> None:
    assert shoot(two_walls, [-2, 0, 0], [0, 3, 0]) is None


def test_what_is_behind_the_eye_is_not_hit(two_walls: Drawing) -> None:
    assert shoot(two_walls, [-2, 0, 0], [-3, 0, 0]) is None


def test_tolerance_grows_with_depth() -> None:
    """A lone far point takes a click beside it that is a few pixels off; close by the same offset misses."""
    cluster = np.random.default_rng(0).normal(size=(200, 3)) * 0.001
    drawing = drawing_of(np.concatenate([cluster, [[1.0, 0, 0]]]))
    beside = [1.0, 0.02, 0]
    assert shoot(drawing, [11.0, 0, 0.0], beside, point_size=0.001) == 200
    assert shoot(drawing, [1.5, 0, 0.0], beside, point_size=0.001, angle=0.005) is None


def test_large_points_are_hit_at_their_rim() -> None:
    drawing = drawing_of(np.array([[-1.0, 0, 0], [0, 0, 0], [1, 0, 0], [1, 0, 1e-4], [1, 1e-4, 0], [1, 1e-4, 1e-4]]))
    aim = [0.0, 0.2, 0.0]
    assert shoot(drawing, [0, 0.2, 5], aim, point_size=0.5, angle=0.0) == 1
    assert shoot(drawing, [0, 0.2, 5], aim, point_size=0.1, angle=0.0) is None


def test_the_answer_counts_all_points_and_not_the_drawn() -> None:
    xyz = wall(0.0)
    drawing = drawing_of(xyz, max_drawn=300)
    row = 150
    found = shoot(drawing, [-2, *xyz[drawing.index[row], 1:]], xyz[drawing.index[row]])
    assert found == drawing.index[row]


@pytest.mark.parametrize(
    ("origin", "direction", "words"),
    [
        ([0.0, 0.0], [0.0, 0.0, 1.0], "origin"),
        ([0.0, 0.0, np.nan], [0.0, 0.0, 1.0], "origin"),
        ([0.0, 0.0, 0.0], [0.0, np.inf, 1.0], "direction"),
        ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0], "no length"),
    ],
)
def test_a_ray_that_is_none_is_refused(
    two_walls: Drawing, origin: list[float], direction: list[float], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        pick(two_walls, origin, direction)
