import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from point_sam import PointCloud
from point_sam.picture.colors import MASK_COLOR, NEUTRAL_COLOR
from point_sam.viewer.coloring import MODES, ColorMode, Painter, on_scale
from point_sam.viewer.drawing import draw_scene
from point_sam.viewer.objects import SegmentedObject
from point_sam.viewer.scene import Scene


def mask_of(*points: int) -> np.ndarray:
    mask = np.zeros(300, bool)
    mask[list(points)] = True
    return mask


@pytest.fixture
def painter(scene: Scene) -> Painter:
    return Painter(scene, draw_scene(scene))


def test_without_mask_points_have_their_own_colours(painter: Painter, scene: Scene) -> None:
    np.testing.assert_array_equal(painter.paint("rgb"), scene.cloud.rgb)
    np.testing.assert_array_equal(painter.paint("mask"), np.tile(NEUTRAL_COLOR, (300, 1)))


def test_the_mask_is_above_objects_and_later_objects_above_earlier(painter: Painter) -> None:
    below = SegmentedObject.of(1, mask_of(0, 1, 2), color=(10, 20, 30))
    above = SegmentedObject.of(2, mask_of(1, 2), color=(40, 50, 60))
    colors = painter.paint("rgb", mask=mask_of(2), objects=[below, above], opacity=1.0)
    assert colors[:3].tolist() == [[10, 20, 30], [40, 50, 60], list(MASK_COLOR)]


def test_hidden_objects_are_not_drawn(painter: Painter, scene: Scene) -> None:
    hidden = SegmentedObject.of(1, mask_of(0, 1), color=(10, 20, 30), visible=False)
    np.testing.assert_array_equal(painter.paint("rgb", objects=[hidden]), scene.cloud.rgb)


@given(opacity=st.floats(0, 1), chosen=st.sets(st.integers(0, 299), min_size=1))
def test_opacity_blends(opacity: float, chosen: set[int]) -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (300, 3), dtype=np.uint8)
    scene = Scene("a.ply", PointCloud(rng.random((300, 3)), rgb), None, None, "z", "")
    mask = mask_of(*chosen)
    colors = Painter(scene, draw_scene(scene)).paint("rgb", mask=mask, opacity=opacity)
    np.testing.assert_array_equal(colors[~mask], rgb[~mask])
    wanted = rgb[mask] * (1 - opacity) + np.array(MASK_COLOR) * opacity
    assert np.abs(colors[mask] - wanted).max() <= 0.51


def test_height_follows_the_up_axis(painter: Painter, scene: Scene) -> None:
    colors = painter.paint("height").astype(int)
    order = np.argsort(scene.xyz[:, 2])
    # Yellow above, dark blue below: green and red rise with the height.
    assert (np.diff(colors[order, 1]) >= 0).all()
    assert colors[order[-1], 0] > 200
    assert colors[order[0], 1] < 10


def test_predicted_iou_is_on_a_scale(painter: Painter) -> None:
    good = SegmentedObject.of(1, mask_of(0), iou_score=1.0)
    bad = SegmentedObject.of(2, mask_of(1), iou_score=0.0)
    unknown = SegmentedObject.of(3, mask_of(2))
    colors = painter.paint("iou", mask=mask_of(3), iou_score=0.5, objects=[good, bad, unknown], opacity=1.0)
    np.testing.assert_array_equal(colors[[1, 3, 0]], on_scale(np.array([0, 0.5, 1])))
    assert len({tuple(color) for color in colors[:5].tolist()}) == 5


def test_a_deleted_object_leaves_no_colour(painter: Painter, scene: Scene) -> None:
    first, second = SegmentedObject.of(1, mask_of(0)), SegmentedObject.of(2, mask_of(1), color=(1, 2, 3))
    painter.paint("rgb", objects=[first, second])
    colors = painter.paint("rgb", objects=[second], opacity=1.0)
    assert scene.cloud.rgb is not None
    np.testing.assert_array_equal(colors[0], scene.cloud.rgb[0])
    assert colors[1].tolist() == [1, 2, 3]


def test_only_drawn_points_are_coloured(scene: Scene) -> None:
    drawing = draw_scene(scene, max_drawn=100)
    mask = np.arange(300) < 150
    item = SegmentedObject.of(1, ~mask, color=(1, 2, 3))
    colors = Painter(scene, drawing).paint("mask", mask=mask, objects=[item], opacity=1.0)
    wanted = np.where(mask[drawing.index, None], MASK_COLOR, (1, 2, 3))
    np.testing.assert_array_equal(colors, wanted)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_gives_bytes_for_every_drawn_point(painter: Painter, mode: ColorMode) -> None:
    colors = painter.paint(mode, mask=mask_of(5))
    assert colors.shape == (300, 3)
    assert colors.dtype == np.uint8


def test_an_opacity_beyond_one_is_refused(painter: Painter) -> None:
    with pytest.raises(ValueError, match=r"opacity is 1\.5"):
        painter.paint("rgb", opacity=1.5)
