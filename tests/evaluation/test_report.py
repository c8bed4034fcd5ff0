import csv
import io
import json

import numpy as np
import pytest

from point_sam.evaluation import ObjectResult, Report, comparison_table
from point_sam.evaluation.statistics import bootstrap_interval, clicks_needed, correlation


def result(name: str, iou: list[list[float]], scores: list[list[float]] | None = None) -> ObjectResult:
    values = np.array(iou)
    predicted = None if scores is None else np.array(scores)
    first = None if predicted is None else predicted[:, :1]
    return ObjectResult(name, 100, values, predicted, values[:, :1], first, 0.25)


def report(*objects: ObjectResult, model: str = "tiny", clicks: int = 3) -> Report:
    settings = {"model": model, "clicks": clicks, "seed": 0, "confidence": 0.9, "resamples": 200}
    return Report(settings, objects)


CHAIR = result("chair", [[0.2, 0.8, 0.9], [0.4, 0.4, 0.5]], [[0.3, 0.7, 0.8], [0.4, 0.5, 0.4]])
CUP = result("cup|mug", [[0.9, 1.0, 1.0]], [[0.8, 0.9, 0.9]])


def test_means_and_clicks_needed() -> None:
    both = report(CHAIR, CUP)

    np.testing.assert_allclose(both.iou_at, [0.5, 2.2 / 3, 0.8])
    np.testing.assert_allclose(both.iou_at_by_object, [0.6, 0.8, 0.85])
    assert both.noc(0.8) == pytest.approx((2 + 3 + 1) / 3)
    assert both.reached(0.8) == pytest.approx(2 / 3)


def test_a_mask_that_never_gets_there_counts_the_cap_as_does_one_that_gets_there_last() -> None:
    needed = clicks_needed(np.array([[0.1, 0.2], [0.1, 0.9], [0.9, 0.1]]), 0.9)

    assert needed.tolist() == [2, 2, 1]


def test_thresholds_outside_the_unit_interval_are_refused() -> None:
    with pytest.raises(ValueError, match=r"threshold is 80\.0"):
        report(CUP).noc(80.0)


def test_the_bootstrap_draws_objects_and_is_seeded() -> None:
    rng = np.random.default_rng(0)
    values = [rng.normal(0.5, 0.1, (rng.integers(1, 5), 1)) for _ in range(400)]
    masks = np.concatenate(values)

    (low, high), *_ = bootstrap_interval(values, seed=1, confidence=0.95, resamples=2000)

    spread = 1.96 * masks.std() / np.sqrt(len(masks))
    assert low == pytest.approx(masks.mean() - spread, abs=spread / 5)
    assert high == pytest.approx(masks.mean() + spread, abs=spread / 5)
    assert bootstrap_interval(values, seed=1, confidence=0.95, resamples=2000) == [(low, high)]
    assert bootstrap_interval(values, seed=2, confidence=0.95, resamples=2000) != [(low, high)]


def test_masks_of_one_object_are_drawn_together() -> None:
    twins = [np.array([[0.0]] * 10), np.array([[1.0]] * 10)]

    assert bootstrap_interval(twins, seed=0, confidence=0.95, resamples=500) == [(0, 1)]


def test_a_constant_correlates_with_nothing() -> None:
    assert correlation(np.ones(3), np.arange(3.0)) is None
    assert correlation(np.arange(3.0), 2 * np.arange(3.0)) == pytest.approx(1)


def test_json_round_trip_keeps_every_figure() -> None:
    before = report(CHAIR, CUP)

    text = before.to_json()
    after = Report.from_json(text)

    assert after.to_json() == text
    np.testing.assert_array_equal(after.objects[0].iou, CHAIR.iou)
    assert json.loads(text)["summary"]["iou_at"] == before.iou_at
    assert after.score_correlation == before.score_correlation


def test_json_round_trip_without_predicted_ious() -> None:
    after = Report.from_json(report(result("a", [[0.5, 0.5, 0.5]])).to_json())

    assert after.objects[0].iou_scores is None
    assert after.score_correlation is None
    assert after.candidate_correlation is None
    assert after.choice_loss == 0


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1, "settings": {}, "objects": [{"name": 1}]}', "null"])
def test_other_texts_are_no_reports(text: str) -> None:
    with pytest.raises(ValueError, match="not an evaluation report"):
        Report.from_json(text)


def test_a_later_format_is_refused() -> None:
    with pytest.raises(ValueError, match="format 2"):
        Report.from_json('{"format": 2}')


def test_markdown_shows_the_figures_and_the_settings() -> None:
    text = report(CHAIR, CUP).to_markdown()

    assert "3 masks of 2 objects" in text
    assert "| 1 | 0.500 [" in text
    assert "cap 3" in text
    assert "| seed | 0 |" in text
    widths = {len(line.split(" | ")) for line in text.split("\n\n")[2].splitlines()}
    assert widths == {3}


def test_csv_has_one_line_per_object() -> None:
    rows = list(csv.DictReader(io.StringIO(report(CHAIR, CUP).to_csv())))

    assert [row["name"] for row in rows] == ["chair", "cup|mug"]
    assert float(rows[0]["iou_at_2"]) == pytest.approx(0.6)
    assert float(rows[0]["noc_80"]) == pytest.approx(2.5)


def test_models_are_compared_on_the_same_samples_only() -> None:
    tiny, other = report(CHAIR, CUP), report(CHAIR, CUP, model="nearest | click")

    table = comparison_table([tiny, other])
    assert "| tiny | 0.500 [" in table
    assert "nearest \\| click" in table
    assert "IoU@3" in table
    with pytest.raises(ValueError, match="not evaluated on the same samples"):
        comparison_table([tiny, report(CHAIR)])
    with pytest.raises(ValueError, match="reports is empty"):
        comparison_table([])


def candidates(name: str, scores: list[list[float]], iou: list[list[float]], family: str = "") -> ObjectResult:
    first, chosen = np.array(iou), np.array(scores).argmax(1)
    taken = np.take_along_axis(first, chosen[:, None], 1)
    return ObjectResult(name, 9, taken, taken, first, np.array(scores), 0.0, family=family)


def test_ranks_count_within_a_click_only() -> None:
    # The scores know which mask is easy, and order its candidates the wrong way round.
    both = report(
        candidates("a", [[0.93, 0.92, 0.91]], [[0.7, 0.8, 0.9]]),
        candidates("b", [[0.13, 0.12, 0.11]], [[0.1, 0.2, 0.3]]),
        clicks=1,
    )

    assert both.candidate_correlation is not None
    assert both.candidate_correlation > 0.8
    assert both.rank_correlation == pytest.approx(-1)
    assert both.best_chosen == 0
    assert both.choice_loss == pytest.approx(0.2)


def test_rank_correlation_by_hand_and_where_there_is_none() -> None:
    mixed = report(candidates("a", [[0.3, 0.2, 0.1], [0.5, 0.5, 0.5]], [[0.9, 0.1, 0.5], [0.1, 0.2, 0.3]]), clicks=1)
    flat = report(candidates("a", [[0.5, 0.5, 0.5]], [[0.1, 0.2, 0.3]]), clicks=1)

    assert mixed.rank_correlation == pytest.approx(0.5)  # 1 - 6 * (0 + 1 + 1) / (3 * 8); the tied mask does not count
    assert mixed.best_chosen == pytest.approx(0.5)
    assert flat.rank_correlation is None
    assert report(result("a", [[0.5, 0.5, 0.5]])).rank_correlation is None


def test_a_click_that_costs_more_than_a_twentieth_is_lost() -> None:
    falls = report(result("a", [[0.5, 0.44, 0.9], [0.5, 0.46, 0.2]]))

    assert falls.lost == pytest.approx(2 / 4)
    assert falls.summary()["lost"] == falls.lost
    assert "more than 0.05 IoU: 50.0%." in falls.to_markdown()
    assert comparison_table([falls]).splitlines()[2].endswith("| 50.0% |")
    assert report(result("a", [[0.5]]), clicks=1).lost is None


def test_masks_may_have_candidates_of_different_numbers() -> None:
    nan = np.nan
    scores, iou = [[0.3, 0.2, 0.1], [0.9, 0.8, nan]], [[0.9, 0.1, 0.5], [0.1, 0.2, nan]]
    both = report(candidates("a", scores, iou), candidates("b", [[0.5, 0.4]], [[0.6, 0.2]]), clicks=1)
    both.objects[0].iou_scores[1] = both.objects[0].iou[1] = 0.1  # `candidates` takes NaN for the best

    again = Report.from_json(both.to_json())

    assert json.loads(both.to_json())["objects"][0]["first_iou"][1] == [0.1, 0.2, None]
    assert again.summary() == both.summary()
    pairs = [(0.3, 0.9), (0.2, 0.1), (0.1, 0.5), (0.9, 0.1), (0.8, 0.2), (0.5, 0.6), (0.4, 0.2)]
    assert both.candidate_correlation == pytest.approx(np.corrcoef(np.array(pairs).T)[0, 1])
    assert both.rank_correlation == pytest.approx((0.5 - 1 + 1) / 3)
    assert both.choice_loss == pytest.approx(0.1 / 3)
    assert both.best_chosen == pytest.approx(2 / 3)


def test_groups_split_the_objects() -> None:
    whole = report(candidates("a", [[1.0]], [[0.2]], "x"), candidates("b", [[1.0]], [[0.6]], "y"), clicks=1)

    groups = whole.groups("family")

    assert {name: group.iou_at for name, group in groups.items()} == {"x": [0.2], "y": [0.6]}
    with pytest.raises(ValueError, match="by is 'licence'"):
        whole.groups("licence")
