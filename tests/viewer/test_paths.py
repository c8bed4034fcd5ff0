from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from point_sam.viewer.paths import inside, safe_name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "started"
    (folder / "deeper").mkdir(parents=True)
    (folder / "deeper" / "scan.ply").touch()
    (tmp_path / "secret.ply").touch()
    (tmp_path / "started_not").mkdir()
    (tmp_path / "started_not" / "scan.ply").touch()
    return folder


def test_a_file_in_the_folder_is_found_by_either_path(folder: Path) -> None:
    wanted = folder / "deeper" / "scan.ply"
    assert inside(folder, "deeper/scan.ply") == wanted
    assert inside(folder, "  deeper/../deeper/scan.ply ") == wanted
    assert inside(folder, str(wanted)) == wanted


@pytest.mark.parametrize(
    "typed",
    [
        "../secret.ply",
        "deeper/../../secret.ply",
        "../started_not/scan.ply",
        "../none.ply",
        "/etc/passwd",
        ".",
        "/",
        "a\0",
    ],
)
def test_what_lies_outside_is_refused_whether_it_is_there_or_not(folder: Path, typed: str) -> None:
    with pytest.raises(ValueError, match=r"outside|first"):
        inside(folder, typed)


def test_a_link_that_leads_out_is_refused(folder: Path) -> None:
    (folder / "link.ply").symlink_to(folder.parent / "secret.ply")
    (folder / "up").symlink_to(folder.parent)
    (folder / "circle").symlink_to(folder / "circle")
    for typed in ("link.ply", "up/secret.ply"):
        with pytest.raises(ValueError, match="outside"):
            inside(folder, typed)
    with pytest.raises((ValueError, FileNotFoundError)):
        inside(folder, "circle")


@pytest.mark.parametrize("typed", ["none.ply", "deeper"])
def test_what_is_no_file_is_said_to_be_none(folder: Path, typed: str) -> None:
    with pytest.raises(FileNotFoundError, match="no such file in started"):
        inside(folder, typed)


def test_nothing_typed_is_told(folder: Path) -> None:
    with pytest.raises(ValueError, match="type the path"):
        inside(folder, " ")


@given(st.text(max_size=200))
def test_an_uploads_name_stays_in_its_folder(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert not safe.startswith(".")
    assert Path("/folder", safe).parent == Path("/folder")
    assert len(safe.encode()) <= 100


def test_a_name_in_long_characters_can_be_written(tmp_path: Path) -> None:
    (tmp_path / (safe_name("\N{CJK UNIFIED IDEOGRAPH-70B9}" * 90 + ".ply") + "_objects.json")).touch()
    assert safe_name("a" * 96 + "." + "b" * 99) == "b" * 99


def test_a_path_that_no_file_can_have_is_told_without_the_folders_place(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file in started") as long:
        inside(folder, "a" * 300)
    assert str(folder.parent) not in str(long.value)
    with pytest.raises(ValueError, match="the path has 2,000,000 characters"):
        inside(folder, "a" * 2_000_000)


def test_an_uploads_suffix_stays() -> None:
    assert safe_name("C:\\scans\\my scan (1).PLY") == "my_scan__1_.PLY"
    assert safe_name("../../etc/passwd") == "passwd"
