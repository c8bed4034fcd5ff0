"""All clouds in one file, with what describes, identifies and credits them beside it.

`objects.npz` and `objects.json` are what `datasets.layouts.objects` reads.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from point_sam.atomic import write_atomically
from recipes.objects.clouds import ARRAYS, ObjectCloud
from recipes.objects.entries import Package
from recipes.objects.hashes import Hashes, format_hashes


def in_order(clouds: Sequence[ObjectCloud]) -> list[ObjectCloud]:
    """By package and name, the rest pose first, however they were built."""
    return sorted(clouds, key=lambda cloud: (cloud.row["package"], cloud.row["name"], cloud.row["pose"] != "rest"))


def write_collection(
    out: Path, clouds: Sequence[ObjectCloud], hashes: Hashes, packages: Sequence[tuple[Package, str]]
) -> None:
    """Write the four files of a collection into a folder.

    Args:
        out: an existing folder; older files are replaced.
        clouds: at least one, in order.
        hashes: of the clouds.
        packages: where they are from, with the version that was found.

    Raises:
        OSError: a file cannot be written.
    """
    arrays = {name: np.stack([getattr(cloud, name) for cloud in clouds]) for name in ARRAYS}
    rows = json.dumps([dict(cloud.row) for cloud in clouds], indent=1)
    texts = {
        "objects.json": rows + "\n",
        "objects.sha256": format_hashes(hashes),
        "ATTRIBUTION.md": attribution(clouds, packages),
    }
    write_atomically(out / "objects.npz", lambda file: np.savez_compressed(file, **arrays))  # type: ignore[arg-type]
    for name, text in texts.items():
        _write_text(out / name, text)


def attribution(clouds: Sequence[ObjectCloud], packages: Sequence[tuple[Package, str]]) -> str:
    """Where the clouds are from and under which licences, as Markdown."""
    lines = [
        "# Where these objects are from",
        "",
        "Each cloud was made from a 3D model that the package carries: points were drawn on its surface, moved and",
        "scaled to the unit ball, and labelled by the parts of the model. `objects.json` states every row's package,",
        "name and licence.",
        "",
        "| package | version | licence | objects | clouds |",
        "|---|---|---|---:|---:|",
    ]
    for package, version in packages:
        lines += _rows(package, version, [cloud.row for cloud in clouds if cloud.row["package"] == package.name])
    notices = [f"- {package.name}: {package.notice}" for package, _ in packages if package.notice]
    return "\n".join([*lines, *(["", "Notes", "", *notices] if notices else [])]) + "\n"


def _rows(package: Package, version: str, rows: Sequence[Mapping[str, object]]) -> list[str]:
    told = []
    for license in sorted({str(row["license"]) for row in rows}):
        under = [row for row in rows if row["license"] == license]
        objects = len({row["name"] for row in under})
        told.append(f"| {package.name} | {version or 'not stated'} | {license} | {objects} | {len(under)} |")
    return told


def _write_text(path: Path, text: str) -> None:
    write_atomically(path, lambda file: file.write(text.encode()))
