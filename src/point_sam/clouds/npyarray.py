"""One array in numpy's own format, with a header that is never believed beyond the bytes that follow it.

`numpy.load` allocates what the header says before it looks whether the data are there.
"""

import ast
import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from point_sam.clouds.cloud import PointCloudError

MAGIC = b"\x93NUMPY"
_MAX_HEADER = 1 << 16  # bytes
_MAX_FIELDS = 1024
_LITERAL_ERRORS = (ValueError, SyntaxError, TypeError, MemoryError, RecursionError)


@runtime_checkable
class Readable(Protocol):
    """A file, or an entry of an archive."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes."""
        ...


@dataclass(frozen=True)
class ArrayHeader:
    """What an array's header says. `size` counts the header's own bytes."""

    dtype: np.dtype
    shape: tuple[int, ...]
    fortran_order: bool
    size: int

    @property
    def nbytes(self) -> int:
        """Bytes of data that must follow."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_array_header(file: Readable) -> ArrayHeader:
    """The header of an array, leaving the file at its data.

    Raises:
        PointCloudError: no header, or one with Python objects, a wrong shape, an unknown dtype.
    """
    start = file.read(8)
    if len(start) < 8 or not start.startswith(MAGIC):
        raise PointCloudError("does not begin with the NPY magic bytes")
    if start[6] not in (1, 2, 3):
        raise PointCloudError(f"NPY version {start[6]} is unknown")
    width = 2 if start[6] == 1 else 4
    length = int.from_bytes(_read(file, width), "little")
    if length > _MAX_HEADER:
        raise PointCloudError(f"NPY header of {length} bytes; at most {_MAX_HEADER} are read")
    try:
        text = _read(file, length).decode("utf-8" if start[6] == 3 else "latin-1")
        entries = ast.literal_eval(text.strip())
    except PointCloudError:
        raise
    except _LITERAL_ERRORS as err:
        raise PointCloudError("NPY header is not the dictionary it should be") from err
    if not isinstance(entries, dict) or set(entries) != {"descr", "fortran_order", "shape"}:
        raise PointCloudError("NPY header has not the keys descr, fortran_order, shape")
    shape, order = entries["shape"], entries["fortran_order"]
    if not isinstance(shape, tuple) or not all(type(size) is int and 0 <= size < 2**62 for size in shape):
        raise PointCloudError(f"NPY header: shape {shape!r} is not a tuple of sizes")
    if len(shape) > 32 or not isinstance(order, bool):
        raise PointCloudError("NPY header: more than 32 dimensions, or fortran_order is not a boolean")
    return ArrayHeader(_dtype(entries["descr"]), shape, order, 8 + width + length)


def read_array_data(file: Readable, header: ArrayHeader) -> np.ndarray:
    """The array after its header; the caller has checked that `header.nbytes` can be there.

    Raises:
        PointCloudError: the data end early.
    """
    array = np.frombuffer(_read(file, header.nbytes), dtype=header.dtype)
    return array.reshape(header.shape, order="F" if header.fortran_order else "C")


def _read(file: Readable, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise PointCloudError(f"NPY array ends after {len(data)} of {size} bytes; the file is cut short")
    return data


def _dtype(descr: object) -> np.dtype:
    if isinstance(descr, list):
        if len(descr) > _MAX_FIELDS:
            raise PointCloudError(f"NPY header: {len(descr)} fields; at most {_MAX_FIELDS} are read")
        if not all(_is_plain_field(field) for field in descr):
            raise PointCloudError("NPY header: a field is not (name, type) or (name, type, shape)")
    elif not isinstance(descr, str):
        raise PointCloudError("NPY header: descr is neither a type nor a list of fields")
    try:
        dtype = np.dtype(descr)
    except (*_LITERAL_ERRORS, OverflowError) as err:
        raise PointCloudError(f"NPY header: unknown type {str(descr)[:80]!r}") from err
    if dtype.hasobject:
        raise PointCloudError("the array holds Python objects, which are never unpickled; save plain arrays")
    if dtype.itemsize == 0:
        raise PointCloudError(f"NPY header: type {str(descr)[:80]!r} has no size")
    return dtype


def _is_plain_field(field: object) -> bool:
    """(name, type) or (name, type, shape). Nested records and titles are legal too, and no cloud."""
    if not isinstance(field, tuple) or len(field) not in (2, 3):
        return False
    return all(isinstance(part, str) for part in field[:2]) and all(
        isinstance(part, (int, tuple)) for part in field[2:]
    )
