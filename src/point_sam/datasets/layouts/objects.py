"""The object collection that `tiny` is trained on: one NPZ holds all objects, a JSON list beside it describes them.

Arrays, R objects of P points: `xyz` int16 [R, P, 3] (divide by 32767: the unit ball), `rgb` uint8 [R, P, 3], `part` and
`part_fine` uint8 [R, P], `visible` uint8 [R, P/8] packed bits. A row of the JSON has at least `name`, `family` and
`has_colour`; `package`, `pose` and more where they are known.
"""

import json
import zipfile
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from point_sam.clouds import PointCloudError
from point_sam.datasets.labeled import LabeledCloud
from point_sam.datasets.opening import Layout

_ARRAYS = ("xyz", "rgb", "part", "part_fine", "visible")
_FILE = "objects.npz"  # looked for where a folder is given


@dataclass(frozen=True, eq=False)
class ObjectCollection:
    """Rows of the NPZ, all held in memory as stored.

    Attributes:
        arrays: by name, one entry per object.
        rows: the JSON's description of each object.
    """

    arrays: dict[str, np.ndarray]
    rows: list[dict[str, Any]]

    @staticmethod
    def read(path: str | Path) -> "ObjectCollection":
        """Read an NPZ and the JSON of the same name, or the `objects.npz` of a folder.

        Raises:
            FileNotFoundError: either file is missing.
            PointCloudError: one of them cannot be read, or they do not hold the same number of objects.
        """
        path = _archive(Path(path))
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file")
        rows = _read_rows(path.with_suffix(".json"))
        try:
            with np.load(path) as archive:
                arrays = {name: archive[name] for name in _ARRAYS}
        except (KeyError, ValueError, EOFError, OSError, zipfile.BadZipFile) as err:
            raise PointCloudError(
                f"{path}: is no collection of objects with arrays {' '.join(_ARRAYS)}: {err}"
            ) from err
        if len(rows) != len(arrays["xyz"]):
            raise PointCloudError(f"{path}: {len(arrays['xyz'])} objects but its JSON describes {len(rows)}")
        return ObjectCollection(arrays, rows)

    @cached_property
    def names(self) -> list[str]:
        """PACKAGE/NAME/POSE, of which each row has at least the name."""
        return ["/".join(str(row[key]) for key in ("package", "name", "pose") if key in row) for row in self.rows]

    @cached_property
    def families(self) -> list[str]:
        """As the rows have them."""
        return [row["family"] for row in self.rows]

    @cached_property
    def packages(self) -> list[str]:
        """As the rows have them; empty where one names none."""
        return [str(row.get("package", "")) for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> LabeledCloud:
        """One object; xyz in the unit ball, granularities `part` and `part_fine`."""
        row = self.rows[index]
        xyz = self.arrays["xyz"][index].astype(np.float32) / 32767
        return LabeledCloud(
            xyz,
            self.arrays["rgb"][index] if row["has_colour"] else None,
            {"part": self.arrays["part"][index], "part_fine": self.arrays["part_fine"][index]},
            np.unpackbits(self.arrays["visible"][index])[: len(xyz)].astype(bool),
            name=self.names[index],
            family=row["family"],
        )

    def split(self, name: str) -> list[int]:
        """Row numbers; "val" are the families of `validation_families`, "train" all others.

        Raises:
            ValueError: another name than train, val, all.
        """
        if name == "all":
            return list(range(len(self)))
        if name not in ("train", "val"):
            raise ValueError(f"a collection of objects has no split {name!r}; it has train, val and all")
        held_out = validation_families()
        return [i for i, family in enumerate(self.families) if (family in held_out) == (name == "val")]


def validation_families() -> set[str]:
    """Families that the shipped `tiny` was never trained on, as listed in `validation_families.txt`."""
    text = resources.files("point_sam.datasets").joinpath("validation_families.txt").read_text()
    return {line for line in text.splitlines() if line and not line.startswith("#")}


def _archive(path: Path) -> Path:
    return path / _FILE if path.is_dir() else path


def _read_rows(path: Path) -> list[dict[str, Any]]:
    try:
        rows = json.loads(path.read_text())
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file; it describes the objects of the NPZ") from None
    except ValueError as err:
        raise PointCloudError(f"{path}: is not JSON: {err}") from err
    wanted = ("name", "family", "has_colour")
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and all(key in row for key in wanted) for row in rows
    ):
        raise PointCloudError(f"{path}: expected a list of objects, each with {', '.join(wanted)}")
    return rows


def _detect(path: Path) -> bool:
    archive = _archive(path)
    return archive.suffix == ".npz" and archive.is_file() and archive.with_suffix(".json").is_file()


LAYOUT = Layout(
    "objects",
    "objects.npz with objects.json beside it, as `python -m recipes.objects` writes them",
    _detect,
    ObjectCollection.read,
)
