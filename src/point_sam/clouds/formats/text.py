"""Tables of points in text: .xyz, .txt (white space) and .csv (commas); any delimiter is read from any of them."""

import re
from itertools import islice
from typing import BinaryIO

import numpy as np

from point_sam.clouds.cloud import PointCloud, PointCloudError
from point_sam.clouds.columns import cloud_from_columns, columns_from_cloud, parse_hints
from point_sam.clouds.registry import Format, RawCloud
from point_sam.clouds.texttable import MAX_LINE, CellError, parse_rows, scan_text

_MARKS = ("#", "//")
_MAX_COLUMNS = 1024
_MAX_PREAMBLE = 1000  # lines of comments before the points
_SAMPLE_LINES, _SAMPLE_BYTES = 1000, 1 << 18  # looked at to tell integer columns from others
_INTEGER = re.compile(rb"[+-]?[0-9]{1,20}")
_MAX_WIDENINGS = 8  # re-readings before all columns are taken as floats
_ROWS = 1 << 15  # formatted at a time


def read_text(file: BinaryIO) -> RawCloud:
    """The points of a table; columns by their header, else x y z, then colours if columns 4-6 are integers in 0..255.

    Raises:
        PointCloudError: not text, fewer than three columns, rows of different lengths, something that is no number.
    """
    scan = scan_text(file)
    if file.read(3) != b"\xef\xbb\xbf":  # UTF-8's byte order mark
        file.seek(0)
    comments, names, first = _read_preamble(file)
    delimiter = _delimiter(first)
    rows = _sample(file, first, delimiter)
    width = len(rows[0])
    if width < 3:
        raise PointCloudError(f"the first row of points has {width} columns; expected at least x y z")
    if width > _MAX_COLUMNS:
        raise PointCloudError(f"the first row of points has {width} columns; at most {_MAX_COLUMNS} are read")
    names = _names(names, comments, width)
    marks = tuple(mark for mark, there in zip(_MARKS, (scan.has_hash, scan.has_slashes), strict=True) if there)
    columns = _parse(file, rows, names or [], comments, delimiter, marks)
    if names is None:
        names = ["x", "y", "z", *(f"column_{number}" for number in range(4, width + 1))]
        if width >= 6 and all(_is_color(values) for values in columns[3:6]):
            names[3:6] = ["red", "green", "blue"]
    return cloud_from_columns(dict(zip(names, columns, strict=True)), comments)


def write_xyz(file: BinaryIO, cloud: PointCloud) -> None:
    """Blanks between columns, named in a comment line; more comments keep the attributes' types and shapes.

    Raises:
        PointCloudError: an attribute that is not numeric, or a name with white space.
    """
    columns, hints = columns_from_cloud(cloud, _store)
    for line in (*hints, " ".join(columns)):
        file.write(f"# {line}\n".encode())
    _write_rows(file, columns, " ")


def write_csv(file: BinaryIO, cloud: PointCloud) -> None:
    """Commas between columns, named in the first row, and nothing else: a float32 comes back as float64.

    Raises:
        PointCloudError: an attribute that is not numeric, or a name with white space, comma or quote.
    """
    columns, _ = columns_from_cloud(cloud, _store)
    file.write((",".join(columns) + "\n").encode())
    _write_rows(file, columns, ",")


def _store(name: str, values: np.ndarray) -> np.ndarray:
    if not name.isprintable() or re.search(r"[\s,;\"'#]|//", name):
        raise PointCloudError(
            f"attribute {name!r}: its name cannot be a column's (white space , ; # // quotes); rename it"
        )
    if values.dtype.kind not in "biuf" or values.dtype.itemsize > 8:
        raise PointCloudError(f"attribute {name!r} is {values.dtype}, which a table of numbers cannot hold; write .npz")
    if values.dtype.kind == "f":
        return values.astype(np.float64)
    return values if values.dtype == np.uint64 else values.astype(np.int64)


def _write_rows(file: BinaryIO, columns: dict[str, np.ndarray], delimiter: str) -> None:
    arrays = list(columns.values())
    for start in range(0, len(arrays[0]), _ROWS):
        # repr of a Python float is the shortest text that gives the same float64 back.
        cells = [map(repr, values[start : start + _ROWS].tolist()) for values in arrays]
        file.write(("\n".join(map(delimiter.join, zip(*cells, strict=True))) + "\n").encode())


def _read_preamble(file: BinaryIO) -> tuple[list[str], list[str] | None, bytes]:
    """Comments, the names of a header row, and the first row of points, before which the file is left."""
    comments: list[str] = []
    names: list[str] | None = None
    for _ in range(_MAX_PREAMBLE):
        position = file.tell()
        raw = _line(file)
        if not raw:
            raise PointCloudError("has no rows of points")
        line = raw.strip()
        mark = next((mark for mark in _MARKS if line.startswith(mark.encode())), None)
        if mark is not None:
            comments.append(line.decode("utf-8", errors="backslashreplace")[len(mark) :].strip())
        elif line and names is None and not _is_number(_split(line, _delimiter(line))[0]):
            text = line.decode("utf-8", errors="backslashreplace")
            delimiter = _delimiter(line)
            parts = text.split() if delimiter is None else text.split(delimiter)
            names = [part.strip().strip("\"'") for part in parts]
        elif line:
            file.seek(position)
            return comments, names, line
    raise PointCloudError(f"no row of points within the first {_MAX_PREAMBLE} lines")


def _line(file: BinaryIO) -> bytes:
    """The next line, ended by LF, CR LF or CR."""
    position = file.tell()
    raw = file.readline(MAX_LINE + 2)
    end = raw.find(b"\r")
    if end >= 0 and raw[end : end + 2] != b"\r\n":
        raw = raw[: end + 1]
        file.seek(position + end + 1)
    return raw


def _delimiter(line: bytes) -> str | None:
    """; before , so that decimal commas are reported as such; None is any white space."""
    return next((mark for mark in ";," if mark.encode() in line), None)


def _split(line: bytes, delimiter: str | None) -> list[bytes]:
    return line.split() if delimiter is None else [part.strip() for part in line.split(delimiter.encode())]


def _is_number(token: bytes) -> bool:
    try:
        float(token)
    except ValueError:
        return False
    return True


def _sample(file: BinaryIO, first: bytes, delimiter: str | None) -> list[list[bytes]]:
    """The first rows, split; the file stays where it is."""
    position = file.tell()
    lines, size = [first], 0
    for line in islice(iter(lambda: _line(file), b""), _SAMPLE_LINES):
        size += len(line)
        if size > _SAMPLE_BYTES:
            break
        lines.append(line)
    file.seek(position)
    bare = (re.split(rb"#|//", line)[0].strip() for line in lines)
    return [_split(line, delimiter) for line in bare if line]


def _names(header: list[str] | None, comments: list[str], width: int) -> list[str] | None:
    """Names from the header row, else from a comment that has as many words as there are columns, x y z among them."""
    if header is None:
        lists = (re.split(r"[,;\s]+", comment) for comment in reversed(comments))
        fits = (words for words in lists if len(words) == width and {"x", "y", "z"} <= {w.lower() for w in words})
        header = next(fits, None)
        if header is None:
            return None
    elif len(header) != width:
        raise PointCloudError(f"the header names {len(header)} columns, the first row of points has {width}")
    twice = next((name for i, name in enumerate(header) if name in header[:i]), None)
    if twice is not None or "" in header:
        raise PointCloudError(
            "the header has a column without a name" if "" in header else f"the header has {twice!r} twice"
        )
    return header


def _parse(
    file: BinaryIO,
    rows: list[list[bytes]],
    names: list[str],
    comments: list[str],
    delimiter: str | None,
    marks: tuple[str, ...],
) -> list[np.ndarray]:
    """The columns: int64 (uint64) where all cells are written as integers, else float64.

    The first rows give the guess; a later cell that contradicts it widens its column, and the table is read again.
    """
    width = len(rows[0])
    unsigned = {name for name, (dtype, _) in parse_hints(comments).items() if dtype == "uint64"}
    codes = ["f8"] * width
    for i, name in enumerate(names or ["x", "y", "z"] + [""] * (width - 3)):
        if name.lower() not in ("x", "y", "z") and all(
            len(row) == width and _INTEGER.fullmatch(row[i]) for row in rows
        ):
            codes[i] = "u8" if {name, re.sub(r"_[0-9]+$", "", name)} & unsigned else "i8"
    start = file.tell()
    for _ in range(_MAX_WIDENINGS):
        try:
            return _parse_as(codes, file, delimiter, marks)
        except CellError as err:
            file.seek(start)
            code = codes[err.column - 1]
            if code == "f8":
                raise
            codes[err.column - 1] = "u8" if code == "i8" else "f8"
    return _parse_as(["f8"] * width, file, delimiter, marks)


def _parse_as(codes: list[str], file: BinaryIO, delimiter: str | None, marks: tuple[str, ...]) -> list[np.ndarray]:
    dtype = np.dtype([(f"f{i}", code) for i, code in enumerate(codes)])
    table = parse_rows(file, dtype, delimiter=delimiter, comments=marks, whole_floats=False)
    return [np.ascontiguousarray(table[f"f{i}"]) for i in range(len(codes))]


def _is_color(values: np.ndarray) -> bool:
    return values.dtype.kind in "iu" and bool(values.min() >= 0 and values.max() <= 255)


FORMAT = Format("text", (".xyz", ".txt"), read_text, write_xyz)
