"""A collection of two-part objects, small enough to train on in a test."""

import json
from pathlib import Path

import numpy as np
import pytest

from point_sam.training.objects import ObjectCollection


def ball_on_plate(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points on a plate (label 0) and on a ball above it (label 1)."""
    label = (rng.random(count) < 0.4).astype(np.uint8)
    plate = rng.uniform(-0.6, 0.6, (count, 3)) * [1, 1, 0.02] - [0, 0, 0.3]
    ball = rng.normal(size=(count, 3))
    ball = 0.3 * ball / np.linalg.norm(ball, axis=1, keepdims=True) + [0, 0, 0.1]
    return np.where(label[:, None] == 1, ball, plate), label


@pytest.fixture(scope="session")
def objects_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    clouds = [ball_on_plate(rng, 1024) for _ in range(4)]
    xyz = np.stack([points for points, _ in clouds])
    part = np.stack([label for _, label in clouds])
    path = tmp_path_factory.mktemp("objects") / "objects.npz"
    np.savez(
        path,
        xyz=(xyz * 32767).astype(np.int16),
        rgb=np.full(xyz.shape, 90, np.uint8),
        part=part,
        part_fine=part * 2 + (xyz[..., 0] > 0),
        visible=np.packbits(xyz[..., 2] > -0.31, axis=1),
    )
    # The last row belongs to a family that is held out.
    families = ["a", "a", "b", "xarm"]
    rows = [{"name": f"o{i}", "family": f, "has_colour": i % 2 == 0} for i, f in enumerate(families)]
    path.with_suffix(".json").write_text(json.dumps(rows))
    return path


@pytest.fixture
def collection(objects_file: Path) -> ObjectCollection:
    return ObjectCollection.read(objects_file)
