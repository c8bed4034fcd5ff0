"""The built wheel carries what users need, and nothing else."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's files."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("point_sam-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_demo_runs_from_the_wheel_without_a_network(site: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": str(site),
        "HOME": str(home),
        # Nothing answers there: any download would fail.
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    where = [sys.executable, "-c", "import point_sam; print(point_sam.__file__)"]
    found = subprocess.run(where, cwd=home, env=environment, check=True, capture_output=True, text=True).stdout
    assert found.startswith(str(site))
    demo = [sys.executable, "-m", "point_sam", "demo", "--json"]
    done = subprocess.run(demo, cwd=home, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
    assert {path.suffix for path in home.iterdir()} >= {".ply", ".png"}


def test_what_made_the_objects_stays_in_the_clone(site: Path) -> None:
    """No catalogue, no hashes, and nothing that needs MuJoCo, Embree or a COLLADA reader."""
    files = [path for path in site.rglob("*") if path.is_file()]
    assert {path.relative_to(site).parts[0].partition("-")[0] for path in files} == {"point_sam"}
    assert {path.name for path in files if path.suffix == ".txt" and "datasets" in path.parts} == {
        "validation_families.txt"
    }
    assert [path.name for path in files if path.suffix == ".json" and "datasets" in path.parts] == []
    code = {path.relative_to(site).as_posix(): path.read_text().lower() for path in files if path.suffix == ".py"}
    for library in ("mujoco", "collada", "embree"):
        assert [name for name, text in code.items() if library in text] == []


def test_weights_are_small_enough_for_a_wheel() -> None:
    assert (ROOT / "src" / "point_sam" / "weights" / "tiny.safetensors").stat().st_size <= 20_000_000
