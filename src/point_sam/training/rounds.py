"""One training step's simulated interaction (paper, section 3.4; SAM, appendix A): rounds of clicks on every mask."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from point_sam.model import Geometry, PointSAMModel, build_geometry
from point_sam.training.batches import Batch
from point_sam.training.clicks import ClickSimulator
from point_sam.training.losses import click_loss


@dataclass(frozen=True)
class RoundResult:
    """Means over the masks of one step, one entry per round."""

    loss: list[float]
    iou: list[float]


def run_rounds(
    model: PointSAMModel,
    batch: Batch,
    rng: np.random.Generator,
    *,
    num_groups: int,
    group_size: int | None,
    rounds: int,
    clickless: int,
) -> RoundResult:
    """Simulate `rounds` rounds, accumulating gradients of the mean loss in the model's parameters.

    The first round clicks once and trains the best of the three candidates; later rounds send all clicks and the
    last logits and train the single mask. `clickless` of the later rounds bring no new click: the mask is refined as
    it is. Each round is differentiated on its own (the fed-back logits are constants): memory is that of one round.
    """
    clouds, masks, num_points = batch.targets.shape
    targets = batch.targets.flatten(0, 1)
    quiet = set(rng.choice(np.arange(1, rounds), clickless, replace=False)) if clickless else set()
    simulator = ClickSimulator(batch.coords, batch.targets > 0.5)
    with torch.autocast(batch.coords.device.type, dtype=torch.bfloat16):
        geometry = build_geometry(batch.coords, num_groups, group_size)
        embeddings = model.encode(geometry, batch.rgb)
    # Rounds add their gradients into this leaf; the encoder is differentiated once at the end.
    leaf = embeddings.detach().requires_grad_()
    repeated = _repeat(geometry, masks)
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
        # The error of all predicted IoUs, not only of the best candidate's as upstream: they are what a user's
        # session chooses by.
        loss = terms.mask.mean() + terms.iou_error.mean()
        (loss / rounds).backward()
        # Fed back: the candidate that is best by the model's own score, as a user's session does.
        kept = scores.detach().argmax(1, keepdim=True)
        logits = candidates.detach().gather(1, kept[..., None].expand(-1, -1, num_points)).squeeze(1)
        losses.append(loss.item())
        ious.append(terms.iou.gather(1, kept).mean().item())
    embeddings.backward(leaf.grad)
    return RoundResult(losses, ious)


def _repeat(geometry: Geometry, times: int) -> Geometry:
    return Geometry(*(value.repeat_interleave(times, 0) for value in vars(geometry).values()))
