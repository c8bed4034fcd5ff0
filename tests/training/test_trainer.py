"""Runs of a network in miniature, from the first step to the model at the end."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from point_sam import PointSAM
from point_sam.evaluation import evaluate
from point_sam.training import trainer
from point_sam.training.checkpointing import checkpoints_in, read_checkpoint
from point_sam.training.config import Optimizer, Schedule, Stage, TrainConfig, read_config
from point_sam.training.model import start_model
from point_sam.training.plan import make_plan
from point_sam.training.progress import Quiet
from point_sam.training.step import StepResult
from point_sam.training.trainer import TrainingError, train


class Recording(Quiet):
    """Keeps what is told; `at` maps a step to what happens then."""

    def __init__(self, at: dict[int, Any] | None = None) -> None:
        super().__init__()
        self.remarks: list[str] = []
        self.at = at or {}

    def step(self, figures) -> None:
        if figures.step in self.at:
            self.at[figures.step]()

    def remark(self, text: str) -> None:
        self.remarks.append(text)


def lines_of(run: Path, kind: str = "train") -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


def weights_of(run: Path, step: int) -> dict[str, torch.Tensor]:
    """Trained weights, their average, and the optimizer's memory."""
    content = read_checkpoint(checkpoints_in(run / "checkpoints")[step])
    moments = {
        f"{i}.{key}.{name}": value
        for i, member in enumerate(content["optimizer"]["members"])
        for key, state in member["state"].items()
        for name, value in state.items()
    }
    return {**content["model"], **{f"average.{k}": v for k, v in content["average"].items()}, **moments}


def assert_equal_to_the_bit(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def test_interrupted_and_resumed_equals_uninterrupted(tiny_run, changed, dataset, tmp_path):
    config = changed(tiny_run, validation={"every": 2})
    train(config, tmp_path / "whole", dataset=dataset, device="cpu")

    ctrl_c = Recording({3: lambda: os.kill(os.getpid(), signal.SIGINT)})
    stopped = train(config, tmp_path / "halves", dataset=dataset, device="cpu", reporter=ctrl_c)
    assert (stopped.step, stopped.finished) == (4, False)
    assert not (tmp_path / "halves" / "final").exists()
    resumed = train(config, tmp_path / "halves", dataset=dataset, device="cpu", resume=True)

    assert (resumed.step, resumed.finished) == (6, True)
    assert_equal_to_the_bit(weights_of(tmp_path / "whole", 6), weights_of(tmp_path / "halves", 6))
    whole, halves = (
        [(line["step"], line["loss"], line["iou"]) for line in lines_of(tmp_path / run)] for run in ("whole", "halves")
    )
    assert whole == halves
    validated = [
        [(line["step"], line["iou"]) for line in lines_of(tmp_path / run, "validation")] for run in ("whole", "halves")
    ]
    assert validated[0] == validated[1]
    assert [step for step, _ in validated[0]] == [0, 2, 4, 6]


def test_sigterm_stops_as_ctrl_c_does(tiny_run, dataset, tmp_path):
    terminated = Recording({1: lambda: os.kill(os.getpid(), signal.SIGTERM)})

    outcome = train(tiny_run, tmp_path, dataset=dataset, device="cpu", reporter=terminated)

    assert (outcome.step, outcome.finished) == (2, False)
    assert list(checkpoints_in(tmp_path / "checkpoints")) == [2]


def test_a_second_ctrl_c_does_not_wait(tiny_run, dataset, tmp_path):
    def press_twice() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(tiny_run, tmp_path, dataset=dataset, device="cpu", reporter=Recording({1: press_twice}))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_run_is_the_same_in_pieces(tiny_run, dataset, tmp_path):
    train(tiny_run, tmp_path / "whole", dataset=dataset, device="cpu")
    train(replace(tiny_run, accumulate=2), tmp_path / "pieces", dataset=dataset, device="cpu")

    for whole, pieces in zip(lines_of(tmp_path / "whole"), lines_of(tmp_path / "pieces"), strict=True):
        # Float32 sums in another order; six steps let the rounding grow.
        np.testing.assert_allclose(whole["loss"], pieces["loss"], rtol=1e-2)
        np.testing.assert_allclose(whole["norm"], pieces["norm"], rtol=5e-2)


def test_new_weights_learn(tiny_run, changed, dataset, tmp_path):
    stage = Stage(clouds=2, masks=2, sizes=((96, 24, 8),), rounds=2, clickless=0, strength=0.0)
    schedule, optimizer = Schedule(warmup_steps=5), Optimizer(learning_rate=2e-3)
    config = replace(tiny_run, steps=40, stages=(stage,), optimizer=optimizer, schedule=schedule)

    train(changed(config, output={"checkpoint_every": 40}), tmp_path, dataset=dataset, device="cpu")

    losses = [sum(line["loss"]) for line in lines_of(tmp_path)]
    assert np.mean(losses[-10:]) < 0.75 * np.mean(losses[:10])


def test_fine_tuning_on_one_kind_raises_held_out_iou(tiny_run, changed, dataset, memory_dataset, tmp_path):
    # Left and right halves, across the plate and the ball: nothing that tiny would call a part.
    halves = memory_dataset([replace(cloud, labels={"half": (cloud.xyz[:, 0] > 0) * 1}) for cloud in dataset.clouds])
    stage = Stage(clouds=2, masks=2, sizes=((256, 64, 8),), rounds=2, clickless=0, strength=0.0)
    schedule, optimizer = Schedule(warmup_steps=2), Optimizer(learning_rate=5e-4)
    config = replace(tiny_run, steps=20, stages=(stage,), optimizer=optimizer, schedule=schedule, ema_decay=0.8)
    config = changed(config, model="tiny", scratch=False, freeze="encoder", validation={"every": 20})

    outcome = train(config, tmp_path, dataset=halves, device="cpu")

    assert np.mean(outcome.last_iou) > np.mean(outcome.first_iou) + 0.05


def test_the_run_folder_holds_what_is_promised(tiny_run, changed, dataset, tmp_path):
    config = changed(tiny_run, validation={"every": 3}, output={"keep": 1, "tensorboard": True})

    outcome = train(config, tmp_path, dataset=dataset, device="cpu")

    assert read_config(tmp_path / "config.toml") == config
    assert [line["step"] for line in lines_of(tmp_path)] == [1, 2, 3, 4, 5, 6]
    assert [len(line["iou"]) for line in lines_of(tmp_path)] == [2, 2, 2, 3, 3, 3]
    assert set(checkpoints_in(tmp_path / "checkpoints")) == {6, outcome.best_step}
    assert len(list((tmp_path / "tensorboard").glob("events.*"))) == 1
    final = PointSAM.from_pretrained(tmp_path / "final").model.state_dict()
    average = read_checkpoint(checkpoints_in(tmp_path / "checkpoints")[6])["average"]
    assert_equal_to_the_bit(dict(final), average)
    PointSAM.from_pretrained(tmp_path / "best")


def test_validation_is_the_evaluation(tiny_run, changed, dataset, tmp_path):
    config = changed(tiny_run, validation={"every": 6})
    train(config, tmp_path, dataset=dataset, device="cpu")

    plan = make_plan(config, dataset=dataset, device=torch.device("cpu"))
    report = evaluate(PointSAM.from_pretrained(tmp_path / "final", precision="float32"), plan.samples, clicks=2)

    assert len(plan.samples[0].coords) == 256
    assert lines_of(tmp_path, "validation")[-1]["iou"] == report.iou_at


@pytest.mark.parametrize(
    ("freeze", "frozen"),
    [("encoder", {"pc_encoder"}), ("all_but_decoder", {"pc_encoder", "point_encoder", "mask_encoder"})],
)
def test_frozen_weights_stay_to_the_bit(tiny_run, dataset, tmp_path, freeze, frozen):
    config = replace(tiny_run, freeze=freeze)
    start = start_model(config).state_dict()

    train(config, tmp_path, dataset=dataset, device="cpu")

    end = PointSAM.from_pretrained(tmp_path / "final").model.state_dict()
    moved = {name for name in start if not torch.equal(start[name], end[name])}
    assert {name.split(".")[0] for name in moved} == {
        "pc_encoder",
        "point_encoder",
        "mask_encoder",
        "mask_decoder",
    } - frozen


def test_frozen_encoder_runs_without_gradients(tiny_run, dataset, tmp_path, monkeypatch):
    graphs = []
    original = trainer.make_model

    def watched(*arguments: Any, **options: Any):
        model = original(*arguments, **options)
        model.pc_encoder.register_forward_hook(lambda module, inputs, output: graphs.append(output.grad_fn))
        return model

    monkeypatch.setattr(trainer, "make_model", watched)
    train(replace(tiny_run, freeze="encoder"), tmp_path, dataset=dataset, device="cpu")

    assert set(graphs) == {None}


@pytest.mark.parametrize("precision", ["bf16", "no"])
def test_precision_is_what_matrix_products_run_in(tiny_run, dataset, tmp_path, monkeypatch, precision):
    seen = set()
    original = trainer.make_model

    def watched(*arguments: Any, **options: Any):
        model = original(*arguments, **options)
        model.mask_decoder.register_forward_hook(lambda module, inputs, output: seen.add(output[0].dtype))
        model.pc_encoder.register_forward_hook(lambda module, inputs, output: seen.add(output.dtype))
        return model

    monkeypatch.setattr(trainer, "make_model", watched)
    train(replace(tiny_run, precision=precision, steps=1), tmp_path, dataset=dataset, device="cpu")

    assert (torch.bfloat16 in seen) == (precision == "bf16")


def spoil(monkeypatch: pytest.MonkeyPatch, steps: range) -> None:
    """Make the loss of these steps, counted from 0, NaN."""
    original, calls = trainer.run_rounds, iter(range(10**9))

    def run_rounds(model: Any, *arguments: Any, **options: Any) -> StepResult:
        result = original(model, *arguments, **options)
        if next(calls) not in steps:
            return result
        model.mask_decoder.iou_token.weight.grad.fill_(torch.nan)
        return replace(result, loss=torch.full_like(result.loss, torch.nan))

    monkeypatch.setattr(trainer, "run_rounds", run_rounds)


def test_steps_that_are_not_finite_are_skipped_and_counted(tiny_run, dataset, tmp_path, monkeypatch):
    spoil(monkeypatch, range(2, 4))
    config = replace(tiny_run, steps=4)

    outcome = train(config, tmp_path, dataset=dataset, device="cpu")

    assert outcome.finished
    assert [line["bad_steps"] for line in lines_of(tmp_path)] == [0, 0, 1, 2]
    assert lines_of(tmp_path)[2]["loss"] == [None, None]
    assert_equal_to_the_bit(weights_of(tmp_path, 2), weights_of(tmp_path, 4))


def test_ten_such_steps_in_a_row_end_the_run(tiny_run, dataset, tmp_path, monkeypatch):
    spoil(monkeypatch, range(3, 99))

    with pytest.raises(
        TrainingError, match=r"10 steps in a row, up to step 13; the last checkpoint is .*step_00000012"
    ):
        train(replace(tiny_run, steps=20), tmp_path, dataset=dataset, device="cpu")


def test_bad_clouds_are_skipped_counted_and_named(tiny_run, tmp_path, memory_dataset, ball_on_plate_of, broken):
    clouds = memory_dataset([ball_on_plate_of(0), broken, *(ball_on_plate_of(seed) for seed in range(1, 5))])
    reporter = Recording()

    outcome = train(replace(tiny_run, steps=9), tmp_path, dataset=clouds, device="cpu", reporter=reporter)

    assert outcome.finished
    assert reporter.remarks == ["skipped cloud 1: bad.ply: the file ends early"]
    named = [tuple(cloud) for line in lines_of(tmp_path, "skipped") for cloud in line["clouds"]]
    assert set(named) == {("cloud 1", "bad.ply: the file ends early")}
    assert lines_of(tmp_path)[-1]["skipped"] == len(named) > 0


def test_mostly_bad_clouds_end_the_run(tiny_run, tmp_path, memory_dataset, ball_on_plate_of, broken):
    clouds = memory_dataset([ball_on_plate_of(0), ball_on_plate_of(1), broken, broken, broken])

    with pytest.raises(TrainingError, match="clouds drawn could not be used, among them cloud 2, cloud 3, cloud 4;"):
        train(replace(tiny_run, steps=99, stages=(tiny_run.stages[0],)), tmp_path, dataset=clouds, device="cpu")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (
            {"validation": {"every": 5, "split": "test"}},
            "has no clouds in the split 'test', of 4 .*validation.every = 0",
        ),
        (
            {"stages": (Stage(sizes=((96, 24),)),)},
            r"sizes holds \[96, 24\]; a knn model needs \[points, groups, points",
        ),
        ({"model": "nothing"}, "no model is called 'nothing'"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(tiny_run, changed, dataset, tmp_path, change, error):
    with pytest.raises(ValueError, match=error):
        train(changed(tiny_run, **change), tmp_path / "run", dataset=dataset, device="cpu")
    assert not (tmp_path / "run").exists()


def test_data_without_a_usable_label_are_refused(tiny_run, tmp_path, memory_dataset, ball_on_plate_of):
    blank = replace(ball_on_plate_of(0), labels={"part": np.zeros(600, np.int64)})

    with pytest.raises(
        ValueError, match=r"64 clouds in a row could not be used, .* no part has a usable size; point-sam"
    ):
        train(tiny_run, tmp_path / "run", dataset=memory_dataset([blank, blank]), device="cpu")
    with pytest.raises(ValueError, match="has no clouds in the split 'train'"):
        train(tiny_run, tmp_path / "run", dataset=memory_dataset([blank]), device="cpu")


def test_resuming_with_other_settings_or_data_is_refused(tiny_run, dataset, memory_dataset, ball_on_plate_of, tmp_path):
    train(tiny_run, tmp_path, dataset=dataset, device="cpu")

    with pytest.raises(ValueError, match='cannot go on with other settings: freeze: "none", now "encoder"'):
        train(replace(tiny_run, freeze="encoder"), tmp_path, dataset=dataset, device="cpu", resume=True)
    fewer = memory_dataset([ball_on_plate_of(seed) for seed in range(3)])
    with pytest.raises(ValueError, match=r"the training clouds: 3 clouds \(\w+\), now 2 clouds"):
        train(tiny_run, tmp_path, dataset=fewer, device="cpu", resume=True)


def test_a_finished_run_can_be_made_longer(tiny_run, dataset, tmp_path):
    config: TrainConfig = replace(tiny_run, schedule=Schedule(warmup_steps=1, decay_share=0.0))
    train(config, tmp_path / "whole", dataset=dataset, device="cpu")
    train(replace(config, steps=4), tmp_path / "longer", dataset=dataset, device="cpu")

    train(config, tmp_path / "longer", dataset=dataset, device="cpu", resume=True)

    assert_equal_to_the_bit(weights_of(tmp_path / "whole", 6), weights_of(tmp_path / "longer", 6))
