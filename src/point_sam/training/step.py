"""One training step's simulated interaction (paper, section 3.4; SAM, appendix A): rounds of clicks on every mask."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from point_sam.model import Geometry, Grouping, PointSAMModel, build_geometry
from point_sam.training.affinity import AffinitySpaces, affinity_loss
from point_sam.training.clicks import ClickSimulator
from point_sam.training.config import Stage
from point_sam.training.data import Batch
from point_sam.training.losses import click_loss, mask_loss

# How far the loss of the first click goes over from the best candidate to the one that the model would show.
_SHOWN_SHARE = 0.3


@dataclass(frozen=True)
class StepResult:
    """Means over one batch, where the batch is: reading them waits for the device.

    Attributes:
        loss, iou: over the masks, one entry per round.
        affinity: mean IoU of the parts by embeddings alone (see `affinity_loss`), 0 where they were not compared.
    """

    loss: Float[Tensor, " R"]
    iou: Float[Tensor, " R"]
    affinity: Float[Tensor, ""]


def run_rounds(
    model: PointSAMModel,
    batch: Batch,
    rng: np.random.Generator,
    *,
    grouping: Grouping,
    stage: Stage,
    precision: str,
    spaces: AffinitySpaces | None = None,
    weight: float = 1.0,
) -> StepResult:
    """Simulate `stage.rounds` rounds, accumulating gradients of the mean loss in the parameters that learn.

    The first round clicks once and trains the best of the three candidates, and a little the one of best predicted
    IoU; later rounds send all clicks and the last logits and train the single mask. `stage.clickless` of the later
    rounds bring no new click: the mask is refined as it is. Each round is differentiated on its own (the fed-back
    logits are constants): memory is that of one round. Where the stage has an affinity loss the encoder also learns
    from that, compared in `spaces`; with 0 rounds from it alone.

    Args:
        model: its encoder is not differentiated where none of it learns.
        batch: on the model's device.
        rng: chooses the rounds without a click.
        grouping: of the clouds.
        stage: what is asked of the model.
        precision: "bfloat16" or "float32", of matrix products.
        spaces: for the affinity loss.
        weight: of the batch in a larger one's mean, on the gradients only.
    """
    device = batch.coords.device
    encoder_learns = any(parameter.requires_grad for parameter in model.pc_encoder.parameters())
    with _autocast(device, precision), torch.set_grad_enabled(encoder_learns):
        geometry = build_geometry(batch.coords, grouping)
        embeddings = model.encode(geometry, batch.rgb)
    # The encoder is differentiated once, with all that is asked of it.
    asked: list[tuple[Tensor, Tensor | None]] = []
    loss = iou = torch.zeros(0, device=device)
    affinity = torch.zeros((), device=device)
    if stage.rounds:
        leaf = embeddings.detach().requires_grad_(encoder_learns)
        loss, iou = _click(model, batch, rng, geometry, leaf, stage, precision, weight)
        asked.append((embeddings, leaf.grad))
    if spaces is not None and stage.affinity:
        labels = batch.labels.gather(2, geometry.center_index[:, None].expand(-1, batch.labels.shape[1], -1))
        with _autocast(device, precision):
            parting, affinity = affinity_loss(spaces, embeddings, labels)
        asked.append((stage.affinity * parting * weight, None))
    if encoder_learns:
        torch.autograd.backward([value for value, _ in asked], [wanted for _, wanted in asked])
    return StepResult(loss, iou, affinity)


def _click(
    model: PointSAMModel,
    batch: Batch,
    rng: np.random.Generator,
    geometry: Geometry,
    embeddings: Tensor,
    stage: Stage,
    precision: str,
    weight: float,
) -> tuple[Tensor, Tensor]:
    """Losses and IoUs of the rounds; their mean loss is differentiated down to the embeddings, a leaf."""
    clouds, masks, num_points = batch.targets.shape
    targets = batch.targets.flatten(0, 1)
    quiet = set(rng.choice(np.arange(1, stage.rounds), stage.clickless, replace=False)) if stage.clickless else set()
    simulator = ClickSimulator(batch.coords, batch.targets > 0.5)
    repeated = geometry.repeat_interleave(masks)
    points, labels = [], []
    logits: Tensor | None = None
    losses, ious = [], []
    for index in range(stage.rounds):
        if index not in quiet:
            predicted = None if logits is None else (logits > 0).view(clouds, masks, num_points)
            point, label = simulator.next(predicted)
            points.append(point.flatten(0, 1))
            labels.append(label.flatten(0, 1))
        with _autocast(batch.coords.device, precision):
            candidates, scores = model.decode(
                repeated,
                embeddings.repeat_interleave(masks, 0),
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
        (loss * weight / stage.rounds).backward()
        logits = shown.detach().squeeze(1)
        losses.append(loss.detach())
        ious.append(terms.iou.gather(1, kept).mean())
    return torch.stack(losses), torch.stack(ious)


def _autocast(device: torch.device, precision: str) -> AbstractContextManager[None]:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")
