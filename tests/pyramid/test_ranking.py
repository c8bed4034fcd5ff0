import numpy as np
import pytest

from point_sam.pyramid import ranking
from point_sam.pyramid.ranking import Trees, load_trees, predict_iou
from point_sam.pyramid.signs import SIGNS


@pytest.fixture
def trees():
    """If sign 1 is at most 0.5: 0.1, else if sign 0 is at most 2: 0.2, else 0.3; and a tree of one leaf, 1."""
    return Trees(
        sign=np.array([[1, -1, 0, -1, -1], [-1, 0, 0, 0, 0]], np.int16),
        threshold=np.array([[0.5, 0, 2, 0, 0], [0, 0, 0, 0, 0]], np.float32),
        left=np.array([[1, 0, 3, 0, 0], [0, 0, 0, 0, 0]], np.int16),
        right=np.array([[2, 0, 4, 0, 0], [0, 0, 0, 0, 0]], np.int16),
        value=np.array([[0, 0.1, 0, 0.2, 0.3], [1, 0, 0, 0, 0]], np.float32),
        base=10.0,
    )


def test_rows_fall_into_leaves_whose_values_are_added(trees):
    signs = np.array([[9, 0.5], [2, 0.6], [2.5, 0.6]], np.float32)

    np.testing.assert_allclose(trees.predict(signs), [11.1, 11.2, 11.3])


def test_no_rows_give_no_numbers(trees):
    assert trees.predict(np.zeros((0, 2), np.float32)).shape == (0,)


def test_the_trees_in_the_package_ask_for_signs_that_there_are():
    trees = load_trees()

    assert trees.sign.max() < len(SIGNS)
    assert len(trees.sign) > 10
    # A good answer in the middle of its ball and in one piece, against a poor one cut off at its wall.
    good = dict.fromkeys(SIGNS, 0.0) | {"iou_score": 0.95, "stability": 0.95, "certainty": 0.95, "piece": 1.0,
        "right": 1.0, "agreement": 0.8, "extent": 0.5, "share": 0.2, "clicks": 1.0, "log_points": 3.5}  # fmt: skip
    poor = good | {"iou_score": 0.2, "stability": 0.3, "certainty": 0.6, "piece": 0.1, "wall": 0.6, "agreement": 0.1}
    rows = np.array([[row[name] for name in SIGNS] for row in (good, poor)], np.float32)
    assert np.subtract(*predict_iou(rows)) > 0.2


def test_trees_of_other_signs_are_refused(monkeypatch):
    monkeypatch.setattr(ranking, "SIGNS", (*SIGNS, "weather"))

    with pytest.raises(ValueError, match="grown on other signs"):
        load_trees.__wrapped__()
