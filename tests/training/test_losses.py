import math

import jaxtyping
import numpy as np
import pytest
import torch

from point_sam.training.losses import click_loss, mask_iou, mask_loss


def test_the_loss_by_hand() -> None:
    logits = torch.tensor([[[math.log(3), -math.log(3), 0.0]]])  # probabilities 3/4, 1/4, 1/2
    target = torch.tensor([[1.0, 1.0, 0.0]])

    focal = (0.25**2 * -math.log(0.75) + 0.75**2 * -math.log(0.25) + 0.5**2 * math.log(2)) / 3
    dice = 1 - (2 * (0.75 + 0.25) + 1e-3) / (0.75**2 + 0.25**2 + 0.5**2 + 2 + 1e-3)
    assert mask_loss(logits, target).item() == pytest.approx(focal + 2 * dice, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_extreme_logits_give_finite_losses_and_gradients(dtype: torch.dtype) -> None:
    logits = torch.tensor([[[1e4, -1e4, 1e4, -1e4]]], dtype=dtype, requires_grad=True)

    loss = mask_loss(logits, torch.tensor([[1.0, 0.0, 0.0, 1.0]]))
    loss.sum().backward()

    assert loss.dtype == torch.float32
    assert torch.isfinite(loss).all()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_certain_and_right_costs_nothing() -> None:
    target = torch.tensor([[1.0, 0.0, 1.0]])

    assert mask_loss(100 * (target[:, None] - 0.5), target).item() == pytest.approx(0, abs=1e-6)


def test_the_gradient_is_that_of_the_formula() -> None:
    logits = torch.randn(2, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    target = (torch.arange(10).view(2, 5) % 3 == 0).double()

    mask_loss(logits, target).sum().backward()
    step = torch.zeros_like(logits)
    step[1, 2, 3] = 1e-2
    with torch.no_grad():
        slope = (mask_loss(logits + step, target) - mask_loss(logits - step, target)).sum() / 2e-2
    assert logits.grad is not None
    assert logits.grad[1, 2, 3].item() == pytest.approx(slope.item(), rel=1e-3)


def test_iou_counts_logits_above_zero_and_two_empty_masks_agree() -> None:
    logits = torch.tensor([[[1.0, 1.0, 0.0, -1.0], [-1.0, -1.0, -1.0, -1.0]]]).repeat(2, 1, 1)
    target = torch.tensor([[True, False, True, False], [False] * 4])

    np.testing.assert_allclose(mask_iou(logits, target), [[1 / 3, 0], [0, 1]])


def test_the_best_candidate_alone_is_judged() -> None:
    target = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    logits = torch.stack([-target, 8 * (target - 0.5), target], 1)

    terms = click_loss(logits, torch.tensor([[5.0, 0.75, 5.0]]), target)

    assert terms.best.tolist() == [1]
    assert terms.mask.item() == pytest.approx(mask_loss(logits, target)[0, 1].item())
    assert terms.iou_error[0, 1].item() == pytest.approx(0.0625)


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Users run without beartype: what it would catch must be refused all the same."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("function", [mask_loss, mask_iou])
def test_shapes_that_do_not_belong_together_are_refused(function) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"logits \(2, 3, 5\) and target \(2, 4\)"):
        function(torch.zeros(2, 3, 5), torch.zeros(2, 4))
