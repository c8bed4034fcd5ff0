"""Rows of numbers in text: bounded, streamed, parsed by numpy.

Shared by the formats that have them. The file is looked over once before anything is parsed, so that numpy never meets
a line of gigabytes, a count that the file cannot hold, or bytes that are not text.
"""

import io
import re
import warnings
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from point_sam.clouds.cloud import PointCloudError

MAX_LINE = 65536  # bytes; numpy keeps some 20 bytes per byte of the line it is reading
_CHUNK = 1 << 20


class CellError(PointCloudError):
    """A cell that its column (counted from 1) cannot hold."""

    def __init__(self, message: str, column: int):
        super().__init__(message)
        self.column = column


@dataclass(frozen=True)
class TextScan:
    """What one pass over the rest of a text file found."""

    lines: int  # those with anything but spaces in them are at most as many
    has_hash: bool
    has_slashes: bool


def scan_text(file: BinaryIO) -> TextScan:
    """Look over a file from its position to its end, and come back to that position.

    Raises:
        PointCloudError: a NUL byte or a line over `MAX_LINE`.
    """
    start = file.tell()
    position, last_break, breaks = start, start - 1, 0
    has_hash = has_slashes = False
    tail = b""
    while chunk := file.read(_CHUNK):
        if b"\0" in chunk:
            raise PointCloudError(f"is not text: a NUL byte at byte {position + chunk.index(0)}")
        array = np.frombuffer(chunk, dtype=np.uint8)
        ends = np.flatnonzero((array == 10) | (array == 13)) + position
        stops = np.concatenate([[last_break], ends, [position + len(chunk)]])
        gaps = np.diff(stops)
        if gaps.max() > MAX_LINE:
            where = int(stops[int(gaps.argmax())]) + 1
            raise PointCloudError(
                f"the line at byte {where} is longer than {MAX_LINE} bytes; is this a table of points?"
            )
        has_hash = has_hash or b"#" in chunk
        has_slashes = has_slashes or b"//" in tail + chunk
        tail = chunk[-1:]
        breaks += len(ends)
        last_break = int(ends[-1]) if len(ends) else last_break
        position += len(chunk)
    file.seek(start)
    return TextScan(breaks + (position > last_break + 1), has_hash, has_slashes)


def parse_rows(
    file: BinaryIO,
    dtype: np.dtype,
    *,
    rows: int | None = None,
    delimiter: str | None = None,
    comments: tuple[str, ...] = (),
    whole_floats: bool = True,
) -> np.ndarray:
    """The next rows of a text file, one column per field of `dtype`.

    Args:
        file: at the first row, after `scan_text` has passed it.
        dtype: a record of scalars.
        rows: how many there must be; None for all.
        delimiter: None for any white space.
        comments: marks after which a line counts no more.
        whole_floats: let integer columns take numbers written like 255.0 too.

    Returns:
        Records, [rows].

    Raises:
        CellError: something that is no number, or does not fit the column's dtype.
        PointCloudError: a row too short or too long, too few rows.
    """
    start = file.tell()
    try:
        table = _load(file, dtype, rows, delimiter, comments)
    except ValueError as first:
        if not whole_floats or all(dtype[name].kind == "f" for name in dtype.names or ()):
            raise _explain(first) from first
        file.seek(start)
        table = _load_whole_floats(file, dtype, rows, delimiter, comments, first)
    if rows is not None and len(table) < rows:
        raise PointCloudError(f"ends after {len(table)} of {rows} rows of points; the file is cut short")
    return table


def _load(
    file: BinaryIO, dtype: np.dtype, rows: int | None, delimiter: str | None, comments: tuple[str, ...]
) -> np.ndarray:
    # Latin-1 cannot fail; what is not ASCII is not a number either and is reported as such.
    text = io.TextIOWrapper(file, encoding="latin-1", newline=None)
    try:
        with warnings.catch_warnings():
            # Older numpy cuts 4.5 to 4 in an integer column and only warns.
            warnings.simplefilter("error", DeprecationWarning)
            warnings.filterwarnings("ignore", message=".*contained no data", category=UserWarning)
            return np.loadtxt(text, dtype=dtype, comments=comments or None, delimiter=delimiter, max_rows=rows, ndmin=1)
    except DeprecationWarning as err:
        raise ValueError(str(err)) from err
    finally:
        text.detach()


def _load_whole_floats(
    file: BinaryIO,
    dtype: np.dtype,
    rows: int | None,
    delimiter: str | None,
    comments: tuple[str, ...],
    first: ValueError,
) -> np.ndarray:
    """Integers written as 255.0: all columns once more as floats, then back where that loses nothing."""
    names = list(dtype.names or ())
    try:
        floats = _load(file, np.dtype([(name, "f8") for name in names]), rows, delimiter, comments)
    except ValueError as err:
        raise _explain(err) from err
    table = np.empty(len(floats), dtype=dtype)
    for name in names:
        with np.errstate(invalid="ignore"):
            table[name] = floats[name]
        whole = np.array_equal(table[name].astype(np.float64), floats[name]) and np.abs(floats[name]).max() <= 2**53
        if dtype[name].kind in "iu" and not whole:
            raise _explain(first) from first
    return table


def _explain(err: ValueError) -> PointCloudError:
    """numpy's message in terms of the file."""
    text = str(err)
    if match := re.search(r"could not convert string '(.*)' to (\w+) at row (\d+), column (\d+)", text, re.DOTALL):
        cell, dtype, row, column = match[1][:40], match[2], int(match[3]) + 1, int(match[4])
        return CellError(f"data row {row}, column {column}: {cell!r} is not a number that fits {dtype}", column)
    if match := re.search(r"requires (\d+) columns? but (\d+) (?:was|were) found at row (\d+)", text):
        return PointCloudError(f"data row {match[3]} has {match[2]} columns; expected {match[1]}")
    return PointCloudError(f"the rows of points cannot be parsed: {text}")


def skip_lines(file: BinaryIO, count: int) -> None:
    """Step over the next `count` lines that are not blank, whatever ends them."""
    position = file.tell()
    pending = b""
    while count > 0 and (chunk := file.read(_CHUNK)):
        block = pending + chunk
        *lines, pending = block.replace(b"\r\n", b" \n").replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            position += len(line) + 1
            count -= bool(line.strip())
            if count == 0:
                break
    file.seek(position)
