import numpy as np
import pytest

from point_sam.datasets.labeled import LabeledCloud
from recipes.scenes.compose import KINDS, compose


def pick(rng):
    """A ball on a stick."""
    ball = rng.normal(size=(400, 3))
    ball = 0.3 * ball / np.linalg.norm(ball, axis=1, keepdims=True) + [0, 0, 0.4]
    stick = rng.uniform([-0.03, -0.03, -0.6], [0.03, 0.03, 0.1], (300, 3))
    part = np.repeat([0, 1], [400, 300]).astype(np.int32)
    return LabeledCloud(np.concatenate([ball, stick]).astype(np.float32), None, {"part": part})


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_labelled_scene_that_its_generator_alone_decides(kind):
    scene, again = (compose(kind, np.random.default_rng(3), pick) for _ in range(2))
    thing, part = scene.labels["thing"], scene.labels["part"]

    np.testing.assert_array_equal(scene.xyz, again.xyz)
    np.testing.assert_equal(dict(scene.labels), dict(again.labels))
    assert (scene.family, scene.name) == (kind, kind)
    assert len(scene) > 3000
    assert np.isfinite(scene.xyz).all()
    # Ground, walls and tables are nobody's thing; every part is of one thing.
    np.testing.assert_array_equal(thing < 0, part < 0)
    assert (thing < 0).mean() > 0.2
    assert len(np.unique(thing[thing >= 0])) >= 3
    for number in np.unique(part[part >= 0]):
        assert len(np.unique(thing[part == number])) == 1
    # Things are small in the scene, in metres.
    for number in np.unique(thing[thing >= 0]):
        size = np.ptp(scene.xyz[thing == number], axis=0).max()
        assert size < {"street": 6, "tables": 0.5, "room": 3, "yard": 16}[kind]


def test_other_seeds_are_other_scenes():
    one, other = (compose("tables", np.random.default_rng(seed), pick, name="t") for seed in (1, 2))

    assert one.name == "t"
    assert len(one) != len(other) or not np.array_equal(one.xyz, other.xyz)
