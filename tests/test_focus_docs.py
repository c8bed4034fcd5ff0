"""docs/focus.md: its commands and its snippet, run as printed, and what it says of them."""

import re
import shlex
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from point_sam import read_pointcloud
from point_sam.cli.app import build_typer
from point_sam.focus import MARGIN, OUTSIDE_LOGIT

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "focus.md").read_text()
BUTTON = 6  # the label in the sample


def block(language: str) -> str:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0]


def iou(mask: np.ndarray) -> float:
    truth = read_pointcloud("examples/data/extinguisher.ply").attributes["label"] == BUTTON
    return float((mask & truth).sum() / (mask | truth).sum())


def test_the_commands_find_the_button_as_the_page_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("examples").symlink_to(ROOT / "examples")
    app, runner = build_typer(), CliRunner()
    found = {}
    for line in block("sh").splitlines():
        arguments = shlex.split(line)[1:]
        answer = runner.invoke(app, arguments)
        assert answer.exit_code == 0, answer.stderr
        out = arguments[arguments.index("-o") + 1]
        found[out] = iou(read_pointcloud(out).attributes["mask"].astype(bool))

    # bfloat16 and float32 machines differ by a few points.
    assert abs(found["whole.ply"] - 0.69) < 0.05
    assert min(found["button.ply"], found["ball.ply"]) > 0.89


def test_the_snippet_runs_and_ends_in_the_ball(monkeypatch):
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}

    exec(block("python"), names)

    assert iou(names["mask"]) > 0.89
    assert names["session"].focused.radius == 0.05


def test_the_page_tells_the_defaults():
    assert f"`margin` ({MARGIN:g})" in PAGE
    assert f"logits are {OUTSIDE_LOGIT:g} there" in PAGE
