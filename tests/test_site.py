"""The site of docs/: it builds without a word, its links hold, the API and every command are all there."""

import html
import os
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from point_sam.cli.app import build

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


class Page(HTMLParser):
    """What a page of the site names: ids, links of its own, and what a browser loads with it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids.update(given[name] for name in ("id", "name") if name in given)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in ("img", "script", "iframe", "source") and "src" in given:
            self.loaded.append(given["src"])
        elif tag == "link" and given.get("rel") in ("stylesheet", "preload", "icon"):
            self.loaded.append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    # Without --quiet, which would hide the warnings from --strict too.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}  # the theme's advertisement
    done = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html")}


def leaves(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """All commands that do something, with their whole names."""
    if not hasattr(command, "commands"):
        yield name, command
        return
    for inner, inner_command in command.commands.items():
        yield from leaves(inner_command, f"{name} {inner}")


def test_internal_links_pictures_and_anchors_hold(site: Path, pages: dict[Path, Page]) -> None:
    broken = []
    for path, page in pages.items():
        for target in page.links + page.loaded:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc or path.name == "404.html":
                continue
            file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            named = not parts.fragment or file not in pages or unquote(parts.fragment) in pages[file].ids
            # "__..." are switches of the theme that its script makes.
            if not file.is_file() or not (named or parts.fragment.startswith("__")):
                broken.append((path.relative_to(site).as_posix(), target))
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    assert [target for page in pages.values() for target in page.loaded if urlsplit(target).netloc] == []
    styles = "".join(path.read_text() for path in site.rglob("*.css"))
    assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", styles)


def test_every_page_is_in_the_navigation(site: Path, pages: dict[Path, Page]) -> None:
    home = pages[site / "index.html"]
    linked = {urlsplit(target).path for target in home.links}
    missing = [page for page in PAGES if page != "index.md" and page.replace(".md", ".html") not in linked]
    assert missing == [], "add them to nav in mkdocs.yml"


@pytest.mark.parametrize("package", ["", ".automatic", ".clouds", ".datasets", ".evaluation", ".mesh"])
def test_every_public_name_has_an_entry(site: Path, package: str) -> None:
    inventory = zlib.decompress((site / "objects.inv").read_bytes().split(b"zlib.\n", 1)[1]).decode()
    entries = {line.split()[0] for line in inventory.splitlines()}
    module = import_module(f"point_sam{package}")
    assert [name for name in module.__all__ if f"{module.__name__}.{name}" not in entries] == []


def test_every_command_and_option_is_in_the_reference(site: Path) -> None:
    text = html.unescape(re.sub(r"<[^>]+>", "", (site / "api" / "commands.html").read_text()))
    for name, command in leaves(build(), "point-sam"):
        assert f"\n{name} [OPTIONS]" in text
        options = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
        assert [option for option in options if option not in text and option != "--help"] == []


def test_names_that_share_a_docstring_entry_have_a_row_each(site: Path) -> None:
    text = re.sub(r"<[^>]+>", " ", (site / "api" / "model.html").read_text())
    assert "coords, rgb" not in text
    assert "revision, cache_dir" not in text


def test_settings_of_training_are_explained(site: Path) -> None:
    text = re.sub(r"<[^>]+>", "", (site / "api" / "training.html").read_text())
    assert "Steps of the whole run." in text
    assert "setting(" not in text
