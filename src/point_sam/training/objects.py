"""Labelled objects: the collection that `tiny` is trained on, split by family.

One NPZ holds all objects as arrays [R, P, ...]; a JSON list beside it gives each row's name, family, package, licence.
"""

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Integer, UInt8

# A part with fewer points of a whole object is too small to be judged (the collection's own limit).
MIN_MASK_POINTS = 50
# A mask of nearly everything asks for no segmentation.
MAX_MASK_SHARE = 0.95


@dataclass(frozen=True)
class LabeledCloud:
    """A cloud whose every point belongs to one part, at two granularities.

    Attributes:
        xyz: float32, any units.
        rgb: colours, or None where the source has none.
        part: label of the coarse part.
        part_fine: label of the fine part.
        visible: points that a viewer outside the object can see; None where unknown.
    """

    xyz: Float[np.ndarray, "N 3"]
    rgb: UInt8[np.ndarray, "N 3"] | None
    part: Integer[np.ndarray, " N"]
    part_fine: Integer[np.ndarray, " N"]
    visible: Bool[np.ndarray, " N"] | None = None


@dataclass(frozen=True)
class ObjectCollection:
    """Rows of the NPZ, read into memory as stored."""

    arrays: dict[str, np.ndarray]
    rows: list[dict[str, Any]]

    @staticmethod
    def read(path: str | Path) -> "ObjectCollection":
        """Read `path` (an NPZ) and the JSON of the same name.

        Raises:
            FileNotFoundError: either file is missing.
            ValueError: the two do not hold the same number of rows.
        """
        path = Path(path)
        rows = json.loads(path.with_suffix(".json").read_text())
        with np.load(path) as archive:
            arrays = {name: archive[name] for name in ("xyz", "rgb", "part", "part_fine", "visible")}
        if len(rows) != len(arrays["xyz"]):
            raise ValueError(f"{path} has {len(arrays['xyz'])} objects but its JSON describes {len(rows)}")
        return ObjectCollection(arrays, rows)

    def __len__(self) -> int:
        return len(self.rows)

    def cloud(self, row: int) -> LabeledCloud:
        """One object; xyz in the unit ball."""
        xyz = self.arrays["xyz"][row].astype(np.float32) / 32767
        rgb = self.arrays["rgb"][row] if self.rows[row]["has_colour"] else None
        visible = np.unpackbits(self.arrays["visible"][row])[: len(xyz)].astype(bool)
        return LabeledCloud(xyz, rgb, self.arrays["part"][row], self.arrays["part_fine"][row], visible)

    def split(self) -> tuple[list[int], list[int]]:
        """Row numbers for training and for validation; no family is in both."""
        held_out = validation_families()
        training = [i for i, row in enumerate(self.rows) if row["family"] not in held_out]
        validation = [i for i, row in enumerate(self.rows) if row["family"] in held_out]
        return training, validation


def validation_families() -> set[str]:
    """Families never trained on, as listed in `validation_families.txt`."""
    text = resources.files("point_sam.training").joinpath("validation_families.txt").read_text()
    return {line for line in text.splitlines() if line and not line.startswith("#")}


def part_masks(
    cloud: LabeledCloud, *, min_points: int = MIN_MASK_POINTS, max_share: float = MAX_MASK_SHARE
) -> Bool[np.ndarray, "M N"]:
    """Every part of both granularities as a mask; equal masks once, coarse first.

    Args:
        cloud: the labelled cloud.
        min_points: smaller masks are left out.
        max_share: masks of a larger share of the points are left out.
    """
    found: dict[bytes, np.ndarray] = {}
    for labels in (cloud.part, cloud.part_fine):
        for label in np.unique(labels):
            mask = labels == label
            if min_points <= mask.sum() <= max_share * len(mask):
                found.setdefault(np.packbits(mask).tobytes(), mask)
    return np.stack(list(found.values())) if found else np.zeros((0, len(cloud.xyz)), bool)
