"""A data set in memory, a network in miniature, and a run of it that takes seconds."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from point_sam import ModelConfig, PointSAM
from point_sam.clouds import PointCloudError
from point_sam.datasets import LabeledCloud
from point_sam.model import PointSAMModel
from point_sam.training.config import Output, Stage, TrainConfig, Validation


class MemoryDataset:
    """Labelled clouds in memory; an exception in place of a cloud is raised when it is read. The first is "val"."""

    def __init__(self, clouds: Sequence[Any], families: Sequence[str] | None = None) -> None:
        self.clouds = clouds
        self.names = [f"cloud {i}" for i in range(len(clouds))]
        self.families = list(families) if families else self.names

    def __len__(self) -> int:
        return len(self.clouds)

    def __getitem__(self, index: int) -> LabeledCloud:
        if isinstance(self.clouds[index], Exception):
            raise self.clouds[index]
        return self.clouds[index]

    def split(self, name: str) -> list[int]:
        rows = list(range(len(self)))
        return {"train": rows[1:], "val": rows[:1], "test": [], "all": rows}[name]


def ball_on_plate(seed: int, count: int = 600) -> LabeledCloud:
    """Points on a plate (label 0) and on a ball above it (label 1)."""
    rng = np.random.default_rng(seed)
    label = (rng.random(count) < 0.4).astype(np.uint8)
    plate = rng.uniform(-0.6, 0.6, (count, 3)) * [1, 1, 0.02] - [0, 0, 0.3]
    ball = rng.normal(size=(count, 3))
    ball = 0.3 * ball / np.linalg.norm(ball, axis=1, keepdims=True) + [0, 0, 0.1]
    xyz = np.where(label[:, None] == 1, ball, plate).astype(np.float32)
    return LabeledCloud(xyz, np.full((count, 3), 90, np.uint8), {"part": label})


@pytest.fixture(scope="session")
def ball_on_plate_of() -> Callable[..., LabeledCloud]:
    return ball_on_plate


@pytest.fixture(scope="session")
def memory_dataset() -> type[MemoryDataset]:
    return MemoryDataset


@pytest.fixture(scope="session")
def dataset() -> MemoryDataset:
    return MemoryDataset([ball_on_plate(seed) for seed in range(4)])


@pytest.fixture(scope="session")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with weights of the smallest complete model."""
    config = ModelConfig("knn", "eva02_fused", 32, 1, 1, 48, 16, 8, patch_widths=(8, 16, 16), mask_widths=(8, 16, 256))
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("miniature")
    PointSAM(PointSAMModel(config)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_run(miniature: Path) -> TrainConfig:
    """Six steps in two stages, in float32, prepared in between."""
    stages = (
        Stage(until=3, clouds=2, masks=2, sizes=((96, 24, 8), (64, 16, 8)), rounds=2, clickless=0),
        Stage(clouds=2, masks=2, sizes=((96, 24, 8),), rounds=3, clickless=1),
    )
    return TrainConfig(
        model=str(miniature),
        scratch=True,
        steps=6,
        precision="no",
        workers=0,
        validation=Validation(every=0, points=256, clicks=2),
        output=Output(checkpoint_every=2, tensorboard=False),
        stages=stages,
    )


@pytest.fixture(scope="session")
def broken() -> PointCloudError:
    return PointCloudError("bad.ply: the file ends early")


@pytest.fixture(scope="session")
def changed() -> Callable[..., TrainConfig]:
    """`replace` that reaches the validation and the output too: `changed(config, validation={"every": 2})`."""

    def change(config: TrainConfig, **values: Any) -> TrainConfig:
        for name, value in values.items():
            new = replace(getattr(config, name), **value) if isinstance(value, dict) else value
            config = replace(config, **{name: new})
        return config

    return change
