"""The training loop: AdamW, warm-up, constant rate, linear decay, EMA, atomic checkpoints, exact resume."""

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from point_sam.atomic import replacing
from point_sam.model import ModelConfig, PointSAMModel
from point_sam.training.batches import Source, make_batch
from point_sam.training.initialize import initialize
from point_sam.training.rounds import run_rounds


@dataclass(frozen=True)
class Stage:
    """Batch geometry from some step on.

    Attributes:
        until: the stage ends before this step.
        clouds, masks: per batch and per cloud.
        sizes: (points, groups, points per group), one drawn per step.
        rounds, clickless: see `run_rounds`.
        solid_share: share of composed solids among the clouds.
        strength: of the augmentation.
    """

    until: int
    clouds: int
    masks: int
    sizes: tuple[tuple[int, int, int], ...]
    rounds: int
    clickless: int
    solid_share: float = 0.3
    strength: float = 1.0


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a run, besides the data.

    `steps` and `decay_steps` may be changed when resuming: the rate is constant until the last `decay_steps`.
    """

    model: ModelConfig
    stages: tuple[Stage, ...]
    steps: int
    decay_steps: int
    warmup_steps: int = 150
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    clip_norm: float = 1.0
    ema_decay: float = 0.998
    seed: int = 0

    def stage(self, step: int) -> Stage:
        """The stage that `step` belongs to; the last one goes on for ever."""
        return next((stage for stage in self.stages if step < stage.until), self.stages[-1])

    def rate(self, step: int) -> float:
        """Learning rate of `step`."""
        warm = min(1.0, (step + 1) / self.warmup_steps)
        left = min(1.0, max(0.0, (self.steps - step) / self.decay_steps))
        return self.learning_rate * warm * left


@dataclass
class TrainState:
    """What a checkpoint holds."""

    model: PointSAMModel
    ema: PointSAMModel
    optimizer: torch.optim.Optimizer
    step: int


def start(config: TrainConfig) -> TrainState:
    """Fresh weights, seeded."""
    torch.manual_seed(config.seed)
    model = PointSAMModel(config.model)
    initialize(model)
    ema = PointSAMModel(config.model).requires_grad_(False)
    ema.load_state_dict(model.state_dict())
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    # 0.98: the second moment must follow a loss whose scale changes fast in the first hundreds of steps.
    optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=True)
    return TrainState(model, ema, optimizer, step=0)


def train(
    config: TrainConfig,
    source: Source,
    state: TrainState,
    *,
    folder: Path,
    checkpoint_seconds: float = 180.0,
    report: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Train from `state` to `config.steps`, writing `folder/last.pt` every few minutes and at the end.

    Every step draws from its own generators, seeded by seed, step and process: a resumed run continues as if never
    interrupted. Where torch.distributed is initialised, each process draws its own batch and gradients are averaged;
    the first process writes.

    Raises:
        FloatingPointError: the gradient was not finite ten steps in a row.
    """
    distributed = torch.distributed.is_initialized()
    rank, world = (torch.distributed.get_rank(), torch.distributed.get_world_size()) if distributed else (0, 1)
    folder.mkdir(parents=True, exist_ok=True)
    bad = 0
    written = time.monotonic()
    with (folder / "log.jsonl").open("a") if rank == 0 else contextlib.nullcontext() as log:
        while state.step < config.steps:
            began = time.monotonic()
            stage = config.stage(state.step)
            # Sizes are drawn alike in every process, so that none waits for another's larger clouds.
            rng = np.random.default_rng((config.seed, state.step))
            points, groups, group_size = stage.sizes[rng.integers(len(stage.sizes))]
            rng = np.random.default_rng((config.seed, state.step, 1 + rank))
            batch = make_batch(
                rng,
                source,
                clouds=stage.clouds,
                masks=stage.masks,
                num_points=points,
                solid_share=stage.solid_share,
                strength=stage.strength,
            )
            prepared = time.monotonic()
            for group in state.optimizer.param_groups:
                group["lr"] = config.rate(state.step)
            state.optimizer.zero_grad(set_to_none=True)
            result = run_rounds(
                state.model,
                batch,
                rng,
                num_groups=groups,
                group_size=group_size,
                rounds=stage.rounds,
                clickless=stage.clickless,
            )
            if world > 1:
                _average_gradients(state.model, world)
            norm = nn.utils.clip_grad_norm_(state.model.parameters(), config.clip_norm)
            if torch.isfinite(norm):
                bad = 0
                state.optimizer.step()
                _follow(state.ema, state.model, min(config.ema_decay, (1 + state.step) / (10 + state.step)))
            else:
                bad += 1
                if bad == 10:
                    raise FloatingPointError(f"the gradient was not finite in ten steps up to {state.step}")
            state.step += 1
            line = {
                "step": state.step,
                "loss": result.loss,
                "iou": result.iou,
                "norm": float(norm),
                "lr": config.rate(state.step - 1),
                "points": points,
                "prepare_s": prepared - began,
                "s": time.monotonic() - began,
            }
            if log is None:
                continue
            log.write(json.dumps(line) + "\n")
            log.flush()
            if report is not None:
                report(line)
            if time.monotonic() - written > checkpoint_seconds:
                save_checkpoint(folder / "last.pt", config, state)
                written = time.monotonic()
    if rank == 0:
        save_checkpoint(folder / "last.pt", config, state)


def _average_gradients(model: PointSAMModel, world: int) -> None:
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    torch.distributed.all_reduce(flat)
    parts = flat.div_(world).split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def _follow(ema: PointSAMModel, model: PointSAMModel, decay: float) -> None:
    with torch.no_grad():
        for ours, theirs in zip(ema.parameters(), model.parameters(), strict=True):
            ours.lerp_(theirs, 1 - decay)


def save_checkpoint(path: Path, config: TrainConfig, state: TrainState) -> None:
    """Write everything needed to resume; the old file stays until the new one is complete."""
    with replacing(path) as temporary:
        torch.save(
            {
                "config": json.dumps(asdict(config)),
                "model": state.model.state_dict(),
                "ema": state.ema.state_dict(),
                "optimizer": state.optimizer.state_dict(),
                "step": state.step,
            },
            temporary,
        )


def load_checkpoint(path: Path, config: TrainConfig) -> TrainState:
    """The state in `path`, for a run with `config` (whose model must be the checkpoint's)."""
    saved = torch.load(path, weights_only=True)
    state = start(config)
    state.model.load_state_dict(saved["model"])
    state.ema.load_state_dict(saved["ema"])
    state.optimizer.load_state_dict(saved["optimizer"])
    state.step = saved["step"]
    return state
