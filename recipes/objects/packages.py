"""Getting the packages: by `pip install --target` and `apt-get download`, in processes of their own, nothing imported.

A site is a folder as these clients leave it: Python packages side by side, a Debian package's files under `usr/`.
"""

import gzip
import re
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from recipes.objects.entries import Package

LIBRARIES = Path("usr/share/sweethome3d/furniture")
_CHANGELOG = Path("usr/share/doc/sweethome3d-furniture/changelog.Debian.gz")
_TIMEOUT = 3600  # seconds; a package has up to 600 MB


class PackageUnavailableError(OSError):
    """A package is not in the site, or its client could not get it."""


@dataclass(frozen=True)
class Root:
    """Where a package's models lie.

    Attributes:
        path: the folder that `Entry.path` starts from.
        version: found there; "" where it does not say.
    """

    path: Path
    version: str


def open_package(package: Package, site: Path, unpacked: Path, *, fetch: bool) -> Root:
    """Find a package in a site, and unpack it where its models are in archives.

    Args:
        package: which, and at which version.
        site: where it is or goes.
        unpacked: folder for unpacked archives.
        fetch: get it if it is not there in the wanted version.

    Raises:
        PackageUnavailableError: it is not there and was not to be fetched, or could not be.
    """
    version = installed_version(package, site)
    if fetch and version != package.version:
        (fetch_pip if package.registry == "pip" else fetch_apt)(package, site)
        version = installed_version(package, site)
    if version is None:
        raise PackageUnavailableError(f"{package.name} is not in {site}; get it with: {manual(package, site)}")
    if package.registry == "pip":
        return Root(site, version)
    return Root(unpack_libraries(site / LIBRARIES, unpacked / package.name), version)


def installed_version(package: Package, site: Path) -> str | None:
    """The version that a site holds; "" where it does not say, None where the package is not there."""
    if package.registry == "apt":
        if not (site / LIBRARIES).is_dir():
            return None
        return _changelog_version(site / _CHANGELOG)
    stem = re.sub(r"[-_.]+", "_", package.name).lower()
    for folder in site.glob("*.dist-info"):
        name, _, version = folder.name.removesuffix(".dist-info").rpartition("-")
        if re.sub(r"[-_.]+", "_", name).lower() == stem:
            return version
    return None


def manual(package: Package, site: Path) -> str:
    """The command that puts a package into a site."""
    if package.registry == "pip":
        return f"pip install --no-deps --target {site} {package.name}=={package.version}"
    return f"apt-get download {package.name} && dpkg-deb -x {package.name}_*.deb {site}"


def fetch_pip(package: Package, site: Path) -> None:
    """Install a Python package's files into a site, without what it depends on.

    Raises:
        PackageUnavailableError: pip is missing, or could not get it.
    """
    arguments = ["--no-deps", "--no-compile", "--upgrade", "--disable-pip-version-check", "--quiet"]
    requirement = f"{package.name}=={package.version}"
    _run(package, [sys.executable, "-m", "pip", "install", *arguments, "--target", str(site), requirement], site)


def fetch_apt(package: Package, site: Path) -> None:
    """Download a Debian package and unpack it into a site, without installing it.

    Raises:
        PackageUnavailableError: this is no Debian, or apt-get could not get it.
    """
    for client in ("apt-get", "dpkg-deb"):
        if which(client) is None:
            raise PackageUnavailableError(
                f"{package.name} is a Debian package and {client} is not here; on a Debian: {manual(package, site)}"
            )
    with tempfile.TemporaryDirectory() as folder:
        _run(package, ["apt-get", "download", package.name], site, folder)
        for archive in Path(folder).glob("*.deb"):
            _run(package, ["dpkg-deb", "-x", str(archive), str(site)], site)


def unpack_libraries(libraries: Path, target: Path) -> Path:
    """Unpack every `NAME.sh3f` (a ZIP) of a folder as `target/NAME`, once; `target` is given back.

    Raises:
        PackageUnavailableError: there are none, or one is damaged.
    """
    archives = sorted(libraries.glob("*.sh3f"))
    if not archives:
        raise PackageUnavailableError(f"{libraries} holds no .sh3f libraries")
    target.mkdir(parents=True, exist_ok=True)
    for archive in archives:
        if (target / archive.stem).exists():
            continue
        with tempfile.TemporaryDirectory(dir=target) as folder:
            try:
                zipfile.ZipFile(archive).extractall(folder)
            except (zipfile.BadZipFile, EOFError) as err:
                raise PackageUnavailableError(f"{archive} is damaged: {err}") from err
            complete = Path(folder).rename(target / archive.stem)
            complete.chmod(0o755)
            Path(folder).mkdir()  # for TemporaryDirectory to remove
    return target


def _run(package: Package, command: list[str], site: Path, folder: str | None = None) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as err:
        raise PackageUnavailableError(f"{package.name}: {command[0]} did not finish: {err}") from err
    if done.returncode != 0:
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        errors = [line for line in said if "rror" in line] or said or ["no message"]
        raise PackageUnavailableError(
            f"{package.name}=={package.version} could not be fetched: {errors[-1].strip()[:200]}; check the network, "
            f"or give --site DIR, a folder that has it, made by: {manual(package, Path('DIR'))}"
        )


def _changelog_version(path: Path) -> str:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            found = re.match(r"\S+ \(([^)]+)\)", file.readline())
    except (OSError, EOFError):
        return ""
    return found.group(1) if found else ""
