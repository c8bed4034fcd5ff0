from pathlib import Path

import numpy as np
import pytest

from point_sam import PointCloud, PointSAM, load_pointcloud, write_pointcloud
from point_sam.mesh import Mesh, write_mesh
from point_sam.mesh.colors import Uniform
from point_sam.mesh.surfaces import Surface
from point_sam.viewer.scene import Scene, open_scene


@pytest.fixture
def triangle(tmp_path: Path) -> Path:
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    path = tmp_path / "part.glb"
    write_mesh(path, Mesh.of([("part", Surface(corners, np.array([[0, 1, 2]]), Uniform((10.0, 20.0, 30.0))))]))
    return path


def test_a_cloud_keeps_its_order_units_and_attributes(scene: Scene, tmp_path: Path) -> None:
    _, rgb, original = load_pointcloud(tmp_path / "scan.ply")
    assert (scene.mesh, scene.name, scene.up, len(scene)) == (None, "scan.ply", "z", 300)
    np.testing.assert_array_equal(scene.xyz, original)
    np.testing.assert_array_equal(scene.cloud.rgb, rgb)
    assert set(scene.cloud.attributes) == {"intensity", "time"}


def test_the_fingerprint_is_that_of_an_encoding(scene: Scene, model: PointSAM) -> None:
    normalized = model.encode(scene.cloud.xyz, scene.cloud.rgb, normalize=True)
    assert scene.fingerprint == normalized.cloud_fingerprint


def test_a_mesh_becomes_the_same_points_each_time(triangle: Path) -> None:
    scene = open_scene(triangle, samples=50)
    assert (scene.up, len(scene)) == ("y", 50)
    assert scene.mesh is not None
    assert scene.samples is not None
    np.testing.assert_array_equal(scene.xyz, scene.samples.xyz)
    assert scene.fingerprint == open_scene(triangle, samples=50).fingerprint
    assert scene.fingerprint != open_scene(triangle, samples=50, seed=1).fingerprint


def test_too_much_is_refused(scene: Scene, triangle: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"scan\.ply: 300 points; at most 299 are opened"):
        open_scene(tmp_path / "scan.ply", max_points=299)
    with pytest.raises(ValueError, match=r"scan\.ply: the file has [\d,]+ bytes; at most 1,000 are opened"):
        open_scene(tmp_path / "scan.ply", max_bytes=1000)
    with pytest.raises(ValueError, match="51 points to draw on the mesh; at most 50"):
        open_scene(triangle, samples=51, max_points=50)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.ply: no such file"):
        open_scene(tmp_path / "nothing.ply")


def test_invalid_points_are_an_error_unless_they_are_to_be_dropped(tmp_path: Path) -> None:
    path = tmp_path / "organised.xyz"
    path.write_text("0 0 0\nnan nan nan\n1 1 1\n")
    with pytest.raises(ValueError, match="1 of 3 points have NaN"):
        open_scene(path)
    assert len(open_scene(path, drop_invalid=True)) == 2


def test_a_cloud_that_exactly_fits_the_limit_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "few.ply"
    write_pointcloud(path, PointCloud(np.eye(3)))
    assert len(open_scene(path, max_points=3, max_bytes=path.stat().st_size)) == 3
