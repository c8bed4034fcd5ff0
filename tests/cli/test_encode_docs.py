"""docs/encode.md: its commands and its snippet, run as printed."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from point_sam import PointSAM, read_pointcloud

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "encode.md").read_text()


def block(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("examples").symlink_to(ROOT / "examples")


def test_the_commands_and_the_snippet_give_one_mask(run, monkeypatch):
    encode = PointSAM.encode
    for line in block("sh").splitlines():
        program, *arguments = shlex.split(line)
        assert program == "point-sam"
        if "--encoded" in arguments:
            monkeypatch.setattr(PointSAM, "encode", lambda *_, **__: pytest.fail("encoded again"))
        answer = run(*arguments)
        assert answer.exit_code == 0, answer.stderr
    monkeypatch.setattr(PointSAM, "encode", encode)
    names: dict[str, object] = {}
    exec(block("python"), names)

    assert 0 < names["mask"].sum() < len(names["mask"])
    np.testing.assert_array_equal(read_pointcloud("hose.ply").attributes["mask"], names["mask"])
    assert sorted(path.name for path in Path("embeddings").iterdir()) == [
        "extinguisher.ply.encoded.safetensors",
        "park_lidar.pcd.encoded.safetensors",
    ]
