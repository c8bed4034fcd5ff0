"""Voxel grid: neighbours that share one answer."""

import numpy as np
from jaxtyping import Float, Int64

from point_sam.ops.morton import BITS, morton_codes


def voxel_cells(points: Float[np.ndarray, "N 3"], most: int) -> tuple[Int64[np.ndarray, " M"], Int64[np.ndarray, " N"]]:
    """Occupied cells of the finest grid with at most so many of them.

    The finest grid has 1024 cubic cells along the longest axis of the cloud; each next one joins pairs of cells along
    x, y or z in turn, so that cells are at most twice as long as wide.

    Args:
        points: finite.
        most: occupied cells at most, at least 1.

    Returns:
        For each cell one of its points, as an index; for each point its cell.
    """
    code = morton_codes(points)
    order = np.argsort(code, kind="stable")
    code = code[order]
    for shift in range(3 * BITS + 1):
        first = np.flatnonzero(np.diff(code >> np.uint32(shift))) + 1
        if len(first) < most:
            break
    first = np.concatenate([[0], first])
    count = np.diff(first, append=len(points))
    cell = np.empty(len(points), np.int64)
    cell[order] = np.repeat(np.arange(len(first)), count)
    # Half of a cell's points come before it on the line through the cell.
    return order[first + count // 2], cell
