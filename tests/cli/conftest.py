"""Clouds and weights for the command line. The weights are random: what is tested is what becomes of an answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from point_sam import PointCloud, PointSAM, write_pointcloud
from point_sam.cli.app import build_typer
from point_sam.model import ModelConfig, PointSAMModel


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = PointSAMModel(ModelConfig.preset("tiny"))
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.startswith("mask_decoder"):  # so that masks are neither empty nor full
                parameter.mul_(2)
    folder = tmp_path_factory.mktemp("weights")
    PointSAM(network).save_pretrained(folder)
    return folder / "model.safetensors"


@pytest.fixture
def run() -> Callable[..., Any]:
    """Run `point-sam` in this process: exit_code, stdout, stderr."""
    app, runner = build_typer(), CliRunner(env={"POINT_SAM_DEBUG": "", "COLUMNS": "300", "NO_COLOR": "1"})
    return lambda *args: runner.invoke(app, [str(arg) for arg in args])


@pytest.fixture
def cloud() -> PointCloud:
    """300 points in metres far from the origin, with colours and an attribute."""
    generator = np.random.default_rng(0)
    return PointCloud(
        generator.uniform(-2, 2, (300, 3)) + np.array([1000, 2000, -50]),
        generator.integers(0, 256, (300, 3)).astype(np.uint8),
        {"intensity": generator.uniform(0, 1, 300).astype(np.float32)},
    )


@pytest.fixture
def scene(cloud: PointCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cloud as a file in an empty current folder."""
    monkeypatch.chdir(tmp_path)
    write_pointcloud("scene.ply", cloud)
    return Path("scene.ply")


@pytest.fixture
def encoded(run: Callable[..., Any], scene: Path, checkpoint: Path) -> Path:
    """scene.ply encoded into emb."""
    answer = run("encode", scene, "-o", "emb", "--checkpoint", checkpoint)
    assert answer.exit_code == 0, answer.stderr
    return Path("emb/scene.ply.encoded.safetensors")
