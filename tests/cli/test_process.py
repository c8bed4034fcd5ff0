"""What only a process of its own shows: what gets imported, exit codes, pipes."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
POINT_SAM = [sys.executable, "-m", "point_sam"]


def start(*command: Any, **options: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "POINT_SAM_DEBUG": ""}
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, env=environment, timeout=300, **options
    )


@pytest.mark.parametrize("arguments", [["--help"], ["segment", "--help"], ["--version"]])
def test_help_imports_neither_torch_nor_numpy(arguments):
    code = (
        "import sys, atexit\n"
        "heavy = ('torch', 'numpy', 'scipy', 'PIL')\n"
        "atexit.register(lambda: print('IMPORTED', [name for name in heavy if name in sys.modules]))\n"
        f"sys.argv[1:] = {arguments!r}\n"
        "from point_sam.cli import main\n"
        "main()\n"
    )

    result = start(sys.executable, "-c", code)

    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith("IMPORTED []\n")


def test_error_in_a_process_is_one_line(tmp_path):
    result = start(*POINT_SAM, "info", tmp_path / "none.ply")

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"error: {tmp_path / 'none.ply'}: no such file\n"


def test_debug_shows_the_traceback(tmp_path):
    result = start(*POINT_SAM, "info", tmp_path / "none.ply", "--debug")

    assert result.returncode == 1
    assert "Traceback" in result.stderr


def test_wrong_usage_in_a_process(tmp_path):
    assert start(*POINT_SAM, "segment", tmp_path / "none.ply").returncode == 2


@pytest.mark.skipif(os.name != "posix", reason="pipes as on Unix")
def test_closed_pipe_is_silent(scene):
    read, write = os.pipe()
    os.close(read)
    try:
        result = subprocess.run([*POINT_SAM, "info", str(scene)], stdout=write, stderr=subprocess.PIPE, timeout=300)
    finally:
        os.close(write)

    assert (result.returncode, result.stderr) == (141, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_full_disk_under_stdout_is_one_line(scene):
    with open("/dev/full", "wb") as full:
        result = subprocess.run([*POINT_SAM, "info", str(scene)], stdout=full, stderr=subprocess.PIPE, timeout=300)

    assert result.returncode == 1
    assert result.stderr == b"error: No space left on device\n"
