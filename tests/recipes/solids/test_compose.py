import numpy as np
import pytest

from recipes.solids.compose import compose
from recipes.solids.shapes import _KINDS, extrude

SEEDS = range(20)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_solid_is_centred_in_the_unit_ball_with_gapless_labels(seed: int) -> None:
    solid = compose(np.random.default_rng(seed), 700)

    assert solid.xyz.shape == (700, 3)
    assert solid.xyz.dtype == np.float32
    assert solid.rgb.shape == (700, 3)
    assert solid.rgb.dtype == np.uint8
    norms = np.linalg.norm(solid.xyz, axis=1)
    assert 0.999 < norms.max() <= 1
    np.testing.assert_allclose(solid.xyz.mean(0), 0, atol=1e-4)
    assert list(solid.labels) == ["part", "part_fine"]
    for label in solid.labels.values():
        assert label.dtype == np.uint8
        np.testing.assert_array_equal(np.unique(label), np.arange(label.max() + 1))
    assert solid.labels["part"].max() >= 1


@pytest.mark.parametrize("seed", SEEDS[:10])
def test_each_fine_part_lies_in_one_part(seed: int) -> None:
    solid = compose(np.random.default_rng(seed), 700)

    pairs = np.unique(np.column_stack(list(solid.labels.values())), axis=0)
    assert len(pairs) == solid.labels["part_fine"].max() + 1


def test_the_generator_alone_decides() -> None:
    first, again, other = (compose(np.random.default_rng(seed), 256) for seed in (3, 3, 4))

    np.testing.assert_array_equal(first.xyz, again.xyz)
    np.testing.assert_array_equal(first.rgb, again.rgb)
    np.testing.assert_equal(first.labels, again.labels)
    assert not np.array_equal(first.xyz, other.xyz)


def test_compositions_vary_in_part_count_and_colour_often_does_not_give_the_parts_away() -> None:
    solids = [compose(np.random.default_rng(seed), 256) for seed in range(30)]

    assert len({int(solid.labels["part"].max()) for solid in solids}) > 5
    assert sum(len(np.unique(solid.rgb, axis=0)) == 1 for solid in solids) >= 2


@pytest.mark.parametrize("kind", list(_KINDS), ids=lambda kind: kind.__name__)
def test_a_shape_holds_what_lies_just_under_its_surface_and_not_what_lies_outside(kind) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    inner, outer = [], []
    for _ in range(20):
        shape = kind(rng)
        corners = shape.triangles
        middle = corners.mean(1)
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        length = np.linalg.norm(normal, axis=1, keepdims=True)
        big = length[:, 0] > np.median(length)
        step = 0.025 * (normal / np.maximum(length, 1e-12))
        # Windings are not oriented: one side of the surface is material, the other is not.
        above, below = shape.inside((middle + step)[big]), shape.inside((middle - step)[big])
        inner.append((above | below).mean())
        outer.append((above & below).mean())

    assert np.linalg.norm(shape.triangles, axis=-1).max() == pytest.approx(1)
    assert np.mean(inner) > 0.8
    assert np.mean(outer) < 0.2


def test_a_box_has_six_faces_of_the_right_areas() -> None:
    box = extrude(np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]]), 4.0)

    each = np.diff(box.area, prepend=0)
    area = np.bincount(box.face, each)
    np.testing.assert_allclose(area / area[-1], [2, 2, 2, 2, 1, 1])


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ValueError, match="num_points is 10"):
        compose(np.random.default_rng(0), 10)
