import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from point_sam import PointSAM
from point_sam.datasets import open_dataset
from point_sam.evaluation import (
    DataChoice,
    Evaluation,
    NearestClick,
    ObjectResult,
    Report,
    SampleRule,
    choose_models,
    evaluate,
    evaluate_dataset,
    make_sample,
)
from point_sam.evaluation.cases import best_and_worst, compare_masks, draw_cases
from point_sam.evaluation.outputs import write_page, write_reports
from point_sam.evaluation.plots import draw_plots

RULE = SampleRule(min_points=20)
NEAREST = choose_models(["nearest-click"])


def run(folder: Path, out: Path, models: Any = NEAREST, **options: Any) -> Evaluation:
    given = {"rule": RULE, "clicks": 3, "resamples": 50, **options}
    return evaluate_dataset(DataChoice(folder, split="all"), models, out, **given)


def scores(report: Report) -> list[tuple[str, list[list[float]]]]:
    return [(result.name, result.iou.tolist()) for result in report.objects]


def test_the_figures_are_those_of_evaluate(folder: Path, tmp_path: Path) -> None:
    evaluation = run(folder, tmp_path / "out")

    dataset = open_dataset(folder)
    samples = [make_sample(dataset[i], dataset.names[i], RULE) for i in range(4)]
    expected = evaluate(NearestClick(), [sample for sample in samples if sample is not None], clicks=3, resamples=50)
    (report,) = evaluation.reports
    assert scores(report) == scores(expected)
    assert report.iou_interval == expected.iou_interval
    assert [result.family for result in report.objects] == ["cups", "cups", "pans", "pans"]
    assert report.groups("family")["pans"].iou_at == Report(report.settings, report.objects[2:]).iou_at


def test_everything_that_decides_is_recorded(folder: Path, tmp_path: Path) -> None:
    (report,) = run(folder, tmp_path / "out").reports

    settings = json.loads(report.to_json())["settings"]
    assert settings["rule"]["min_points"] == 20
    assert settings["clicks"] == 3
    assert settings["threads"] == 1
    assert settings["data"]["path"] == str(folder)
    assert (settings["data"]["layout"], settings["data"]["split"], settings["data"]["objects"]) == ("folder", "all", 4)
    assert {"python", "torch", "numpy", "processor", "cores"} <= settings["environment"].keys()
    assert "deepest point" in settings["protocol"]


def test_a_process_has_no_more_threads_than_cores(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0}, raising=False)
    (report,) = run(folder, tmp_path / "out", threads=2).reports

    assert report.settings["threads"] == 1


def test_the_data_are_known_again_in_a_copy_and_not_when_changed(folder: Path, tmp_path: Path) -> None:
    copy = folder.rename(tmp_path / "copy")
    (first,) = run(copy, tmp_path / "one").reports
    copy.rename(folder)
    (second,) = run(folder, tmp_path / "two").reports
    path = folder / "pans" / "o3.npz"
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["part"] = np.roll(arrays["part"], 1)
    np.savez(path, **arrays)
    (third,) = run(folder, tmp_path / "three").reports

    prints = [report.settings["data"]["evaluated"] for report in (first, second, third)]
    assert prints[0] == prints[1] != prints[2]


def test_a_run_goes_on_where_it_was_interrupted(folder: Path, tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    def stop(model: str, done: int, count: int) -> None:
        if done == 2:
            raise StopError

    seen: list[tuple[str, int, int]] = []
    with pytest.raises(StopError):
        run(folder, tmp_path / "out", progress=stop)
    resumed = run(folder, tmp_path / "out", progress=lambda *at: seen.append(at))

    assert seen == [("nearest-click", 2, 4), ("nearest-click", 3, 4), ("nearest-click", 4, 4)]
    assert resumed.resumed == 2
    assert scores(resumed.reports[0]) == scores(run(folder, tmp_path / "whole").reports[0])
    assert run(folder, tmp_path / "out", resume=False).resumed == 0


def test_another_model_may_join_but_other_settings_may_not(folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path)

    both = run(folder, tmp_path, choose_models(["nearest-click", "best-sphere"]))

    assert both.resumed == 4
    assert [report.model for report in both.reports] == ["nearest-click", "best-sphere"]
    with pytest.raises(ValueError, match=r"rule\.max_points None, now 100"):
        run(folder, tmp_path, rule=replace(RULE, max_points=100))
    with pytest.raises(ValueError, match="clicks 3, now 4"):
        run(folder, tmp_path, clicks=4)


def test_two_processes_find_what_one_finds(folder: Path, tmp_path: Path, model: PointSAM) -> None:
    model.save_pretrained(tmp_path / "net")
    models = choose_models([str(tmp_path / "net")], precision="float32", device="cpu", scales=("whole", "balls"))

    one = run(folder, tmp_path / "one", models, jobs=1)
    two = run(folder, tmp_path / "two", models, jobs=2)

    def figures(report: Report) -> list[dict[str, Any]]:
        return [{**result.to_dict(), "seconds": None} for result in report.objects]

    assert [report.model for report in one.reports] == ["net", "net through balls"]
    for report, other in zip(one.reports, two.reports, strict=True):
        assert figures(report) == figures(other)
        assert report.summary() == other.summary()


def test_balls_join_an_evaluation_of_whole_clouds(folder: Path, tmp_path: Path, model: PointSAM) -> None:
    model.save_pretrained(tmp_path / "net")
    texts = [str(tmp_path / "net")]
    run(folder, tmp_path / "out", choose_models(texts, precision="float32", device="cpu"), clicks=1)

    both = choose_models(texts, precision="float32", device="cpu", scales=("whole", "balls"))
    evaluation = run(folder, tmp_path / "out", both, clicks=1)
    again = run(folder, tmp_path / "out", both, clicks=1)

    assert (evaluation.resumed, again.resumed) == (4, 8)
    assert [report.summary() for report in again.reports] == [report.summary() for report in evaluation.reports]


def test_bad_objects_are_counted_and_the_rest_evaluated(folder: Path, tmp_path: Path) -> None:
    (folder / "cups" / "o0.npz").write_bytes(b"nothing")
    with np.load(folder / "cups" / "o1.npz") as archive:
        arrays = dict(archive)
    labels = {name: np.full(len(values), -1) for name, values in arrays.items() if "part" in name}
    np.savez(folder / "cups" / "o1.npz", **{**arrays, **labels})

    evaluation = run(folder, tmp_path / "out", choose_models(["nearest-click", "best-sphere"]))

    assert list(evaluation.problems) == ["cups/o0.npz"]
    assert "o0.npz" in evaluation.problems["cups/o0.npz"]
    assert evaluation.unusable == ("cups/o1.npz",)
    assert [result.name for result in evaluation.reports[1].objects] == ["pans/o2.npz", "pans/o3.npz"]
    page = write_page(tmp_path / "out", evaluation).read_text()
    assert "1 objects that cannot be used" in page
    assert "1 objects have no mask that the rule allows: cups/o1.npz." in page


def test_nothing_usable_is_an_error(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="none of 4 objects has a mask that the rule allows"):
        run(folder, tmp_path / "out", rule=SampleRule(min_points=399))
    for path in folder.rglob("*.npz"):
        path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"none of 4 objects can be used; 4 cannot be read, first cups/o0\.npz"):
        run(folder, tmp_path / "other")


def test_results_among_the_data_do_not_stop_a_resumption(folder: Path) -> None:
    run(folder, folder / "results")

    assert run(folder, folder / "results").resumed == 4


def test_an_output_that_is_a_file_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")

    with pytest.raises(NotADirectoryError, match="is a file"):
        run(folder, tmp_path / "out")


def test_objects_are_chosen_by_split_package_and_number(objects_file: Path) -> None:
    dataset = open_dataset(objects_file)

    def choose(**options: Any) -> tuple[str, list[int]]:
        return DataChoice(objects_file, **options).choose(dataset)

    assert choose() == ("val", [3])
    assert choose(split="train") == ("train", [0, 1, 2])
    assert choose(split="all", limit=2) == choose(split="all", limit=2)
    assert len(choose(split="all", limit=2)[1]) == 2
    assert len({tuple(choose(split="all", limit=2, seed=seed)[1]) for seed in range(20)}) > 1
    with pytest.raises(ValueError, match="no split 'test'"):
        choose(split="test")
    with pytest.raises(ValueError, match="no objects of package 'x'; these data name no packages"):
        choose(packages=("x",))
    with pytest.raises(ValueError, match="limit is 0"):
        choose(limit=0)


def test_packages_are_chosen_where_the_data_name_them(objects_file: Path, tmp_path: Path) -> None:
    rows = json.loads(objects_file.with_suffix(".json").read_text())
    for row, package in zip(rows, ["p", "q", "q", "p"], strict=True):
        row["package"] = package
    path = tmp_path / "objects.npz"
    path.write_bytes(objects_file.read_bytes())
    path.with_suffix(".json").write_text(json.dumps(rows))

    choice = DataChoice(path, split="all", packages=("q",))
    (report,) = evaluate_dataset(choice, NEAREST, tmp_path / "out", rule=RULE, clicks=1).reports

    assert choice.choose(choice.open()) == ("all", [1, 2])
    assert {result.package for result in report.objects} == {"q"}
    with pytest.raises(ValueError, match="no objects of package 'r'; there are p, q"):
        DataChoice(path, split="all", packages=("r",)).choose(choice.open())


def test_the_page_holds_tables_plots_and_settings(folder: Path, tmp_path: Path) -> None:
    evaluation = run(folder, tmp_path, choose_models(["nearest-click", "best-sphere"]))

    files = write_reports(tmp_path, evaluation.reports)
    plots = draw_plots(evaluation.reports, tmp_path)
    page = write_page(tmp_path, evaluation, by="family", plots=plots, command="point-sam evaluate").read_text()

    assert [path.relative_to(tmp_path).as_posix() for path in files] == [
        "nearest-click/report.json",
        "nearest-click/objects.csv",
        "best-sphere/report.json",
        "best-sphere/objects.csv",
    ]
    assert Report.from_json(files[0].read_text()).summary() == evaluation.reports[0].summary()
    assert "| nearest-click | 0." in page
    assert "| cups | 2 | " in page
    assert "| rule.min_points | 20 |" in page
    assert "| model | nearest-click / best-sphere |" in page
    assert [path.name for path in plots] == ["iou_over_clicks.png", "iou_histogram.png"]
    assert all(f"![{path.stem}]({path.name})" in page for path in plots)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in plots)


def test_a_network_has_a_plot_of_its_predictions_and_pictures(folder: Path, tmp_path: Path, model: PointSAM) -> None:
    model.save_pretrained(tmp_path / "net")
    choices = choose_models([str(tmp_path / "net")], precision="float32", device="cpu")
    evaluation = run(folder, tmp_path, choices, clicks=2)

    plots = draw_plots(evaluation.reports, tmp_path)
    pictures = draw_cases(
        evaluation.reports[0], open_dataset(folder), RULE, choices[0].build(), tmp_path / "net", count=1
    )

    assert [path.name for path in plots][-1] == "predicted_iou.png"
    assert [picture.path.name for picture in pictures] == ["best_1.png", "worst_1.png"]
    assert all(picture.path.read_bytes().startswith(b"\x89PNG") for picture in pictures)
    best, _ = best_and_worst(evaluation.reports[0], 1)
    last = next(r for r in evaluation.reports[0].objects if r.name == best[0].name).iou[best[0].mask, -1]
    assert f"IoU {last:.2f} after 2 clicks" in pictures[0].caption


def test_best_and_worst_are_by_mean_over_clicks_one_of_an_object_and_never_the_same() -> None:
    def result(name: str, *iou: list[float]) -> ObjectResult:
        values = np.array(iou)
        return ObjectResult(name, 9, values, None, values[:, :1], None, 0.0)

    first = result("a", [0.9, 0.9], [0.5, 1.0], [0.0, 0.1])
    report = Report({"model": "m", "clicks": 2}, (first, result("b", [0.0, 0.5])))

    best, worst = best_and_worst(report, 2)
    few, none = best_and_worst(Report({}, (result("a", [0.5]),)), 3)

    assert [(case.name, case.mask) for case in best] == [("a", 0), ("b", 0)]
    assert [(case.name, case.mask) for case in worst] == [("a", 2)]
    assert (len(few), none) == (1, [])


def test_masks_are_compared_point_by_point() -> None:
    truth, answer = np.array([True, True, False, False]), np.array([True, False, True, False])

    assert compare_masks(truth, answer).tolist() == [1, 2, 3, 0]
