"""What turns gradients into steps, and how long these are."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from point_sam.model import PointSAMModel
from point_sam.training.affinity import AffinitySpaces
from point_sam.training.config import TrainConfig


class Optimizers:
    """One or two optimizers as one, with what the trainer uses of `torch.optim.Optimizer`."""

    def __init__(self, *members: torch.optim.Optimizer) -> None:
        self.members = members

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Of all members."""
        return [group for member in self.members for group in member.param_groups]

    def zero_grad(self) -> None:
        """Gradients are gone, not zero."""
        for member in self.members:
            member.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Change the weights."""
        for member in self.members:
            member.step()

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"members": [member.state_dict() for member in self.members]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """What `state_dict` gave, of optimizers of the same settings."""
        for member, saved in zip(self.members, state["members"], strict=True):
            member.load_state_dict(saved)


def make_optimizer(model: PointSAMModel, config: TrainConfig, spaces: AffinitySpaces | None = None) -> Optimizers:
    """The optimizer of the parameters that have gradients: matrices with weight decay, everything else without.

    The trainer sets every parameter group's "lr" to the schedule's rate before each step.

    Raises:
        ValueError: muon is asked for and this torch has none.
    """
    settings = config.optimizer
    inner: list[nn.Parameter] = []
    if settings.name == "muon":
        if not hasattr(torch.optim, "Muon"):
            raise ValueError(f"optimizer.name is 'muon', which torch {torch.__version__} lacks; 2.9 or newer has it")
        inner = [p for name, p in model.named_parameters() if p.requires_grad and p.ndim == 2 and _is_inner(name)]
    taken = {id(parameter) for parameter in inner}
    learning = [*model.parameters(), *(spaces.parameters() if spaces is not None else ())]
    others = [p for p in learning if p.requires_grad and id(p) not in taken]
    groups = [
        {"params": [p for p in others if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in others if p.ndim <= 1], "weight_decay": 0.0},
    ]
    rate = settings.learning_rate
    members: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(groups, lr=rate, betas=(settings.beta1, settings.beta2), fused=True)
    ]
    if inner:
        # Steps as long as AdamW's, so that one rate fits both (Liu et al. 2025, "Muon is scalable for LLM training").
        members.append(
            torch.optim.Muon(inner, lr=rate, weight_decay=settings.weight_decay, adjust_lr_fn="match_rms_adamw")
        )
    return Optimizers(*members)


def learning_rate(config: TrainConfig, step: int) -> float:
    """The rate of `step`, counted from 0: a linear warm-up, then constant with a linear decay, or half a cosine.

    A constant rate does not depend on where the run will end until it decays: a run can be made longer before it
    gets there. The cosine is Loshchilov and Hutter's (SGDR, 2017, eq. 5) without restarts.
    """
    schedule = config.schedule
    warm = min(1.0, (step + 1) / max(schedule.warmup_steps, 1))
    if schedule.shape == "cosine":
        length = max(config.steps - schedule.warmup_steps, 1)
        gone = min(1.0, max(0.0, (step - schedule.warmup_steps) / length))
        left = 0.5 * (1 + math.cos(math.pi * gone))
    else:
        left = min(1.0, max(0.0, (config.steps - step) / max(schedule.decay_share * config.steps, 1)))
    floor = schedule.final_share
    return config.optimizer.learning_rate * warm * (floor + (1 - floor) * left)


def _is_inner(name: str) -> bool:
    """Matrices from hidden width to hidden width; embeddings and the first and last layers are AdamW's."""
    trunk, decoder = name.startswith("pc_encoder.transformer."), name.startswith("mask_decoder.")
    embedding = name in ("mask_decoder.iou_token.weight", "mask_decoder.mask_tokens.weight")
    return (trunk or decoder) and not embedding and not name.startswith("mask_decoder.iou_prediction_head.layers.2")
