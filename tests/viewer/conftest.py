"""A small scene, and one person's workspace on it."""

from pathlib import Path

import numpy as np
import pytest

from point_sam import PointCloud, PointSAM, write_pointcloud
from point_sam.viewer.scene import Scene, open_scene
from point_sam.viewer.workspace import Workspace


@pytest.fixture
def scene(tmp_path: Path, cloud: tuple[np.ndarray, np.ndarray]) -> Scene:
    """300 coloured points far from the origin, as surveys have them, with two attributes."""
    coords, rgb = cloud
    attributes = {"intensity": np.arange(300, dtype=np.uint16), "time": np.linspace(0, 1, 300)}
    path = tmp_path / "scan.ply"
    write_pointcloud(path, PointCloud(coords * 20 + [500_000, 4_000_000, 100], rgb, attributes))
    return open_scene(path)


@pytest.fixture
def workspace(scene: Scene, model: PointSAM) -> Workspace:
    return Workspace(scene, model, model.encode(scene.cloud.xyz, scene.cloud.rgb, normalize=True))


@pytest.fixture
def dense(tmp_path: Path, model: PointSAM) -> Workspace:
    """One on 2,000 points: enough for balls beside the whole cloud."""
    rng = np.random.default_rng(0)
    path = tmp_path / "dense.ply"
    write_pointcloud(path, PointCloud(rng.random((2000, 3)) * 20, rng.integers(0, 256, (2000, 3), dtype=np.uint8)))
    scene = open_scene(path)
    return Workspace(scene, model, model.encode(scene.cloud.xyz, scene.cloud.rgb, normalize=True))


@pytest.fixture
def whole(scene: Scene, model: PointSAM) -> Workspace:
    """One that looks at the scene as a whole."""
    return Workspace(scene, model, model.encode(scene.cloud.xyz, scene.cloud.rgb, normalize=True), "whole")
