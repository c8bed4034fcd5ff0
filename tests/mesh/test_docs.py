"""docs/meshes.md: the snippet runs on a small mesh, the commands are ones."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from point_sam.cli.app import build
from point_sam.mesh import load_mesh

trimesh = pytest.importorskip("trimesh")
TEXT = (Path(__file__).parents[2] / "docs" / "meshes.md").read_text()


def test_snippet_writes_the_parts_of_a_mesh(tmp_path: Path) -> None:
    (snippet,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    scene = trimesh.Scene([trimesh.creation.box((2, 2, 0.2)), trimesh.creation.icosphere(2)])
    (tmp_path / "model.glb").write_bytes(scene.export(file_type="glb"))

    short = snippet.replace("32768", "2000")
    done = subprocess.run([sys.executable, "-c", short], cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    whole = load_mesh(tmp_path / "model.glb")
    parts = [load_mesh(path) for path in tmp_path.glob("part_*.glb")]
    assert sum(len(part.faces) for part in parts) == len(load_mesh(tmp_path / "part.glb").faces) == len(whole.faces)


def test_commands_are_well_formed() -> None:
    (block,) = re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    known = build().commands
    names = []
    for line in block.splitlines():
        program, name, *arguments = shlex.split(line)
        assert program == "point-sam"
        known[name].make_context(name, arguments)
        names.append(name)
    assert names == ["info", "segment", "everything"]
