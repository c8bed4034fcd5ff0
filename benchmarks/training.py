"""Steps of training `tiny` on composed clouds, without data files."""

import time
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from point_sam.datasets import LabeledCloud
from point_sam.training.config import Output, Stage, TrainConfig, Validation
from point_sam.training.progress import Reporter, StepFigures
from point_sam.training.trainer import train

WARM_UP = 2  # steps that are not counted
STEPS = 40
PATIENCE = 20.0


class Balls:
    """A `LabeledDataset`: clouds of balls, a label each."""

    def __init__(self) -> None:
        self.names = self.families = [f"balls {number}" for number in range(32)]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> LabeledCloud:
        rng = np.random.default_rng(index)
        label = rng.integers(0, 6, 8192).astype(np.uint8)
        middles, radii = rng.uniform(-0.7, 0.7, (6, 3)), rng.uniform(0.1, 0.3, (6, 1))
        direction = rng.normal(size=(len(label), 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        xyz = (middles[label] + radii[label] * direction).astype(np.float32)
        return LabeledCloud(
            xyz, rng.integers(0, 256, xyz.shape, dtype=np.uint8), {"part": label}, name=self.names[index]
        )

    def split(self, name: str) -> list[int]:
        """All clouds, whatever the name."""
        return list(range(len(self)))


class EnoughError(Exception):
    """All steps that there is time for are done."""


class Stopwatch(Reporter):
    """Notes when each step ended, and ends the run after `PATIENCE` seconds of steps."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.waits: list[float] = []
        self.loss: list[float] = []

    def step(self, figures: StepFigures) -> None:
        """See `Reporter`."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.ends.append(time.perf_counter())
        self.waits.append(figures.wait_seconds)
        self.loss.append(float(np.mean(figures.loss)))
        if self.ends[-1] - self.ends[0] > PATIENCE:
            raise EnoughError


def steps(precision: str, device: str, folder: Path, *, quick: bool = False) -> dict[str, Any]:
    """Steps a second, with and without waiting for clouds, the loss at the ends, and the peak memory on a card.

    Args:
        precision: "no" or "bf16", as `TrainConfig` has it.
        device: "cpu", or "cuda" for the card.
        folder: for the run, a new one.
        quick: a small step, a few times.
    """
    size = {"clouds": 2, "masks": 1, "sizes": ((128, 32, 8),), "rounds": 2} if quick else {"clouds": 16, "masks": 4}
    config = TrainConfig(
        steps=WARM_UP + (2 if quick else STEPS),
        split="all",
        precision=precision,
        workers=0 if quick else 4,
        validation=Validation(every=0),
        output=Output(tensorboard=False),
        stages=(Stage(**size),),
    )
    watch = Stopwatch()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    with suppress(EnoughError):
        train(config, folder, dataset=Balls(), device="cpu" if device == "cpu" else None, reporter=watch)
    seconds = np.diff(watch.ends)[WARM_UP - 1 :]
    working = seconds - watch.waits[WARM_UP:]
    found: dict[str, Any] = {
        "steps": len(watch.ends),
        "steps_per_second": 1 / median(seconds),
        "steps_per_second_without_waiting": 1 / median(working),
        "loss": [watch.loss[0], watch.loss[-1]],
        "clouds": config.stages[0].clouds,
        "masks": config.stages[0].masks,
    }
    if device == "cuda":
        found["peak_bytes"] = torch.cuda.max_memory_allocated()
    return found
