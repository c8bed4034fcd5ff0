"""One step's clicks, losses and gradients."""

from dataclasses import replace

import pytest
import torch

from point_sam.model import Grouping
from point_sam.training.config import Stage
from point_sam.training.data import Batch, CloudSource, Steps, rounds_generator
from point_sam.training.model import make_model, make_spaces
from point_sam.training.step import StepResult, run_rounds

CPU = torch.device("cpu")
STAGE = Stage(clouds=3, masks=2, sizes=((96, 24, 8),), rounds=3, clickless=1, affinity=0.5)


@pytest.fixture
def config(tiny_run):
    return replace(tiny_run, stages=(STAGE,))


@pytest.fixture
def batch(config, dataset) -> Batch:
    return Steps(config, CloudSource(dataset, dataset.split("train")), [STAGE.sizes])[0]


def step(config, model, spaces, batch, precision="float32", weight=1.0) -> StepResult:
    rng, grouping = rounds_generator(0, 0), Grouping(24, 8)
    return run_rounds(
        model, batch, rng, grouping=grouping, stage=STAGE, precision=precision, spaces=spaces, weight=weight
    )


def gradients(*modules) -> list[torch.Tensor]:
    return [p.grad.clone() for module in modules for p in module.parameters() if p.grad is not None]


def test_gradient_and_figures_of_pieces_are_those_of_the_batch(config, batch):
    model, spaces = make_model(config, CPU), make_spaces(config, CPU)
    whole = step(config, model, spaces, batch)
    wanted = gradients(model, spaces)
    model.zero_grad(set_to_none=True)
    spaces.zero_grad(set_to_none=True)

    results = [(len(p.coords) / 3, step(config, model, spaces, p, weight=len(p.coords) / 3)) for p in batch.pieces(2)]

    assert [weight for weight, _ in results] == [2 / 3, 1 / 3]
    for name in ("loss", "iou", "affinity"):
        mean = sum(weight * getattr(result, name) for weight, result in results)
        torch.testing.assert_close(mean, getattr(whole, name), rtol=1e-4, atol=1e-6)
    ours, theirs = (torch.cat([g.flatten() for g in each]) for each in (gradients(model, spaces), wanted))
    assert (ours - theirs).norm() < 1e-4 * theirs.norm()


@pytest.mark.parametrize(("precision", "dtype"), [("bfloat16", torch.bfloat16), ("float32", torch.float32)])
def test_precision_reaches_the_affinity_spaces(config, batch, precision, dtype):
    model, spaces = make_model(config, CPU), make_spaces(config, CPU)
    seen = set()
    for module in spaces.modules():
        if isinstance(module, torch.nn.Linear):
            module.register_forward_hook(lambda module, inputs, output: seen.add(output.dtype))

    step(config, model, spaces, batch, precision)

    assert seen == {dtype}


def test_frozen_encoder_has_no_graph_and_the_others_the_same_gradients(config, batch):
    stage_without_affinity = replace(STAGE, affinity=0.0)
    config = replace(config, stages=(stage_without_affinity,))
    free, frozen = make_model(config, CPU), make_model(replace(config, freeze="encoder"), CPU)
    graphs = []
    frozen.pc_encoder.register_forward_hook(lambda module, inputs, output: graphs.append(output.grad_fn))

    for model in (free, frozen):
        step(config, model, None, batch)

    assert graphs == [None]
    assert all(p.grad is None for p in frozen.pc_encoder.parameters())
    for part in ("point_encoder", "mask_encoder", "mask_decoder"):
        # Without a graph the encoder takes another way to the same embeddings, up to the last digits.
        one, other = (torch.cat([g.flatten() for g in gradients(getattr(model, part))]) for model in (free, frozen))
        assert (one - other).norm() < 1e-4 * one.norm()
