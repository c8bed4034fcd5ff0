import gzip
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from recipes.objects import packages
from recipes.objects.entries import Package
from recipes.objects.packages import PackageUnavailableError, installed_version, open_package

_WHEEL = Package("toy-models", "1.2", "pip", "", ())
_DEB = Package("sweethome3d-furniture", "1.8-1", "apt", "", ())


@pytest.fixture
def libraries(tmp_path: Path) -> Path:
    """A site as dpkg-deb leaves it, with one library of one file."""
    folder = tmp_path / "site" / "usr/share/sweethome3d/furniture"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "Chairs.sh3f", "w") as archive:
        archive.writestr("models/chair.obj", "v 0 0 0\n")
    notes = tmp_path / "site" / "usr/share/doc/sweethome3d-furniture"
    notes.mkdir(parents=True)
    (notes / "changelog.Debian.gz").write_bytes(gzip.compress(b"sweethome3d-furniture (1.8-1) unstable; urgency=low\n"))
    return tmp_path / "site"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Stands in for pip: records the call and installs the package."""
    calls: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        name, _, version = command[-1].partition("==")
        Path(command[command.index("--target") + 1], f"{name.replace('-', '_')}-{version}.dist-info").mkdir()
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(packages.subprocess, "run", run)
    return calls


def test_version_is_that_of_the_dist_info_however_the_name_is_spelt(tmp_path: Path) -> None:
    assert installed_version(_WHEEL, tmp_path) is None
    (tmp_path / "Toy_Models-1.1.dist-info").mkdir()
    (tmp_path / "toy_models_extra-9.dist-info").mkdir()
    assert installed_version(_WHEEL, tmp_path) == "1.1"


def test_package_is_fetched_once_in_the_pinned_version_and_without_its_dependencies(
    tmp_path: Path, client: list[list[str]]
) -> None:
    for _ in range(2):
        root = open_package(_WHEEL, tmp_path, tmp_path / "unpacked", fetch=True)
    assert (root.path, root.version) == (tmp_path, "1.2")
    assert len(client) == 1
    assert "--no-deps" in client[0]
    assert client[0][-1] == "toy-models==1.2"


def test_given_site_is_taken_at_whatever_version_and_nothing_is_fetched(
    tmp_path: Path, client: list[list[str]]
) -> None:
    (tmp_path / "toy_models-0.9.dist-info").mkdir()
    assert open_package(_WHEEL, tmp_path, tmp_path, fetch=False).version == "0.9"
    assert client == []


def test_package_that_a_given_site_lacks_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(PackageUnavailableError, match=r"toy-models is not in .*pip install --no-deps --target"):
        open_package(_WHEEL, tmp_path, tmp_path, fetch=False)


def test_failing_client_is_told_in_its_own_words_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "WARNING: Retrying\nERROR: No matching distribution found for toy-models==1.2\n"
    monkeypatch.setattr(
        packages.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1, "", said)
    )
    with pytest.raises(PackageUnavailableError, match=r"No matching distribution.*check the network.*--site") as error:
        open_package(_WHEEL, tmp_path, tmp_path, fetch=True)
    assert "\n" not in str(error.value)


def test_debian_package_elsewhere_than_on_debian_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "which", lambda name: None)
    with pytest.raises(PackageUnavailableError, match="Debian package and apt-get is not here"):
        open_package(_DEB, tmp_path, tmp_path, fetch=True)


def test_libraries_are_unpacked_once_and_the_site_is_left_alone(libraries: Path, tmp_path: Path) -> None:
    before = sorted(libraries.rglob("*"))
    for _ in range(2):
        root = open_package(_DEB, libraries, tmp_path / "unpacked", fetch=False)
    assert root.version == "1.8-1"
    assert sorted(str(path.relative_to(root.path)) for path in root.path.rglob("*.obj")) == ["Chairs/models/chair.obj"]
    assert [path.name for path in root.path.iterdir()] == ["Chairs"]
    assert sorted(libraries.rglob("*")) == before


def test_damaged_library_is_named(libraries: Path, tmp_path: Path) -> None:
    archive = libraries / "usr/share/sweethome3d/furniture/Chairs.sh3f"
    archive.write_bytes(archive.read_bytes()[:40])
    with pytest.raises(PackageUnavailableError, match=r"Chairs\.sh3f is damaged"):
        open_package(_DEB, libraries, tmp_path / "unpacked", fetch=False)
    assert list((tmp_path / "unpacked" / _DEB.name).iterdir()) == []
