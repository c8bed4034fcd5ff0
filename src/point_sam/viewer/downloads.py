"""An export that goes to a browser instead of a folder."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from point_sam.viewer.asked import one_of
from point_sam.viewer.exporting import export, export_suffixes
from point_sam.viewer.objects import SegmentedObject
from point_sam.viewer.paths import safe_name
from point_sam.viewer.scene import Scene


class Download(NamedTuple):
    """A file to send.

    Attributes:
        name: for the browser's folder.
        content: all of it.
        remarks: for the person, as `export` gives them.
    """

    name: str
    content: bytes
    remarks: list[str]


def download(scene: Scene, objects: Sequence[SegmentedObject], suffix: str) -> Download:
    """The objects in a format, by suffix, as `export` writes them.

    Raises:
        ValueError: another suffix than `export_suffixes` names, a path for example; else, and ImportError and OSError,
            as `export`.
    """
    suffix = one_of(suffix, {known: known for known in export_suffixes(scene)}, "the format")
    with tempfile.TemporaryDirectory(prefix="point-sam-export-") as folder:
        path = Path(folder) / f"{Path(safe_name(scene.name)).stem}_objects{suffix}"
        remarks = export(path, scene, objects)
        return Download(path.name, path.read_bytes(), remarks)
