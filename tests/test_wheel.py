"""The built wheel carries what the demo needs."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_demo_runs_from_the_wheel_without_a_network(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("point_sam-*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
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


def test_weights_are_small_enough_for_a_wheel() -> None:
    assert (ROOT / "src" / "point_sam" / "weights" / "tiny.safetensors").stat().st_size <= 20_000_000
