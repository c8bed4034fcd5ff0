import numpy as np
import pytest

from point_sam.evaluation import BestSphere, NearestClick, Sample, evaluate


def line(*places: float) -> np.ndarray:
    return np.column_stack([places, np.zeros(len(places)), np.zeros(len(places))]).astype(np.float32)


def test_nearest_click_by_hand() -> None:
    model = NearestClick().start(line(0, 1, 2, 3, 4), None, 1)

    everything = model.click(line(0), np.array([True])).masks
    halves = model.click(line(4), np.array([False])).masks
    again = model.click(line(3), np.array([True])).masks

    assert everything.tolist() == [[True] * 5]
    assert halves.tolist() == [[True, True, True, False, False]]  # 2 is as near to both: the earlier click keeps it
    assert again.tolist() == [[True, True, True, True, False]]


def test_nearest_click_finds_a_half_with_two_clicks() -> None:
    sample = Sample(line(*np.arange(10) / 10), None, np.array([[True] * 5 + [False] * 5]))

    report = evaluate(NearestClick(), [sample], clicks=3)

    # Clicks at 0 and, the whole being taken, at 9: each gets its half.
    assert report.iou_at == [0.5, 1, 1]
    assert report.noc(0.8) == 2


def test_the_best_sphere_by_hand() -> None:
    coords = line(0, 1, 2, 3, 10)
    model = BestSphere().start(coords, None, 2)
    model.reveal(np.array([[True, True, False, True, False], [True, False, False, False, True]]))  # type: ignore[attr-defined]

    masks = model.click(line(0, 0), np.array([True, True])).masks

    assert masks.tolist() == [[True, True, True, True, False], [True, False, False, False, False]]


def test_a_sphere_takes_all_points_at_one_distance_or_none() -> None:
    coords = line(0, 1, -1, 5)
    model = BestSphere().start(coords, None, 1)
    model.reveal(np.array([[True, True, False, False]]))  # type: ignore[attr-defined]

    masks = model.click(line(0), np.array([True])).masks

    assert masks.tolist() == [[True, True, True, False]]


def test_the_best_sphere_is_no_worse_than_any_sphere_and_keeps_its_answer() -> None:
    rng = np.random.default_rng(0)
    coords = rng.uniform(-0.5, 0.5, (200, 3)).astype(np.float32)
    truth = coords[:, 0] > 0.1
    click = coords[truth][3]

    report = evaluate(BestSphere(), [Sample(coords, None, truth[None])], clicks=3)
    model = BestSphere().start(coords, None, 1)
    model.reveal(truth[None])  # type: ignore[attr-defined]
    mask = model.click(click[None], np.array([True])).masks[0]
    ours = (mask & truth).sum() / (mask | truth).sum()

    distance = np.linalg.norm(coords.astype(float) - click, axis=1)
    balls = distance[None] <= distance[:, None] + 1e-12
    assert ours == pytest.approx(((balls & truth).sum(1) / (balls | truth).sum(1)).max())
    assert report.iou_at[0] == report.iou_at[2]


def test_a_sphere_without_the_truth_is_refused() -> None:
    with pytest.raises(ValueError, match="needs the true masks"):
        BestSphere().start(line(0, 1), None, 1).click(line(0), np.array([True]))
