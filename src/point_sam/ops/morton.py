"""Morton order (Morton 1966): a line through all cells of a grid that stays near where it is."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, UInt32, UInt64

# Bits per axis; three of them fit into 32, and three of the fine ones into 64.
BITS = 10
FINE_BITS = 21


def morton_codes(points: Float[np.ndarray, "N 3"]) -> UInt32[np.ndarray, " N"]:
    """Each point's cell in a cubic grid of 1024 cells along the longest axis of the cloud.

    Shifting a code by one bit to the right halves the grid along one axis, x, y and z in turn: after three bits its
    cells are twice as long. BITS * 3 bits leave one cell.
    """
    code = np.zeros(len(points), np.uint32)
    for axis, cell in enumerate(_cells(points, BITS)[0]):
        code |= _spread(cell.astype(np.uint32)) << np.uint32(axis)
    return code


def fine_morton_codes(points: Float[np.ndarray, "N 3"]) -> tuple[UInt64[np.ndarray, " N"], float]:
    """The same in a grid of 2^21 cells, and the length of the grid's side in the unit of the points."""
    cells, side = _cells(points, FINE_BITS)
    code = np.zeros(len(points), np.uint64)
    for axis, cell in enumerate(cells):
        code |= _spread_fine(cell.astype(np.uint64)) << np.uint64(axis)
    return code, side


def _cells(points: Float[np.ndarray, "N 3"], bits: int) -> tuple[Iterator[Float[np.ndarray, " N"]], float]:
    """Each axis' cells, not rounded down yet, and the length of the grid's side."""
    low = points.min(axis=0)
    side = float((points.max(axis=0) - low).max()) or 1.0
    last = (1 << bits) - 1
    # In this order: 1 / side may overflow.
    return (np.minimum((points[:, axis] - low[axis]) / side * (last + 1), last) for axis in range(3)), side


def _spread(value: UInt32[np.ndarray, " N"]) -> UInt32[np.ndarray, " N"]:
    """Two zero bits after each of the ten lowest bits."""
    for shift, mask in ((16, 0x030000FF), (8, 0x0300F00F), (4, 0x030C30C3), (2, 0x09249249)):
        value = (value | (value << np.uint32(shift))) & np.uint32(mask)
    return value


def _spread_fine(value: UInt64[np.ndarray, " N"]) -> UInt64[np.ndarray, " N"]:
    """Two zero bits after each of the 21 lowest bits."""
    steps = (
        (32, 0x001F00000000FFFF),
        (16, 0x001F0000FF0000FF),
        (8, 0x100F00F00F00F00F),
        (4, 0x10C30C30C30C30C3),
        (2, 0x1249249249249249),
    )
    for shift, mask in steps:
        value = (value | (value << np.uint64(shift))) & np.uint64(mask)
    return value
