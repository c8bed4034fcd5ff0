"""What learns and what does not; the average."""

from dataclasses import replace

import pytest
import torch

from point_sam.training.model import average_of, follow, make_model, start_model
from point_sam.training.optimizer import make_optimizer

CPU = torch.device("cpu")


def modules_that_learn(model) -> set[str]:
    return {name.split(".")[0] for name, parameter in model.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize(
    ("freeze", "learning"),
    [
        ("none", {"pc_encoder", "point_encoder", "mask_encoder", "mask_decoder"}),
        ("encoder", {"point_encoder", "mask_encoder", "mask_decoder"}),
        ("all_but_decoder", {"mask_decoder"}),
    ],
)
def test_what_learns(tiny_run, freeze, learning):
    model = make_model(replace(tiny_run, freeze=freeze), CPU)
    optimizer = make_optimizer(model, tiny_run)

    optimized = {parameter for group in optimizer.param_groups for parameter in group["params"]}
    assert modules_that_learn(model) == learning
    assert optimized == {parameter for parameter in model.parameters() if parameter.requires_grad}


def test_only_matrices_decay(tiny_run):
    matrices, others = make_optimizer(make_model(tiny_run, CPU), tiny_run).param_groups

    assert matrices["weight_decay"] == tiny_run.optimizer.weight_decay > others["weight_decay"] == 0
    assert {p.ndim for p in others["params"]} == {1}
    assert min(p.ndim for p in matrices["params"]) == 2


def test_new_weights_depend_on_the_seed_alone(tiny_run):
    torch.manual_seed(5)
    first = start_model(tiny_run).state_dict()
    torch.manual_seed(6)
    again, other = start_model(tiny_run).state_dict(), start_model(replace(tiny_run, seed=1)).state_dict()

    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["pc_encoder.out_proj.weight"], other["pc_encoder.out_proj.weight"])


def test_trained_weights_are_where_a_run_starts(tiny_run):
    config = replace(tiny_run, model="tiny", scratch=False)

    model = start_model(config)

    assert model.config.width == 192
    with pytest.raises(ValueError, match=r"'base' has no published weights to start from; .*--scratch"):
        start_model(replace(config, model="base"))


def test_average_follows_and_passes_over_what_is_frozen(tiny_run):
    model = make_model(replace(tiny_run, freeze="encoder"), CPU)
    average = average_of(model)
    start = {name: value.clone() for name, value in average.state_dict().items()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)

    follow(average, model, decay=0.5, step=100)

    for name, parameter in average.named_parameters():
        moved = 0.0 if name.startswith("pc_encoder") else 0.5
        torch.testing.assert_close(parameter, start[name] + moved)


def test_average_forgets_its_start_quickly(tiny_run):
    model = make_model(tiny_run, CPU)
    average = average_of(model)
    before = average.mask_decoder.iou_token.weight.clone()
    with torch.no_grad():
        model.mask_decoder.iou_token.weight.add_(1.0)

    follow(average, model, decay=0.999, step=0)

    torch.testing.assert_close(average.mask_decoder.iou_token.weight, before + 0.9)
