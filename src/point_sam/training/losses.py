"""What training minimises: focal loss, dice loss and the error of the predicted IoU (Point-SAM, section 3.4).

Weights and constants are upstream's: focal (Lin et al., 2017) with gamma 2 and no class weight, plus twice the dice
loss with squared denominator (Milletari et al., 2016), plus the squared error of the predicted IoU. Everything is
computed in float32, whatever precision the logits come in.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

_DICE_WEIGHT = 2.0
_DICE_EPS = 1e-3


def mask_loss(
    logits: Float[Tensor, "B C N"], target: Float[Tensor, "B N"] | Bool[Tensor, "B N"]
) -> Float[Tensor, "B C"]:
    """Focal plus twice dice of every candidate against its row's target, each a mean over the points.

    Args:
        logits: any floating type, finite.
        target: 0 or 1.

    Returns:
        float32, 0 (certain and right) upwards.

    Raises:
        ValueError: the shapes do not belong together.
    """
    x, t = _paired(logits, target)
    # log(1 + e^x) - x t is the cross entropy without overflow for any x, and e to the minus it the right class's share.
    cross_entropy = F.softplus(x) - x * t
    focal = (torch.expm1(-cross_entropy).square() * cross_entropy).mean(-1)
    p = x.sigmoid()
    overlap = 2 * (p * t).sum(-1) + _DICE_EPS
    dice = 1 - overlap / (p.square().sum(-1) + t.sum(-1) + _DICE_EPS)
    return focal + _DICE_WEIGHT * dice


def mask_iou(
    logits: Float[Tensor, "B C N"], target: Float[Tensor, "B N"] | Bool[Tensor, "B N"]
) -> Float[Tensor, "B C"]:
    """Intersection over union of `logits > 0` with the target: float32 in [0, 1], 1 where both are empty.

    Raises:
        ValueError: the shapes do not belong together.
    """
    _, t = _paired(logits, target)
    predicted, t = logits > 0, t > 0.5
    both = (predicted & t).sum(-1)
    either = (predicted | t).sum(-1)
    return torch.where(either > 0, both / either.clamp(min=1), 1.0)


class ClickLoss(NamedTuple):
    """Loss terms of one click.

    Attributes:
        mask: mask loss of the best candidate.
        iou_error: squared error of each candidate's predicted IoU.
        iou: true IoU of each candidate.
        best: the candidate of least mask loss.
    """

    mask: Float[Tensor, " B"]
    iou_error: Float[Tensor, "B C"]
    iou: Float[Tensor, "B C"]
    best: Int[Tensor, " B"]


def click_loss(
    logits: Float[Tensor, "B C N"],
    iou_scores: Float[Tensor, "B C"],
    target: Float[Tensor, "B N"] | Bool[Tensor, "B N"],
) -> ClickLoss:
    """Loss of one click: only the candidate of least mask loss learns to be the mask.

    Upstream counts the error of the predicted IoU of that candidate only; a model that is to choose among candidates
    must know the others' as well, so all are here, and the caller takes what it needs.

    Args:
        logits, target: as `mask_loss` takes them.
        iou_scores: predicted IoU of each candidate.
    """
    loss, best = mask_loss(logits, target).min(1)
    iou = mask_iou(logits.detach(), target)
    return ClickLoss(loss, (iou_scores.float() - iou).square(), iou, best)


def _paired(logits: Tensor, target: Tensor) -> tuple[Float[Tensor, "B C N"], Float[Tensor, "B 1 N"]]:
    if logits.ndim != 3 or target.shape != (logits.shape[0], logits.shape[2]):
        raise ValueError(f"logits {tuple(logits.shape)} and target {tuple(target.shape)} must be [B, C, N] and [B, N]")
    return logits.float(), target.float()[:, None]
