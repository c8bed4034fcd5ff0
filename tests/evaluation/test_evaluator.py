import re
from collections.abc import Callable
from typing import Any

import jaxtyping
import numpy as np
import pytest
import torch
from torch import Tensor

from point_sam import PointSAM, Session
from point_sam.evaluation import (
    Answer,
    NearestClick,
    PointSAMSegmenter,
    Sample,
    SessionSegmenter,
    evaluate,
    evaluate_object,
    trace_object,
)
from point_sam.model import ModelConfig, PointSAMModel
from point_sam.ops.clicks import next_click
from point_sam.pyramid import Pyramid


def line_sample(*masks: str, name: str = "") -> Sample:
    """Points at x = 0, 0.1, 0.2, …; `#` is in the mask."""
    count = len(masks[0])
    coords = np.column_stack([np.arange(count) / 10, np.zeros(count), np.zeros(count)]).astype(np.float32)
    return Sample(coords, None, np.array([[letter == "#" for letter in mask] for mask in masks]), name)


class Scripted:
    """Answers given masks, whatever is clicked, and remembers the clicks."""

    settings = {"model": "scripted"}  # noqa: RUF012

    def __init__(self, answers: list[np.ndarray], scores: list[np.ndarray] | None = None) -> None:
        self.answers, self.scores = answers, scores
        self.clicks: list[tuple[np.ndarray, np.ndarray]] = []

    def start(self, coords: np.ndarray, rgb: np.ndarray | None, count: int) -> "Scripted":
        return self

    def click(self, points: np.ndarray, labels: np.ndarray) -> Answer:
        candidates = self.answers[len(self.clicks)]
        scores = None if self.scores is None else self.scores[len(self.clicks)]
        self.clicks.append((points, labels))
        chosen = np.zeros(len(candidates), int) if scores is None else scores.argmax(1)
        return Answer(candidates, scores, chosen)


class Oracle:
    settings = {"model": "oracle"}  # noqa: RUF012

    def start(self, coords: np.ndarray, rgb: np.ndarray | None, count: int) -> "Oracle":
        return self

    def reveal(self, masks: np.ndarray) -> None:
        self.masks = masks

    def click(self, points: np.ndarray, labels: np.ndarray) -> Answer:
        assert labels.all()
        return Answer(self.masks[:, None], None, np.zeros(len(self.masks), int))


def test_an_oracle_scores_one_after_one_click() -> None:
    report = evaluate(Oracle(), [line_sample("..##..", "####.."), line_sample("#.....")], clicks=3)

    assert report.iou_at == [1, 1, 1]
    assert report.noc(0.9) == 1
    assert report.reached(0.9) == 1
    assert report.num_masks == 3


def test_the_clicks_follow_the_protocol() -> None:
    sample = line_sample("..#####...", "#.........")
    rng = np.random.default_rng(0)
    answers = [rng.random((2, 1, 10)) < 0.5 for _ in range(4)]
    model = Scripted(answers)

    evaluate_object(model, sample, clicks=4)

    for row, mask in enumerate(sample.masks):
        predicted = None
        for (points, labels), answer in zip(model.clicks, answers, strict=True):
            index, positive = next_click(sample.coords, mask, predicted)
            np.testing.assert_array_equal(points[row], sample.coords[index])
            assert labels[row] == positive
            predicted = answer[row, 0]


def test_the_candidate_of_best_predicted_iou_counts_and_what_that_loses_is_reported() -> None:
    sample = line_sample("####......")
    three = line_sample("##........", "####......", "......####").masks[None]
    one = sample.masks[None]
    model = Scripted([three, one], [np.array([[0.9, 0.4, 0.1]]), np.array([[0.8]])])

    report = evaluate(model, [sample], clicks=2)

    assert report.iou_at == [0.5, 1.0]
    assert report.choice_loss == 0.5
    np.testing.assert_allclose(report.objects[0].first_iou, [[0.5, 1, 0]])
    np.testing.assert_allclose(report.objects[0].iou_scores, [[0.9, 0.8]])
    assert report.candidate_correlation == pytest.approx(np.corrcoef([0.9, 0.4, 0.1], [0.5, 1, 0])[0, 1])
    assert report.score_correlation == pytest.approx(-1)


def test_means_over_masks_and_over_objects_differ() -> None:
    good, bad = line_sample("##..", "#..."), line_sample("##..")
    right = good.masks[:, None]
    report_a = evaluate_object(Scripted([right]), good, clicks=1)
    report_b = evaluate_object(Scripted([~bad.masks[:, None]]), bad, clicks=1)

    assert report_a.iou.tolist() == [[1], [1]]
    assert report_b.iou.tolist() == [[0]]


def test_the_original_s_clicks_and_scores_come_out(
    named_model: Callable[[ModelConfig], PointSAMModel], reference: Callable[[str], dict[str, np.ndarray]]
) -> None:
    cloud, expected = reference("cloud"), reference("clicks_knn_small")
    masks = np.stack([cloud["part"] == part for part in expected["gt_part"]])
    model = PointSAM(named_model(ModelConfig.preset("knn_small")), precision="float32")
    sample = Sample(cloud["coords"], cloud["rgb"], masks)

    result = evaluate(model, [sample], clicks=5).objects[0]
    trace = trace_object(model, sample, clicks=5)

    np.testing.assert_array_equal(trace.points, expected["prompt_coords_4"])
    np.testing.assert_array_equal(trace.labels, expected["prompt_labels_4"])
    np.testing.assert_allclose(result.iou.T, [expected[f"iou_{step}"] for step in range(5)], rtol=1e-6)
    np.testing.assert_array_equal(trace.masks[:, ::4], expected["logits_4"] > 0)
    assert result.first_iou_scores is not None
    np.testing.assert_allclose(result.first_iou_scores, expected["iou_preds_0"], atol=1e-4)
    assert result.iou_scores is not None
    # Rounding grows through the fed-back logits of made-up weights, see tests/ops/test_clicks.py.
    last = np.stack([expected[f"iou_preds_{step}"][:, 0] for step in range(1, 5)], 1)
    np.testing.assert_allclose(result.iou_scores[:, 1:], last, atol=3e-4)


class FakePredictor:
    """Stands in for `PointSAM`: first answers three candidates, later one; records what it is asked."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.cloud: tuple[Any, Any] | None = None
        self.num_groups = 7

    def set_pointcloud(self, coords: Any, rgb: Any = None) -> None:
        self.cloud = (coords, rgb)

    def predict_batch(
        self, prompt_points: Tensor, prompt_labels: Tensor, *, mask_inputs: Any = None, multimask_output: bool = True
    ) -> tuple[Tensor, Tensor]:
        self.calls.append({"points": prompt_points, "labels": prompt_labels, "mask": mask_inputs})
        assert self.cloud is not None
        masks, count = len(prompt_points), 3 if multimask_output else 1
        logits = torch.full((masks, count, len(self.cloud[0])), -1.0)
        logits[:, 1 if multimask_output else 0] = 2.0
        return logits, torch.tensor([[0.1, 0.6, 0.3]] if multimask_output else [[0.7]]).expand(masks, -1)


def test_a_predictor_gets_all_clicks_and_the_last_logits_and_all_masks_at_once() -> None:
    model = FakePredictor()
    sample = line_sample("..##......", "########..")

    report = evaluate(model, [sample], clicks=3)

    first, second, third = model.calls
    assert first["points"].shape == (2, 1, 3)
    assert first["mask"] is None
    assert second["points"].shape == (2, 2, 3)
    assert second["labels"].tolist() == [[1, 0], [1, 0]]
    assert third["mask"].shape == (2, 10)
    assert (second["mask"] == 2).all()
    np.testing.assert_allclose(third["points"][:, :2], second["points"])
    np.testing.assert_allclose(report.iou_at, [0.5] * 3)
    np.testing.assert_allclose(report.objects[0].iou_scores, [[0.6, 0.7, 0.7]] * 2)
    assert report.settings["num_groups"] == 7
    assert report.settings["model"] == "point-sam"


def test_the_model_is_clicked_as_a_session_clicks_it(model: PointSAM, cloud: tuple[np.ndarray, np.ndarray]) -> None:
    coords, rgb = cloud
    masks = np.stack([coords[:, 0] > 0.2, coords[:, 2] < 0])

    result = evaluate(model, [(coords, rgb, masks)], clicks=4).objects[0]

    for row, mask in enumerate(masks):
        session = Session(model, scales="whole")
        predicted = None
        for step in range(4):
            index, positive = next_click(coords, mask, predicted)
            predicted = session.click(coords[index], positive)
            iou = (predicted & mask).sum() / (predicted | mask).sum()
            # One of the 300 points may lie on the border, where a batch and a single prompt round differently.
            assert result.iou[row, step] == pytest.approx(iou, abs=0.01)
            assert result.iou_scores is not None
            assert result.iou_scores[row, step] == pytest.approx(session.iou_score, abs=1e-3)


def test_balls_are_clicked_as_sessions_of_one_pyramid_click_them(
    model: PointSAM, cloud: tuple[np.ndarray, np.ndarray]
) -> None:
    coords, rgb = cloud
    masks = np.stack([coords[:, 0] > 0.2, coords[:, 2] < 0])

    result = evaluate(SessionSegmenter(model), [(coords, rgb, masks)], clicks=3).objects[0]
    trace = trace_object(SessionSegmenter(model), Sample(coords, rgb, masks), clicks=3)

    pyramid = Pyramid(model, coords, rgb)
    for row, mask in enumerate(masks):
        session = Session(model, pyramid)
        predicted = None
        for step in range(3):
            index, positive = next_click(coords, mask, predicted)
            predicted = session.click(coords[index], positive)
            assert result.iou[row, step] == (predicted & mask).sum() / (predicted | mask).sum()
            assert result.iou_scores is not None
            assert result.iou_scores[row, step] == np.float32(session.iou_score)
            if step == 0:
                found, scores = session.candidates
                ious = (found & mask).sum(1) / (found | mask).sum(1)
                filled = result.first_iou.shape[1] - len(found)
                np.testing.assert_array_equal(result.first_iou[row], [*ious, *[np.nan] * filled])
                assert result.first_iou_scores is not None
                np.testing.assert_array_equal(result.first_iou_scores[row], [*scores, *[np.nan] * filled])
        np.testing.assert_array_equal(trace.masks[row], predicted)
        np.testing.assert_array_equal(trace.points[row], [click.point for click in session.prompts])
        assert trace.labels[row].tolist() == [click.positive for click in session.prompts]


def test_balls_need_no_encoding_of_the_whole_cloud(
    model: PointSAM, cloud: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    coords, rgb = cloud
    monkeypatch.setattr(PointSAM, "encode", lambda *_, **__: pytest.fail("the cloud is encoded whole"))

    report = evaluate(SessionSegmenter(model), [(coords, rgb, coords[:, :1].T > 0)], clicks=1)

    assert model.current is None
    assert report.settings["scales"] == "balls"
    assert report.settings["fingerprint"] == model.fingerprint


def test_whole_sessions_answer_as_the_model_does(model: PointSAM, cloud: tuple[np.ndarray, np.ndarray]) -> None:
    coords, rgb = cloud
    samples = [(coords, rgb, coords[:, :1].T > 0.2)]

    plain = evaluate(model, samples, clicks=3)
    sessions = evaluate(SessionSegmenter(model, name="whole", scales="whole"), samples, clicks=3)

    assert sessions.iou_at == plain.iou_at
    assert sessions.settings == {**plain.settings, "model": "whole", "scales": "whole"}


class OneByOne(Oracle):
    """An interaction for each mask, begun when the one before is done."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.clicked: list[int] = []

    def start(self, coords: np.ndarray, rgb: np.ndarray | None, count: int) -> Any:  # type: ignore[override]
        for number in range(count):
            self.begun.append(number)
            yield _Counted(self, number)


class _Counted:
    def __init__(self, parent: OneByOne, number: int) -> None:
        self.parent, self.number = parent, number

    def reveal(self, masks: np.ndarray) -> None:
        self.masks = masks

    def click(self, points: np.ndarray, labels: np.ndarray) -> Answer:
        self.parent.clicked.append(self.number)
        candidates = np.repeat(self.masks[:, None], 1 + self.number, 1)
        return Answer(candidates, np.full(candidates.shape[:2], 0.5), np.zeros(1, int))


def test_masks_may_be_clicked_one_after_the_other() -> None:
    model = OneByOne()

    result = evaluate(model, [line_sample("##..", "..##")], clicks=2).objects[0]

    assert model.clicked == [0, 0, 1, 1]
    assert result.iou.tolist() == [[1, 1], [1, 1]]
    np.testing.assert_array_equal(result.first_iou, [[1, np.nan], [1, 1]])


def test_a_predictor_may_be_named_and_described() -> None:
    segmenter = PointSAMSegmenter(FakePredictor(), name="tiny", settings={"weights": "abc"})

    assert segmenter.settings == {"model": "tiny", "num_groups": 7, "weights": "abc"}


def test_settings_are_recorded_and_progress_is_told() -> None:
    seen: list[tuple[int, int | None]] = []
    samples = [line_sample("##.."), line_sample("#...", name="cup")]

    report = evaluate(NearestClick(), samples, clicks=2, seed=5, progress=lambda *at: seen.append(at))
    evaluate(NearestClick(), iter(samples), clicks=2, progress=lambda *at: seen.append(at))

    assert seen == [(1, 2), (2, 2), (1, None), (2, None)]
    assert [result.name for result in report.objects] == ["0", "cup"]
    assert report.settings["model"] == "nearest click"
    assert (report.settings["clicks"], report.settings["seed"]) == (2, 5)


GOOD = line_sample("##..")


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Users run without beartype: what it would catch must be refused all the same."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.mark.parametrize(
    ("sample", "complaint"),
    [
        (GOOD._replace(masks=np.zeros((2, 4), bool)), "mask 0 of sample 0 is empty"),
        (
            GOOD._replace(masks=np.eye(4, dtype=bool) & [[True], [False], [True], [True]], name="cup"),
            "mask 1 of sample cup is empty",
        ),
        (GOOD._replace(masks=np.zeros((0, 4), bool)), "masks of sample 0 are bool of shape (0, 4)"),
        (GOOD._replace(masks=np.ones((1, 3), bool)), "wanted bool [M, 4]"),
        (GOOD._replace(masks=np.ones((1, 4))), "masks of sample 0 are float64"),
        (GOOD._replace(coords=np.zeros((4, 2))), "coords of sample 0 have shape (4, 2)"),
        (GOOD._replace(coords=np.full((4, 3), np.nan)), "NaN or infinite"),
        (GOOD._replace(rgb=np.zeros((3, 3))), "rgb of sample 0 has shape (3, 3)"),
        ((GOOD.coords, GOOD.masks), "sample 0 has 2 fields"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_wrong_samples_are_refused_by_name(sample: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        evaluate(NearestClick(), [sample])


@pytest.mark.parametrize(
    ("options", "complaint"),
    [({"clicks": 0}, "clicks is 0"), ({"confidence": 95.0}, "confidence is 95"), ({"resamples": 0}, "resamples is 0")],
)
def test_wrong_settings_are_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        evaluate(NearestClick(), [GOOD], **options)


@pytest.mark.usefixtures("unchecked")
def test_no_samples_and_no_model_are_refused() -> None:
    with pytest.raises(ValueError, match="samples is empty"):
        evaluate(NearestClick(), [])
    with pytest.raises(ValueError, match="model is a int"):
        evaluate(3, [GOOD])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (np.ones((1, 1, 5), bool), "shape (1, 1, 5)"),
        (np.ones((1, 1, 4)), "answered float64 masks"),
        (np.ones((1, 4), bool), "shape (1, 4)"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_a_model_that_answers_nonsense_is_named(answer: np.ndarray, complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        evaluate(Scripted([answer]), [GOOD], clicks=1)
