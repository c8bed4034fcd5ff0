"""Images and masks as arrays: shifting, growing, closing gaps."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def shifted(image: Floats, down: int, right: int) -> Floats:
    """image[y + down, x + right]; what wraps round comes from the empty margin of the panel."""
    return np.roll(image, (-down, -right), axis=(0, 1))


def grow(region: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """The region and all pixels within `radius` of it, in a rounded square."""
    grown = region.copy()
    for dx, dy in disc_offsets(radius):
        if dx or dy:
            rows, columns = _overlap(region.shape[0], dy), _overlap(region.shape[1], dx)
            grown[rows[0], columns[0]] |= region[rows[1], columns[1]]
    return grown


def closed_gaps(image: NDArray[Any], radius: int) -> NDArray[Any]:
    """Gaps and notches up to 2 * radius wide filled from the lower values round them (grey closing)."""
    return extreme(extreme(image, radius, np.minimum), radius, np.maximum)


def extreme(image: NDArray[Any], radius: int, pick: np.ufunc) -> NDArray[Any]:
    """The minimum or maximum over an octagon about each pixel, as four runs along its sides."""
    straight, diagonal = max(1, round(0.414 * radius)), round(0.293 * radius)
    wide = np.pad(image, radius + 2, mode="edge")
    runs = ((1, 0, straight), (0, 1, straight), (1, 1, diagonal), (1, -1, diagonal))
    for down, right, length in runs:
        for step in _doubling(length):
            source = wide.copy()
            for sign in (-step, step):
                rows, columns = _overlap(wide.shape[0], sign * down), _overlap(wide.shape[1], sign * right)
                into = wide[rows[0], columns[0]]
                pick(into, source[rows[1], columns[1]], out=into)
    return wide[radius + 2 : -radius - 2, radius + 2 : -radius - 2]


def disc_offsets(radius: float) -> NDArray[np.int64]:
    """[P, 2] integer offsets (dx, dy) within the radius."""
    reach = int(np.ceil(radius))
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    inside = dx**2 + dy**2 <= radius**2
    return np.stack([dx[inside], dy[inside]], axis=1).astype(np.int64)


def _doubling(radius: int) -> list[int]:
    """Steps that add up to the radius, none over the sum of those before plus one: 1, 2, 4, ... and the rest."""
    steps, reached = [], 0
    while reached < radius:
        steps.append(min(reached + 1, radius - reached))
        reached += steps[-1]
    return steps


def _overlap(length: int, shift: int) -> tuple[slice, slice]:
    """Where an axis and the same axis moved by `shift` meet: target slice and source slice."""
    shift = int(np.clip(shift, -length, length))
    return slice(max(0, shift), length + min(0, shift)), slice(max(0, -shift), length - max(0, shift))
