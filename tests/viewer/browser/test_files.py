"""Opening by path and by upload, within the limits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from point_sam import PointCloud, write_pointcloud


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small cloud in it, and one beside it."""
    rng = np.random.default_rng(0)
    xyz = np.concatenate([rng.normal(size=(600, 3)), rng.normal(size=(600, 3)) * 0.3 + [3, 0, 0]])
    cloud = PointCloud(xyz, rng.integers(0, 256, (1200, 3), dtype=np.uint8))
    beside = tmp_path_factory.mktemp("beside")
    folder = beside / "scans"
    folder.mkdir()
    write_pointcloud(folder / "inside.ply", cloud)
    write_pointcloud(beside / "outside.ply", cloud)
    ball = trimesh.creation.icosphere(radius=0.5).apply_translation([0, 1, 0])
    trimesh.Scene([trimesh.creation.box((2, 1, 1)), ball]).export(folder / "mesh.glb")
    return folder


@pytest.fixture(scope="module")
def empty_server(serve: Callable[..., Any], folder: Path) -> Any:
    """Nothing is open, and not much may be."""
    return serve("--port", "0", "--max-upload", "1", "--max-points", "40000", folder=folder)


@pytest.fixture
def tab(empty_server: Any, open_tab: Callable[..., Any], folder: Path) -> Any:
    tab = open_tab(empty_server.url, file=folder / "inside.ply")
    tab.wait("Type the path", state="empty")
    tab.page.get_by_role("tab", name="Files").click()
    return tab


def upload(tab: Any, path: Path) -> None:
    with tab.page.expect_file_chooser() as chooser:
        tab.button("Upload a cloud or mesh").click()
    chooser.value.set_files(path)


def test_files_in_the_folder_are_opened_and_others_refused(tab: Any, folder: Path) -> None:
    for typed in ("../outside.ply", str(folder.parent / "outside.ply"), "/etc/passwd", "nothing.ply"):
        tab.field("Path").fill(typed)
        tab.act(lambda: tab.button("Open this cloud or mesh").click(), state="empty")
        assert ("no such file" if typed == "nothing.ply" else "lies outside scans") in tab.message()

    tab.field("Path").fill("inside.ply")
    tab.act(lambda: tab.button("Open this cloud or mesh").click())
    tab.wait(state="ready", total=1200)
    tab.act(lambda: tab.page.mouse.click(*tab.nearest()), clicks=1)


def test_uploads_are_opened_and_those_that_are_too_large_refused(tab: Any, folder: Path, tmp_path: Path) -> None:
    large = tmp_path / "large.ply"
    large.write_bytes(bytes(3_000_000))
    tab.act(lambda: upload(tab, large))
    assert "the file has 3.0 MB; the limit is 1.0 MB" in tab.message()
    tab.screenshot("10_upload_refused")

    many = tmp_path / "many.npy"
    np.save(many, np.random.default_rng(0).normal(size=(50_000, 3)).astype(np.float32))
    tab.act(lambda: upload(tab, many))
    tab.wait("many.npy", state="empty")
    assert "40,000" in tab.message()
    assert "tmp" not in tab.message()

    tab.act(lambda: upload(tab, folder / "inside.ply"))
    tab.wait(state="ready", total=1200)
    tab.screenshot("10_uploaded")


def test_a_mesh_stands_upright_and_is_clicked_where_it_is_seen(
    empty_server: Any, open_tab: Callable[..., Any], folder: Path
) -> None:
    tab = open_tab(empty_server.url, file=folder / "mesh.glb")
    tab.page.get_by_role("tab", name="Files").click()
    tab.field("Path").fill("mesh.glb")
    tab.act(lambda: tab.button("Open this cloud or mesh").click())
    tab.wait(state="ready")
    places = tab.project()
    top = places[places[:, 1].argmin()]
    facts = tab.act(lambda: tab.page.mouse.click(top[0], top[1] + 8), clicks=1)
    assert int(facts["area"]) > 0
    tab.screenshot("11_mesh")
