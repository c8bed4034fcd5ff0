"""Bytes from and to files, with the file's size as the bound on what a header may ask for."""

import os
from typing import BinaryIO

import numpy as np

from point_sam.clouds.cloud import PointCloudError

_ROWS = 1 << 16  # records copied at a time, so that writing needs little memory beside the cloud


def remaining(file: BinaryIO) -> int:
    """Bytes from the file's position to its end."""
    position = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(position)
    return end - position


def read_exactly(file: BinaryIO, count: int, size: int, what: str) -> bytes:
    """The next `count` items of `size` bytes, after checking that the file can hold them.

    Raises:
        PointCloudError: it cannot.
    """
    left = remaining(file)
    if count * size > left:
        raise PointCloudError(
            f"header: {count} {what} of {size} bytes need {count * size} bytes, but {left} are left; "
            "the file is cut short or the count is wrong"
        )
    data = file.read(count * size)
    if len(data) < count * size:
        raise PointCloudError(f"ended after {len(data)} of {count * size} bytes of {what} while it was being read")
    return data


def write_records(file: BinaryIO, columns: list[np.ndarray]) -> None:
    """Columns [N] or [N, k] as packed little-endian records."""
    fields = [(f"f{i}", values.dtype.newbyteorder("<"), values.shape[1:]) for i, values in enumerate(columns)]
    dtype = np.dtype(fields)
    for start in range(0, len(columns[0]), _ROWS):
        part = [values[start : start + _ROWS] for values in columns]
        records = np.empty(len(part[0]), dtype=dtype)
        for i, values in enumerate(part):
            records[f"f{i}"] = values
        file.write(records.tobytes())
