"""Hashes of the clouds, so that two builds can be compared without the data.

A line for each cloud: the hash of points, colours and labels, the hash of what is seen from outside, and the cloud's
key. They are apart because ray casting alone is in single precision, whose last bit may depend on the processor.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipes.objects.clouds import ObjectCloud

Hashes = Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Comparison:
    """Keys of a build set against those of the reference build.

    Attributes:
        identical: everything is the same.
        other_visibility: only what is seen from outside differs.
        changed: points, colours or labels differ.
        missing: in the reference, not in the build.
        new: in the build, not in the reference.
    """

    identical: list[str]
    other_visibility: list[str]
    changed: list[str]
    missing: list[str]
    new: list[str]


def hash_cloud(cloud: ObjectCloud) -> tuple[str, str]:
    """SHA-256 of the points with colours and labels, and of the visibility, in hexadecimal."""
    points = (np.ascontiguousarray(cloud.xyz, "<i2"), cloud.rgb, cloud.part, cloud.part_fine)
    return _sha256(points), _sha256([cloud.visible])


def format_hashes(hashes: Hashes) -> str:
    """The text of a list of hashes, by key."""
    return "".join(f"{points} {visible} {key}\n" for key, (points, visible) in sorted(hashes.items()))


def parse_hashes(text: str) -> dict[str, tuple[str, str]]:
    """The inverse of `format_hashes`."""
    rows = (line.split(" ", 2) for line in text.splitlines() if line)
    return {key: (points, visible) for points, visible, key in rows}


def reference_hashes() -> dict[str, tuple[str, str]]:
    """The hashes of the reference build."""
    return parse_hashes((Path(__file__).parent / "reference_hashes.txt").read_text())


def compare(built: Hashes, reference: Hashes, entries: Collection[str]) -> Comparison:
    """Set a build against a reference.

    Args:
        built: its hashes by PACKAGE/NAME/POSE.
        reference: likewise.
        entries: PACKAGE/NAME of what was to be built; the rest of the reference is not missed.
    """
    both = sorted(set(built) & set(reference))
    wanted = {key for key in reference if key.rpartition("/")[0] in entries}
    same_points = [key for key in both if built[key][0] == reference[key][0]]
    return Comparison(
        identical=[key for key in same_points if built[key] == reference[key]],
        other_visibility=[key for key in same_points if built[key] != reference[key]],
        changed=[key for key in both if key not in set(same_points)],
        missing=sorted(wanted - set(built)),
        new=sorted(set(built) - set(reference)),
    )


def _sha256(arrays: Iterable[np.ndarray]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
