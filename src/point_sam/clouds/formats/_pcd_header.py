"""The header of a PCD file (version 0.7 and the older ones alike)."""

import math
import re
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from point_sam.clouds.cloud import PointCloudError

MAX_HEADER = 1 << 18  # bytes
_DTYPES = {
    **{("I", size): f"<i{size}" for size in (1, 2, 4, 8)},
    **{("U", size): f"<u{size}" for size in (1, 2, 4, 8)},
    **{("F", size): f"<f{size}" for size in (4, 8)},
}
_KEYWORDS = ("VERSION", "FIELDS", "COLUMNS", "SIZE", "TYPE", "COUNT", "WIDTH", "HEIGHT", "VIEWPOINT", "POINTS", "DATA")
_ENCODINGS = ("ascii", "binary", "binary_compressed")


@dataclass(frozen=True)
class Field:
    """A column of `count` values per point. Padding has the name "_" and is not kept."""

    name: str
    dtype: np.dtype
    count: int


@dataclass(frozen=True)
class Header:
    """What the header says; `encoding` is one of ascii, binary, binary_compressed."""

    fields: list[Field]
    points: int
    encoding: str
    comments: list[str]

    @property
    def point_size(self) -> int:
        """Bytes of one point in the binary encodings."""
        return sum(field.dtype.itemsize * field.count for field in self.fields)


def read_header(file: BinaryIO) -> Header:
    """Parse the header of a file that stands at its beginning, and leave it at the data.

    Raises:
        PointCloudError: no DATA line, or an entry that is missing, wrong, or at odds with another.
    """
    head = file.read(MAX_HEADER)
    entries: dict[str, list[str]] = {}
    comments: list[str] = []
    position = 0
    for raw in head.splitlines(keepends=True):
        position += len(raw)
        line = raw.decode("utf-8", errors="backslashreplace").strip()
        if line.startswith("#"):
            comments.append(line[1:].strip())
            continue
        if not line:
            continue
        keyword, *values = line.split()
        if keyword not in _KEYWORDS:
            raise PointCloudError(f"header: {line[:80]!r} is no PCD header line; is this a PCD file?")
        keyword = "FIELDS" if keyword == "COLUMNS" else keyword
        if keyword in entries:
            raise PointCloudError(f"header: {keyword} stands there twice")
        entries[keyword] = values
        if keyword == "DATA":
            if not raw.endswith((b"\n", b"\r")):
                break
            file.seek(position)
            return _check(entries, comments)
    raise PointCloudError(f"header: no complete DATA line within the first {len(head)} bytes")


def _check(entries: dict[str, list[str]], comments: list[str]) -> Header:
    encoding = " ".join(entries["DATA"]).lower()
    if encoding not in _ENCODINGS:
        raise PointCloudError(f"header: DATA {encoding!r} is none of {', '.join(_ENCODINGS)}")
    return Header(_fields(entries), _points(entries), encoding, comments)


def _fields(entries: dict[str, list[str]]) -> list[Field]:
    names = entries.get("FIELDS", [])
    if not names:
        raise PointCloudError("header: no FIELDS")
    per_field = {"SIZE": entries.get("SIZE", []), "TYPE": entries.get("TYPE", [])}
    per_field["COUNT"] = entries.get("COUNT", ["1"] * len(names))
    for keyword, values in per_field.items():
        if len(values) != len(names):
            raise PointCloudError(f"header: {keyword} has {len(values)} entries for {len(names)} FIELDS")
    fields: list[Field] = []
    seen: set[str] = set()
    for name, size, type, count in zip(names, *per_field.values(), strict=True):
        dtype = _DTYPES.get((type.upper(), _number("SIZE", size)))
        if dtype is None:
            raise PointCloudError(f"header: field {name!r}: TYPE {type} with SIZE {size} is unknown")
        if _number("COUNT", count) < 1:
            raise PointCloudError(f"header: field {name!r}: COUNT {count}; expected 1 or more")
        if name != "_" and name in seen:
            raise PointCloudError(f"header: FIELDS has {name!r} twice")
        seen.add(name)
        fields.append(Field(name, np.dtype(dtype), _number("COUNT", count)))
    return fields


def _points(entries: dict[str, list[str]]) -> int:
    sizes = {}
    for keyword in ("WIDTH", "HEIGHT", "POINTS"):
        if keyword in entries:
            values = entries[keyword]
            sizes[keyword] = _number(keyword, values[0] if len(values) == 1 else " ".join(values))
    if not {"WIDTH", "HEIGHT"} <= sizes.keys() and "POINTS" not in sizes:
        raise PointCloudError("header: neither POINTS nor WIDTH and HEIGHT")
    grid = math.prod(sizes.get(keyword, 1) for keyword in ("WIDTH", "HEIGHT")) if "WIDTH" in sizes else None
    points = sizes.get("POINTS", grid)
    if grid is not None and grid != points:
        raise PointCloudError(f"header: WIDTH x HEIGHT is {grid}, POINTS is {points}; they must be equal")
    if not points:
        raise PointCloudError("header: 0 points")
    return points


def _number(keyword: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise PointCloudError(f"header: {keyword} {text[:40]!r} is not a whole number")
    return int(text)
