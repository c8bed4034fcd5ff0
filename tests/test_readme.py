"""README's commands and snippets, run as printed, with the embedded weights."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from point_sam import load_pointcloud

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


COMMANDS = [line for line in blocks("sh")[1].splitlines() if line]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder where the README's relative paths hold and whatever is written is thrown away."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


def test_there_are_ten_commands() -> None:
    assert len(COMMANDS) == 10


@pytest.mark.parametrize("line", COMMANDS)
def test_command_runs_as_printed(line: str, clone: Path) -> None:
    words = shlex.split(line)
    program = {"point-sam": [sys.executable, "-m", "point_sam"], "python": [sys.executable]}[words[0]]
    done = subprocess.run([*program, *words[1:]], cwd=clone, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for option in ("-o", "--picture"):
        if option in words:
            assert (clone / words[words.index(option) + 1]).exists()


def test_snippets_run_one_after_the_other(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clone)
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(block, names)
    best = names["best"]
    assert isinstance(best, np.ndarray)
    assert best.dtype == bool
    coords = load_pointcloud("examples/data/extinguisher.ply")[0]
    assert 0 < best.sum() < len(coords) == len(best)


def test_pictures_exist() -> None:
    for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (ROOT / target).is_file(), target


def test_links_to_files_hold() -> None:
    for target in re.findall(r"(?<!!)\[[^\]]*\]\(((?!http)[^)]+)\)", README):
        assert (ROOT / target).exists(), target
