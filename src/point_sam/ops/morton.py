"""Morton order (Morton 1966): a line through all cells of a grid that stays near where it is."""

import numpy as np
from jaxtyping import Float, UInt32

# Bits per axis; three of them fit into 32.
BITS = 10


def morton_codes(points: Float[np.ndarray, "N 3"]) -> UInt32[np.ndarray, " N"]:
    """Each point's cell in a cubic grid of 1024 cells along the longest axis of the cloud.

    Shifting a code by one bit to the right halves the grid along one axis, x, y and z in turn: after three bits its
    cells are twice as long. BITS * 3 bits leave one cell.
    """
    low = points.min(axis=0)
    extent = float((points.max(axis=0) - low).max()) or 1.0
    last = (1 << BITS) - 1
    code = np.zeros(len(points), np.uint32)
    for axis in range(3):
        cell = (points[:, axis] - low[axis]) / extent * (last + 1)  # in this order: 1 / extent may overflow
        code |= _spread(np.minimum(cell, last).astype(np.uint32)) << np.uint32(axis)
    return code


def _spread(value: UInt32[np.ndarray, " N"]) -> UInt32[np.ndarray, " N"]:
    """Two zero bits after each of the ten lowest bits."""
    for shift, mask in ((16, 0x030000FF), (8, 0x0300F00F), (4, 0x030C30C3), (2, 0x09249249)):
        value = (value | (value << np.uint32(shift))) & np.uint32(mask)
    return value
