"""README, docs, recipes: every command and snippet on their pages is found here, run or parsed; links hold."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from typer.testing import CliRunner

from point_sam import PointSAM, read_pointcloud
from point_sam.cli.app import build, build_typer
from point_sam.datasets import LabeledCloud, columns, write_labeled
from point_sam.datasets.checking import check_dataset
from point_sam.datasets.layouts.folder import FolderSettings
from point_sam.focus import MARGIN, OUTSIDE_LOGIT

ROOT = Path(__file__).parent.parent
TEXTS = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "recipes").rglob("*.md"))]
}
# Their commands run as printed; those of the other pages want data or hours, and are parsed.
RUN = ["README.md", "docs/encode.md", "docs/finetuning.md", "docs/focus.md", "docs/start.md"]
# Programs that are no business of this package.
FOREIGN = {".", "apt-get", "dpkg-deb", "mkdocs", "pip", "pytest"}
# Instead of minutes: what is added to a command, and what changes in a snippet.
SHORTER_COMMANDS = {
    "train": "--steps 4 --batch-size 1 --validate-every 0 --device cpu",
    "evaluate": "--limit 1 --max-masks 1 --max-points 2048 --min-points 20 --clicks 1 --jobs 1 --no-plots --pictures 0",
}
SHORTER_SNIPPETS = {
    "docs/meshes.md": ("32768", "2000"),
    "docs/training.md": ("steps=200", "steps=1"),
}
BUTTON = 6  # the label in the sample


class Walk(NamedTuple):
    """What a page leaves when its commands and snippets have run from top to bottom."""

    folder: Path
    names: dict[str, Any]


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXTS[page], re.MULTILINE | re.DOTALL)


def lines(page: str) -> list[list[str]]:
    """The commands of a page's shell blocks, word by word."""
    text = "\n".join(blocks(page, "sh")).replace("\\\n", " ")
    parts = [part for line in text.splitlines() for part in line.partition(" > ")[0].split("&&")]
    return [words for part in parts if (words := shlex.split(part, comments=True))]


def inline(page: str) -> list[list[str]]:
    """Whole commands within sentences: those with options."""
    sentences = re.sub(r"^```.*?^```", "", TEXTS[page], flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"`((?:point-sam|python|torchrun) [^`]+)`", sentences)
    return [shlex.split(command) for command in found if " --" in command and "..." not in command]


def parse(words: list[str]) -> None:
    """Fails unless this is a command that there is, with options that it has."""
    program, *arguments = words
    if program in ("torchrun", "accelerate"):
        program, arguments = "python", arguments[arguments.index("-m") :]
    if program == "python" and arguments[:2] == ["-m", "point_sam"]:
        program, arguments = "point-sam", arguments[2:]
    if program == "point-sam":
        command, name = build(), program
        while hasattr(command, "commands"):
            name, *arguments = arguments
            command = command.commands[name]
        file = command.make_context(name, arguments).params.get("file")
        assert not str(file).startswith("examples/") or (ROOT / file).is_file()
    elif program in ("python", "python3"):
        if arguments[0] == "-m" and arguments[1] in sys.stdlib_module_names:
            return
        script = ROOT / (arguments[1].replace(".", "/") if arguments[0] == "-m" else arguments[0])
        sources = script.glob("*.py") if script.is_dir() else [script.with_suffix(".py")]
        text = "".join(source.read_text() for source in sources)
        assert text, f"there is no {script}"
        assert [word for word in arguments if word.startswith("--") and f'"{word}"' not in text] == []
    else:
        assert program in FOREIGN


def execute(words: list[str], *, in_process: bool) -> None:
    """Run one command in the current folder; numbered examples run in tests/test_examples.py."""
    program, *arguments = words
    if program in FOREIGN or program == "python3" or re.match(r"examples/\d", arguments[0]):
        return
    if program == "point-sam" and in_process:
        answer = CliRunner(env={"POINT_SAM_DEBUG": ""}).invoke(build_typer(), arguments)
        assert answer.exit_code == 0, (words, answer.stderr)
    else:
        command = [sys.executable, *(["-m", "point_sam"] if program == "point-sam" else []), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, (words, done.stderr)
    for option in ("-o", "--out", "--picture"):
        assert option not in arguments or Path(arguments[arguments.index(option) + 1]).exists(), words


def prepare(page: str) -> None:
    """Put what the page's snippets take for granted into the current folder."""
    if page == "docs/meshes.md":
        trimesh = pytest.importorskip("trimesh")
        scene = trimesh.Scene([trimesh.creation.box((2, 2, 0.2)), trimesh.creation.icosphere(2)])
        Path("model.glb").write_bytes(scene.export(file_type="glb"))
    if page in ("docs/evaluation.md", "docs/training.md"):
        for split in ("train", "val", "test"):
            xyz = np.random.default_rng(len(split)).uniform(-1, 1, (3000, 3)).astype(np.float32)
            write_labeled(LabeledCloud(xyz, None, {"part": (xyz[:, 2] > 0).astype(np.int32)}), f"shelves/{split}/a.ply")


@pytest.fixture(scope="session")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Walk]:
    """Runs a page once, where its relative paths hold and whatever is written is thrown away."""

    @cache
    def walk_through(page: str) -> Walk:
        folder = tmp_path_factory.mktemp("page")
        (folder / "examples").symlink_to(ROOT / "examples")
        names: dict[str, Any] = {}
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            prepare(page)
            for words in lines(page) if page in RUN else []:
                shorter = SHORTER_COMMANDS.get(words[1], "") if page == "docs/finetuning.md" else ""
                with pytest.MonkeyPatch.context() as inner:
                    if "--encoded" in words:
                        inner.setattr(PointSAM, "encode", lambda *_, **__: pytest.fail("encoded again"))
                    execute([*words, *shorter.split()], in_process=page != "README.md")
            for snippet in blocks(page, "python"):
                if page.startswith("recipes"):  # they want the object collection: what they import is there
                    snippet = "".join(re.findall(r"^(?:from|import) .*\n", snippet, re.MULTILINE))
                exec(snippet.replace(*SHORTER_SNIPPETS.get(page, ("", ""))), names)
        return Walk(folder, names)

    return walk_through


def iou(mask: np.ndarray, label: int) -> float:
    truth = read_pointcloud(ROOT / "examples/data/extinguisher.ply").attributes["label"] == label
    return float((mask & truth).sum() / (mask | truth).sum())


@pytest.mark.parametrize("page", [page for page in TEXTS if lines(page) or inline(page)])
def test_commands_are_well_formed(page: str) -> None:
    for words in lines(page) + inline(page):
        try:
            parse(words)
        except Exception as error:
            raise AssertionError(f"{shlex.join(words)}: {error!r}") from error


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in TEXTS if page in RUN or blocks(page, "python")])
def test_commands_and_snippets_run(page: str, walk: Callable[[str], Walk]) -> None:
    walk(page)


@pytest.mark.slow
def test_the_readme_ends_with_the_best_mask(walk: Callable[[str], Walk]) -> None:
    names = walk("README.md").names
    assert names["best"].dtype == bool
    assert 0 < names["best"].sum() < len(names["coords"]) == len(names["best"])


@pytest.mark.slow
def test_everything_labels_every_point(walk: Callable[[str], Walk]) -> None:
    names = walk("docs/everything.md").names
    assert names["labels"].shape == (len(names["coords"]),)
    assert names["labels"].max() < len(names["records"])


@pytest.mark.slow
def test_encoding_ahead_gives_one_mask_in_shell_and_python(walk: Callable[[str], Walk]) -> None:
    folder, names = walk("docs/encode.md")
    assert 0 < names["mask"].sum() < len(names["mask"])
    np.testing.assert_array_equal(read_pointcloud(folder / "hose.ply").attributes["mask"], names["mask"])
    assert sorted(path.name for path in (folder / "embeddings").iterdir()) == [
        "extinguisher.ply.encoded.safetensors",
        "park_lidar.pcd.encoded.safetensors",
    ]


@pytest.mark.slow
def test_a_focus_finds_the_button_as_the_page_says(walk: Callable[[str], Walk]) -> None:
    folder, names = walk("docs/focus.md")
    found = {
        name: iou(read_pointcloud(folder / f"{name}.ply").attributes["mask"].astype(bool), BUTTON)
        for name in ("whole", "button", "ball")
    }
    # bfloat16 and float32 machines differ by a few points.
    assert abs(found["whole"] - 0.69) < 0.05
    assert min(found["button"], found["ball"], iou(names["mask"], BUTTON)) > 0.89
    assert names["session"].focused.radius == 0.05


def test_the_page_of_focus_tells_the_defaults() -> None:
    assert f"`margin` ({MARGIN:g})" in TEXTS["docs/focus.md"]
    assert f"logits are {OUTSIDE_LOGIT:g} there" in TEXTS["docs/focus.md"]


@pytest.mark.slow
def test_the_parts_of_a_mesh_are_all_of_it(walk: Callable[[str], Walk]) -> None:
    from point_sam.mesh import load_mesh

    folder, names = walk("docs/meshes.md")
    count = len(names["mesh"].faces)
    assert len(load_mesh(folder / "part.glb").faces) == count
    assert sum(len(load_mesh(path).faces) for path in folder.glob("part_*.glb")) == count


@pytest.mark.slow
def test_labelled_data_made_as_shown_is_a_dataset_in_which_nothing_is_wrong(walk: Callable[[str], Walk]) -> None:
    folder, names = walk("docs/datasets.md")
    assert len(names["dataset"]) == 6
    assert re.fullmatch(r"(mug|jar)/0\.npz", names["cloud"].name)
    assert (names["cloud"].family, sorted(names["cloud"].labels)) == (names["cloud"].name[:3], ["part"])
    checked = check_dataset(folder / "scans")
    assert checked.findings == ()
    assert checked.splits == {"train": 3, "val": 3}


def test_settings_of_labelled_data_are_understood(tmp_path: Path) -> None:
    (shown,) = blocks("docs/datasets.md", "json")
    (tmp_path / "dataset.json").write_text(shown)
    assert vars(FolderSettings.read(tmp_path / "dataset.json")) == json.loads(shown)


def test_every_name_of_labels_is_in_the_table() -> None:
    row = next(line for line in TEXTS["docs/datasets.md"].splitlines() if line.startswith("| labels |"))
    assert set(columns._NAMES) <= set(re.findall(r"`(\w+)`", row))


def test_each_picture_of_the_gallery_is_drawn_by_a_command_beside_it() -> None:
    drawn = [words[words.index("--picture") + 1] for words in lines("docs/gallery.md") if "--picture" in words]
    shown = re.findall(r"!\[[^]]*\]\(([^)]+)\)", TEXTS["docs/gallery.md"])
    assert [Path(picture).name for picture in shown] == drawn
    assert len(set(drawn)) == len(drawn)


@pytest.mark.parametrize("page", TEXTS)
def test_links_and_pictures_hold(page: str) -> None:
    slugify = pytest.importorskip("markdown.extensions.toc").slugify
    for picture, target in re.findall(r"(!?)\[[^]]*\]\(((?!https?:)[^)\s]+)\)", TEXTS[page]):
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), target
        if picture:
            assert 1_000 < file.stat().st_size < 400_000, target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            assert anchor in [slugify(heading, "-") for heading in headings], target
