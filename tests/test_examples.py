"""The numbered examples: they run as printed, on the weights in the package, and do what they say."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from point_sam import read_pointcloud

EXAMPLES = Path(__file__).parent.parent / "examples"
SHORTER = {"3_everything": ["--points", "16"], "6_finetune": ["--steps", "1", "--tests", "1"]}


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Starts an example in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    Path("examples").symlink_to(EXAMPLES)

    def run(name: str, *arguments: object) -> str:
        command = [sys.executable, f"examples/{name}.py", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=500)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("[0-9]*.py")))
def test_it_runs_and_writes_what_it_tells(name: str, start) -> None:
    said = start(name, *SHORTER.get(name, []))
    told = re.findall(r"\b[a-z_0-9]+\.(?:ply|glb|png)\b", said)
    assert said
    assert all(Path(file).stat().st_size > 1000 for file in told)


def test_one_click_saves_the_best_candidate(start) -> None:
    said = start("1_click", "--out", "best.ply")
    candidates = re.findall(r"predicted IoU ([\d.]+): ([\d,]+) of 14,000 points", said)
    assert len(candidates) == 3
    _, best = max((float(score), area) for score, area in candidates)
    assert read_pointcloud("best.ply").attributes["mask"].sum() == int(best.replace(",", ""))


def test_refining_gains_and_undo_gives_it_back(start) -> None:
    said = start("2_refine")
    one_click, _, refined, wrong = map(float, re.findall(r"IoU ([\d.]+)", said))
    assert refined > max(one_click, wrong)
    cloud = read_pointcloud("refined.ply")
    mask, hose = cloud.attributes["mask"] == 1, cloud.attributes["label"] == 3
    assert abs(np.sum(mask & hose) / np.sum(mask | hose) - refined) < 0.006


def test_the_handle_of_the_mug_is_cut_out(start) -> None:
    from point_sam.mesh import load_mesh

    start("4_mesh")
    mesh = load_mesh("mug.glb")
    assert sorted(mesh.names) == ["body", "floor", "handle"]
    assert mesh.vertices.max(axis=0).round(2).tolist() == [7.25, 9.0, 4.0]
    assert sum(len(load_mesh(f"part_{label}.glb").faces) for label in (0, 1)) == len(mesh.faces)
