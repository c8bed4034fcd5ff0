"""Stages in which the encoder learns from the affinity loss, and Muon, through the whole trainer."""

import json
from dataclasses import replace

import pytest
import torch

from point_sam.model import PointSAMModel
from point_sam.training.checkpointing import checkpoint_path, read_checkpoint
from point_sam.training.config import Optimizer, Stage
from point_sam.training.model import make_model, make_spaces, start_model
from point_sam.training.optimizer import make_optimizer
from point_sam.training.trainer import train

CPU = torch.device("cpu")


@pytest.fixture
def pretraining(tiny_run):
    """Two steps of the encoder alone, then two of both, with Muon."""
    stages = (
        Stage(until=2, clouds=2, masks=1, sizes=((96, 24, 8),), rounds=0, clickless=0, affinity=1.0),
        Stage(clouds=2, masks=2, sizes=((96, 24, 8),), rounds=2, clickless=0, affinity=0.4),
    )
    return replace(tiny_run, steps=4, stages=stages, optimizer=Optimizer(name="muon", learning_rate=1e-3))


def weights(folder, step) -> dict[str, torch.Tensor]:
    return read_checkpoint(checkpoint_path(folder / "checkpoints", step))


def test_without_rounds_only_the_encoder_learns(pretraining, dataset, tmp_path):
    start = start_model(pretraining).state_dict()

    train(replace(pretraining, steps=2), tmp_path / "run", dataset=dataset)

    model = weights(tmp_path / "run", 2)["model"]
    changed = {name.split(".")[0] for name in start if not torch.equal(start[name], model[name])}
    assert changed == {"pc_encoder"}
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    steps = [line for line in lines if line.get("kind", "train") == "train" and "affinity" in line]
    assert [line["loss"] for line in steps] == [[], []]
    assert all(0 <= line["affinity"] <= 1 for line in steps)


def test_a_resumed_run_equals_an_uninterrupted_one(pretraining, dataset, tmp_path):
    train(pretraining, tmp_path / "whole", dataset=dataset)
    shorter = replace(pretraining, steps=2, schedule=replace(pretraining.schedule, decay_share=0.0))
    longer = replace(pretraining, schedule=shorter.schedule)
    train(longer, tmp_path / "whole_without_decay", dataset=dataset)
    train(shorter, tmp_path / "parts", dataset=dataset)
    train(longer, tmp_path / "parts", dataset=dataset, resume=True)

    whole, parts = weights(tmp_path / "whole_without_decay", 4), weights(tmp_path / "parts", 4)
    for kind in ("model", "average", "spaces"):
        assert all(torch.equal(whole[kind][name], value) for name, value in parts[kind].items()), kind
    assert any(
        not torch.equal(whole["model"][name], value) for name, value in weights(tmp_path / "whole", 4)["model"].items()
    )


def test_the_written_model_has_no_trace_of_the_spaces(pretraining, dataset, tmp_path):
    outcome = train(replace(pretraining, steps=2), tmp_path / "run", dataset=dataset)

    from point_sam import PointSAM

    written = PointSAM.from_pretrained(outcome.folder.final).model
    assert set(written.state_dict()) == set(PointSAMModel(written.config).state_dict())


def test_muon_takes_the_inner_matrices_of_trunk_and_decoder(pretraining):
    model, spaces = make_model(pretraining, CPU), make_spaces(pretraining, CPU)
    adamw, muon = make_optimizer(model, pretraining, spaces).members
    names = {id(parameter): name for name, parameter in model.named_parameters()}

    inner = {names[id(p)] for group in muon.param_groups for p in group["params"]}
    others = [p for group in adamw.param_groups for p in group["params"]]
    assert "pc_encoder.transformer.blocks.0.attn.qkv.weight" in inner
    assert "mask_decoder.transformer.layers.0.mlp.lin1.weight" in inner
    assert "mask_decoder.mask_tokens.weight" not in inner
    assert "mask_decoder.iou_prediction_head.layers.2.weight" not in inner
    assert all(name.startswith(("pc_encoder.transformer.", "mask_decoder.")) for name in inner)
    assert len(inner) + len(others) == len(list(model.parameters())) + len(list(spaces.parameters()))


def test_muon_without_a_torch_that_has_it_is_refused(pretraining, monkeypatch):
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(ValueError, match=r"'muon', which torch .* lacks; 2\.9 or newer"):
        make_optimizer(start_model(pretraining), pretraining)


def test_a_stage_that_teaches_nothing_is_refused():
    with pytest.raises(ValueError, match="rounds and affinity are both 0"):
        Stage(rounds=0, clickless=0)


def test_affinity_with_a_frozen_encoder_is_refused(pretraining):
    with pytest.raises(ValueError, match="affinity teaches the encoder, which freeze = 'encoder' keeps"):
        replace(pretraining, freeze="encoder")
