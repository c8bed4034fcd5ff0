"""From an entry of the catalogue to its clouds: read, label, sample, look from outside, quantise."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int16, Integer, UInt8

from point_sam.mesh.colors import UNKNOWN
from recipes.objects.entries import Entry
from recipes.objects.pieces import Model, UnusableModelError
from recipes.objects.readers import read_entry
from recipes.objects.sampling import Sample, sample_model, stream
from recipes.objects.visibility import seen_from_outside

POINTS = 6144  # of each cloud: three times what `tiny` is trained on, so that every epoch sees other ones
UNIT = 32767  # int16 steps to the radius of the unit ball
MOST_LABELS = 256
ARRAYS = ("xyz", "rgb", "part", "part_fine", "visible")


@dataclass(frozen=True, eq=False)
class ObjectCloud:
    """One row of the collection.

    Attributes:
        row: its description: name, family, package, category, license, label_kind, has_colour, pose.
        xyz: minus the mean, over the largest norm, times `UNIT`.
        rgb: colours.
        part, part_fine: labels 0, 1, ...
        visible: packed bits, one per point: seen from outside.
    """

    row: Mapping[str, Any]
    xyz: Int16[np.ndarray, "P 3"]
    rgb: UInt8[np.ndarray, "P 3"]
    part: UInt8[np.ndarray, " P"]
    part_fine: UInt8[np.ndarray, " P"]
    visible: UInt8[np.ndarray, " Q"]

    @property
    def key(self) -> str:
        """PACKAGE/NAME/POSE."""
        return f"{self.row['package']}/{self.row['name']}/{self.row['pose']}"


def build_entry(root: Path, entry: Entry) -> list[ObjectCloud]:
    """The clouds of an entry: at rest and, where joints move, in one random pose within their limits.

    The same files give the same clouds, in whatever order and number of processes.

    Args:
        root: of its package.
        entry: which model.

    Raises:
        UnusableModelError: its rest pose has fewer than three parts, too many, or too little of it is there.
        ValueError, OSError: its files are damaged or missing.
        ImportError: what reads them is not installed.
    """
    rest = read_entry(root, entry)
    clouds = [_cloud(rest, entry, "rest")]
    if rest.movable:
        moved = read_entry(root, entry, stream(entry.key, "pose"))
        clouds.append(_cloud(moved, entry, "random"))
    return clouds


def save_clouds(file: Any, clouds: list[ObjectCloud], fingerprint: str) -> None:
    """Write the clouds of one entry into an open binary file; see `load_clouds`."""
    about = json.dumps({"fingerprint": fingerprint, "rows": [dict(cloud.row) for cloud in clouds]})
    arrays = {name: np.stack([getattr(cloud, name) for cloud in clouds]) for name in ARRAYS}
    np.savez_compressed(file, about=np.array(about), **arrays)  # type: ignore[arg-type]


def load_clouds(path: Path, fingerprint: str) -> list[ObjectCloud] | None:
    """The clouds that `save_clouds` wrote; None where the file is of another making, damaged or not there."""
    try:
        with np.load(path) as archive:
            about = json.loads(str(archive["about"]))
            if about["fingerprint"] != fingerprint:
                return None
            arrays = {name: archive[name] for name in ARRAYS}
    except Exception:  # zipfile, zlib and json have no error in common; whatever it is, the object is built anew
        return None
    rows = about["rows"]
    return [ObjectCloud(row, **{name: arrays[name][i] for name in ARRAYS}) for i, row in enumerate(rows)]


def _cloud(model: Model, entry: Entry, pose: str) -> ObjectCloud:
    generator = stream(entry.key, pose, "sample")
    sample = sample_model(model, generator)
    chosen = generator.choice(len(sample.xyz), POINTS, replace=False)
    xyz, rgb = sample.xyz[chosen], sample.rgb[chosen]
    centered = xyz - xyz.mean(axis=0)
    radius = np.linalg.norm(centered, axis=1).max()
    if not radius > 0:
        raise UnusableModelError("all of its surface is one point")
    row = {
        "name": entry.name,
        "family": entry.family,
        "package": entry.package,
        "category": entry.category,
        "license": entry.license,
        "label_kind": sample.label_kind,
        "has_colour": bool(sample.has_color and (rgb != np.asarray(UNKNOWN.rgb)).any()),
        "pose": pose,
    }
    return ObjectCloud(
        row,
        np.round(centered / radius * UNIT).astype(np.int16),
        rgb,
        _labels(sample.part[chosen], sample),
        _labels(sample.part_fine[chosen], sample),
        np.packbits(seen_from_outside(sample.surface, xyz)),
    )


def _labels(labels: Integer[np.ndarray, " P"], sample: Sample) -> UInt8[np.ndarray, " P"]:
    """Numbered anew: a small part may have no point among those chosen."""
    met, numbered = np.unique(labels, return_inverse=True)
    if len(met) > MOST_LABELS:
        raise UnusableModelError(f"{len(met)} {sample.label_kind} parts; a label is one byte")
    return numbered.astype(np.uint8)
