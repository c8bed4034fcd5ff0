"""Fixtures that several tests share, and the checking of every annotated shape while tests run."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import jaxtyping

# Before the package is imported: the annotations of what computes are then checked by beartype, in the tests only. What
# reads people's input (clouds, pictures, commands) is left out: its tests pass wrong types on purpose.
CHECKED = [
    "automatic",
    "ops",
    "model",
    "checkpoints",
    "display",
    "encoded",
    "hardware",
    "inputs",
    "predictor",
    "session",
    "single",
    "focus",
    "evaluation",
    "training",
    "datasets.labeled",
    "mesh",
    "viewer",
]
jaxtyping.install_import_hook([*(f"point_sam.{name}" for name in CHECKED), "recipes"], "beartype.beartype")

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402
from hypothesis import settings  # noqa: E402

from point_sam import ModelConfig, PointSAM  # noqa: E402
from point_sam.datasets.layouts.objects import ObjectCollection  # noqa: E402
from point_sam.model import PointSAMModel  # noqa: E402

# Time is measured in benchmarks/, it is never a reason to fail.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

REFERENCE = Path(__file__).parent / "data" / "reference"

# Folders and files of tests that train, start processes or a browser, or work on large clouds: `-m "not slow"` leaves
# them out. Single slow tests elsewhere carry the marker themselves.
SLOW = [
    "benchmarks",
    "viewer/browser",
    "automatic/test_generator.py",
    *(f"checkpoints/test_{name}.py" for name in ("damaged_files", "loading")),
    *(f"cli/test_{name}.py" for name in ("demo", "encode", "evaluate", "everything", "everything_mesh", "hard_meshes")),
    *(f"cli/test_{name}.py" for name in ("process", "segment", "segment_focus", "segment_mesh", "start_encoded")),
    *(f"cli/test_{name}.py" for name in ("train", "view")),
    *(f"clouds/test_{name}.py" for name in ("damage", "round_trips")),
    *(f"evaluation/test_{name}.py" for name in ("runs", "workers")),
    "model/test_memory.py",
    *(f"recipes/objects/test_{name}.py" for name in ("builder", "command")),
    "recipes/solids",
    *(f"training/test_{name}.py" for name in ("checkpointing", "data", "pretraining", "step", "trainer")),
    "training/test_two_processes.py",
    *(f"viewer/test_{name}.py" for name in ("autosave", "people", "server", "ui_page", "ui_panel", "workspace")),
    *(
        f"test_{name}.py"
        for name in ("display", "encoded", "examples", "focus", "notebook", "picture", "site", "wheel")
    ),
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    folder = Path(__file__).parent
    for item in items:
        path = item.path.relative_to(folder)
        if any(path.is_relative_to(name) for name in SLOW):
            item.add_marker(pytest.mark.slow)


# Parts of names of weights that the rule does not divide by their width.
UNSCALED = ("point_embeddings", "no_mask_embed", "iou_token", "mask_tokens", "gaussian")


def weight_by_name(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The value that the reference outputs were made with: see tests/data/reference/README.md."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    x = np.random.Generator(np.random.PCG64(seed)).standard_normal(shape, dtype=np.float32)
    if name.endswith("bias"):
        x = 0.05 * x
    elif len(shape) <= 1:
        x = 1 + 0.1 * x
    elif not any(part in name for part in UNSCALED):
        x = x / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(np.asarray(x, np.float32))


def build_named_model(config: ModelConfig) -> PointSAMModel:
    with torch.device("meta"):
        model = PointSAMModel(config)
    weights = {name: weight_by_name(name, tuple(value.shape)) for name, value in model.state_dict().items()}
    model.load_state_dict(weights, assign=True)
    return model.eval()


@pytest.fixture(scope="session")
def named_model() -> Callable[[ModelConfig], PointSAMModel]:
    """Builds a model whose weights are made from their names."""
    return build_named_model


@pytest.fixture(scope="session")
def small_config() -> ModelConfig:
    """A complete model in miniature: milliseconds to run, all parts present."""
    return ModelConfig("knn", "eva02_fused", 64, 2, 1, 96, 32, 8, patch_widths=(16, 32, 32), mask_widths=(16, 32, 256))


@pytest.fixture
def model(small_config: ModelConfig) -> PointSAM:
    return PointSAM(build_named_model(small_config), precision="float32")


@pytest.fixture(scope="session")
def reference() -> Callable[[str], dict[str, np.ndarray]]:
    """Reads one file of the original implementation's outputs."""

    def read(name: str) -> dict[str, np.ndarray]:
        with np.load(REFERENCE / f"{name}.npz") as file:
            return dict(file)

    return read


@pytest.fixture
def cloud() -> tuple[np.ndarray, np.ndarray]:
    """300 points in the unit ball with colours."""
    rng = np.random.default_rng(0)
    coords = rng.normal(size=(300, 3))
    coords /= 1.01 * np.linalg.norm(coords, axis=1).max()
    return coords.astype(np.float32), rng.integers(0, 256, (300, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def manifest() -> Callable[[str], dict[str, tuple[int, ...]]]:
    """Names and shapes of the original's parameters."""

    def read(variant: str) -> dict[str, tuple[int, ...]]:
        text = (REFERENCE / "manifests" / f"{variant}.json").read_text()
        return {name: tuple(shape) for name, shape in json.loads(text).items()}

    return read


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
