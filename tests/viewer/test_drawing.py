from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from point_sam import PointCloud
from point_sam.viewer.drawing import draw_scene
from point_sam.viewer.scene import Scene


def scene_of(xyz: np.ndarray) -> Scene:
    return Scene("a.ply", PointCloud(xyz), None, None, "z", "")


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 3))
def test_each_row_is_a_point_of_its_own(count: int, most: int, seed: int) -> None:
    xyz = np.random.default_rng(seed).normal(size=(count, 3)) + 1e6
    drawing = draw_scene(scene_of(xyz), max_drawn=most, seed=seed)
    assert len(drawing) == min(count, most)
    assert (np.diff(drawing.index) > 0).all()
    places = drawing.to_drawing(xyz[drawing.index])
    np.testing.assert_allclose(places, drawing.positions, atol=1e-5)


def test_half_precision_keeps_survey_coordinates_apart(scene: Scene) -> None:
    drawing = draw_scene(scene)
    drawn = drawing.positions.astype(np.float16).astype(np.float64) * drawing.scale + drawing.center
    assert np.abs(drawn - scene.xyz).max() < 0.0005 * drawing.scale
    assert np.abs(scene.xyz.astype(np.float32) - scene.xyz).max() > 0.01


def test_the_choice_is_even_and_always_the_same() -> None:
    xyz = np.random.default_rng(0).random((20_000, 3))
    drawing = draw_scene(scene_of(xyz), max_drawn=5_000)
    np.testing.assert_array_equal(drawing.index, draw_scene(scene_of(xyz), max_drawn=5_000).index)
    octant = (xyz[drawing.index] > 0.5) @ [1, 2, 4]
    assert (np.abs(np.bincount(octant, minlength=8) - 625) < 100).all()


def test_reach_is_the_spacing_and_bounded_for_stray_points() -> None:
    grid = np.stack(np.meshgrid(np.arange(20.0), np.arange(20.0), [0.0]), axis=-1).reshape(-1, 3)
    drawing = draw_scene(scene_of(np.concatenate([grid, [[0, 0, 40]]])))
    spacing = 1 / drawing.scale
    assert drawing.reach[210] == pytest.approx(spacing, rel=1e-4)
    assert drawing.point_size == pytest.approx(0.05 if spacing > 0.05 else spacing, rel=1e-4)
    assert drawing.reach[-1] == pytest.approx(4 * spacing, rel=1e-4)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_points_at_one_place_have_a_size_still(count: int) -> None:
    drawing = draw_scene(scene_of(np.full((count, 3), 7.0)))
    assert drawing.point_size > 0
    assert np.isfinite(drawing.reach).all()


def test_less_than_one_point_is_refused(scene: Scene) -> None:
    with pytest.raises(ValueError, match="max_drawn is 0"):
        draw_scene(scene, max_drawn=0)


def test_a_drawing_does_not_depend_on_colours(scene: Scene) -> None:
    plain = replace(scene, cloud=PointCloud(scene.cloud.xyz))
    np.testing.assert_array_equal(draw_scene(plain).positions, draw_scene(scene).positions)
