"""One training step's simulated interaction (paper, section 3.4; SAM, appendix A): rounds of clicks on every mask."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from point_sam.model import Geometry, Grouping, PointSAMModel, build_geometry
from point_sam.training.affinity import AffinitySpaces, affinity_loss
from point_sam.training.batches import Batch
from point_sam.training.clicks import ClickSimulator
from point_sam.training.losses import click_loss, mask_loss

# How far the loss of the first click goes over from the best candidate to the one that the model would show.
_SHOWN_SHARE = 0.3


@dataclass(frozen=True)
class RoundResult:
    """Means over one step.

    Attributes:
        loss, iou: over the masks, one entry per round.
        affinity: mean IoU of the parts by embeddings alone (see `affinity_loss`), None where they were not compared.
    """

    loss: list[float]
    iou: list[float]
    affinity: float | None


def run_rounds(
    model: PointSAMModel,
    batch: Batch,
    rng: np.random.Generator,
    *,
    num_groups: int,
    group_size: int | None,
    rounds: int,
    clickless: int,
    spaces: AffinitySpaces | None = None,
    affinity_weight: float = 0.0,
) -> RoundResult:
    """Simulate `rounds` rounds, accumulating gradients of the mean loss in the model's parameters.

    The first round clicks once and trains the best of the three candidates, and a little the one of best predicted
    IoU; later rounds send all clicks and the last logits and train the single mask. `clickless` of the later rounds
    bring no new click: the mask is refined as it is. Each round is differentiated on its own (the fed-back logits are
    constants): memory is that of one round. With `spaces` the encoder also learns from `affinity_weight` times the
    affinity loss; with 0 rounds from it alone.
    """
    with torch.autocast(batch.coords.device.type, dtype=torch.bfloat16):
        geometry = build_geometry(batch.coords, Grouping(num_groups, group_size))
        embeddings = model.encode(geometry, batch.rgb)
    # The encoder is differentiated once, with all that is asked of it.
    asked: list[tuple[Tensor, Tensor | None]] = []
    losses: list[float] = []
    ious: list[float] = []
    affinity = None
    if rounds:
        losses, ious, gradient = _click(model, batch, rng, geometry, embeddings.detach(), rounds, clickless)
        asked.append((embeddings, gradient))
    if spaces is not None:
        labels = batch.labels.gather(2, geometry.center_index[:, None].expand(-1, batch.labels.shape[1], -1))
        with torch.autocast(batch.coords.device.type, dtype=torch.bfloat16):
            loss, iou = affinity_loss(spaces, embeddings, labels)
        asked.append((affinity_weight * loss, None))
        affinity = iou.item()
    torch.autograd.backward([value for value, _ in asked], [wanted for _, wanted in asked])
    return RoundResult(losses, ious, affinity)


def _click(
    model: PointSAMModel,
    batch: Batch,
    rng: np.random.Generator,
    geometry: Geometry,
    embeddings: Tensor,
    rounds: int,
    clickless: int,
) -> tuple[list[float], list[float], Tensor | None]:
    """Losses and IoUs of the rounds, and the gradient of their mean loss by the embeddings."""
    clouds, masks, num_points = batch.targets.shape
    targets = batch.targets.flatten(0, 1)
    quiet = set(rng.choice(np.arange(1, rounds), clickless, replace=False)) if clickless else set()
    simulator = ClickSimulator(batch.coords, batch.targets > 0.5)
    leaf = embeddings.requires_grad_()
    repeated = geometry.repeat_interleave(masks)
    points, labels = [], []
    logits: Tensor | None = None
    losses, ious = [], []
    for index in range(rounds):
        if index not in quiet:
            predicted = None if logits is None else (logits > 0).view(clouds, masks, num_points)
            point, label = simulator.next(predicted)
            points.append(point.flatten(0, 1))
            labels.append(label.flatten(0, 1))
        with torch.autocast(batch.coords.device.type, dtype=torch.bfloat16):
            candidates, scores = model.decode(
                repeated,
                leaf.repeat_interleave(masks, 0),
                torch.stack(points, 1),
                torch.stack(labels, 1),
                logits,
                multimask_output=index == 0,
            )
        terms = click_loss(candidates, scores, targets)
        # Best by the model's own score: what a user's session shows, and what is fed back.
        kept = scores.detach().argmax(1, keepdim=True)
        shown = candidates.gather(1, kept[..., None].expand(-1, -1, num_points))
        best = terms.mask.mean()
        if index == 0:
            best = best.lerp(mask_loss(shown, targets).mean(), _SHOWN_SHARE)
        # The error of all predicted IoUs, not only of the best candidate's as upstream: they are what a user's
        # session chooses by.
        loss = best + terms.iou_error.mean()
        (loss / rounds).backward()
        logits = shown.detach().squeeze(1)
        losses.append(loss.item())
        ious.append(terms.iou.gather(1, kept).mean().item())
    return losses, ious, leaf.grad
