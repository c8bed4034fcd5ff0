"""`python -m recipes.objects` on a site with one model of three squares, and one that is damaged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from recipes.objects import builder, packages
from recipes.objects.__main__ import main
from recipes.objects.entries import Package, parse_package


class Answer(NamedTuple):
    """What a call ended in."""

    code: int
    out: str
    err: str


Run = Callable[..., Answer]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process."""

    def call(*arguments: object) -> Answer:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as ended:  # argparse, of a wrong call
            code = int(ended.code or 0)
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return call


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Package:
    """The only package of the catalogue."""
    about = {"category": "", "license": "MIT", "reader": "obj"}
    models = [{"name": name, "family": name, "path": f"{name}.obj", **about} for name in ("stairs", "broken")]
    content = {"package": "toys", "version": "1", "registry": "pip", "models": models}
    package = parse_package(content, frozenset())
    monkeypatch.setattr(builder, "catalog", lambda: (package,))
    return package


@pytest.fixture
def site(toys: Package, tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / "toys-1.dist-info").mkdir(parents=True)
    (folder / "broken.obj").write_text("f 1 2 3\n")
    squares = [
        f"o step{k}\nv {k} 0 {k}\nv {k + 1} 0 {k}\nv {k + 1} 1 {k}\nv {k} 1 {k}\nf -4 -3 -2 -1\n" for k in range(3)
    ]
    (folder / "stairs.obj").write_text("".join(squares))
    return folder


def test_collection_is_written_and_what_failed_is_listed(run: Run, site: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    answer = run(out, "--site", site)
    assert answer.code == 0
    assert "objects     1 in 1 families" in answer.out
    assert "0 identical" in answer.out
    assert "1 new" in answer.out
    assert "toys/broken" in answer.out
    assert "failed: toys/broken: broken.obj" in answer.err
    names = {path.name for path in out.iterdir() if path.is_file()}
    assert names == {"objects.npz", "objects.json", "objects.sha256", "ATTRIBUTION.md"}


def test_json_holds_the_whole_report(run: Run, site: Path, tmp_path: Path) -> None:
    answer = run(tmp_path / "out", "--site", site, "--json")
    told = json.loads(answer.out)
    assert told["objects"] == 1
    assert list(told["failures"]) == ["toys/broken"]
    assert told["comparison"]["new"] == ["toys/stairs/rest"]
    assert told["unavailable"] == {}


def test_second_run_says_what_it_kept(run: Run, site: Path, tmp_path: Path) -> None:
    for _ in range(2):
        answer = run(tmp_path / "out", "--site", site, "--only", "stairs")
    assert "kept        1 from an earlier run" in answer.out


def test_offline_build_ends_in_one_line_with_the_way_out(
    run: Run, toys: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = packages.subprocess.CompletedProcess([], 1, "", "ERROR: Could not find a version (no network)\n")
    monkeypatch.setattr(packages.subprocess, "run", lambda *_, **__: said)
    answer = run(tmp_path / "out")
    assert answer.code == 1
    assert answer.out == ""
    line = answer.err.splitlines()[-1]
    assert line.startswith(
        "error: none of the packages can be had; toys==1 could not be fetched: ERROR: Could not find"
    )
    assert "--site DIR" in line


def test_other_version_than_the_catalogues_is_remarked(run: Run, site: Path, tmp_path: Path) -> None:
    (site / "toys-1.dist-info").rename(site / "toys-3.dist-info")
    answer = run(tmp_path / "out", "--site", site)
    assert "note: toys is 3, the catalogue was made with 1" in answer.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--package", "toyz"], "no package 'toyz' in the catalogue; it has toys"),
        (["--only", "zeppelin"], "no model with a name with 'zeppelin'"),
        (["--collection", "unseen"], "the collection 'unseen' has no model"),
    ],
)
def test_choice_without_models_is_an_error(
    run: Run, site: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    answer = run(tmp_path / "out", "--site", site, *options)
    assert answer.code == 1
    assert message in answer.err
    assert not (tmp_path / "out").exists()


def test_wrong_call_is_told_from_an_error(run: Run, tmp_path: Path) -> None:
    assert run(tmp_path, "--jobs", "0").code == 2
    assert run().code == 2
