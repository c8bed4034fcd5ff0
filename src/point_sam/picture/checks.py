"""What people pass to `render`, refused in one line where it cannot be drawn."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from point_sam.picture.camera import View
from point_sam.picture.colors import NEUTRAL_COLOR
from point_sam.picture.images import Floats


def check_points(
    coords: ArrayLike, prompts: ArrayLike | None, prompt_labels: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Points [N, 3], clicks [K, 3] and their labels [K]; K is 0 without prompts, and one label counts for all.

    Raises:
        ValueError: wrong or mismatched shapes, not finite, labels other than 0 and 1, labels without prompts.
    """
    points = _numbers("coords", coords, "[N, 3] coordinates")
    if points.ndim != 2 or points.shape[1] != 3 or len(points) == 0:
        raise ValueError(f"coords has shape {points.shape}; give [N, 3] with N >= 1")
    points = _finite("coords", points.astype(np.float64))
    if prompts is None:
        if prompt_labels is not None:
            raise ValueError("prompt_labels is given without prompts; give the clicks as prompts [K, 3]")
        return points, np.zeros((0, 3)), np.zeros(0, np.int64)
    clicks = np.atleast_2d(_numbers("prompts", prompts, "[K, 3] coordinates").astype(np.float64))
    if clicks.ndim != 2 or clicks.shape[1] != 3:
        raise ValueError(f"prompts has shape {clicks.shape}; give [K, 3]")
    clicks = _finite("prompts", clicks)
    labels = np.atleast_1d(_numbers("prompt_labels", 1 if prompt_labels is None else prompt_labels, "[K] of 0 and 1"))
    if prompt_labels is None or (labels.shape == (1,) and len(clicks)):
        labels = np.broadcast_to(labels[:1], (len(clicks),))
    if labels.shape != (len(clicks),):
        raise ValueError(f"prompt_labels has shape {labels.shape} for {len(clicks)} prompts; give one label per prompt")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("prompt_labels holds other values than 0 and 1; 1 is a positive click, 0 a negative one")
    return points, clicks, labels.astype(np.int64)


def check_colors(rgb: ArrayLike | None, count: int) -> Floats:
    """Colours [N, 3] in 0..255; grey for None.

    Raises:
        ValueError: not [N, 3] numbers in 0..255.
    """
    if rgb is None:
        return np.broadcast_to(np.array(NEUTRAL_COLOR, np.float32), (count, 3))
    colors = _numbers("rgb", rgb, "[N, 3] colours in 0..255")
    if colors.shape != (count, 3):
        raise ValueError(f"rgb has shape {colors.shape} for {count} points; give [{count}, 3], or None for grey")
    colors = colors.astype(np.float32)
    if not ((colors >= 0) & (colors <= 255)).all():
        raise ValueError("rgb holds NaN or values outside 0..255; scale the colours to 0..255")
    return colors


def check_segments(mask: ArrayLike | None, count: int) -> NDArray[np.int64] | None:
    """Segment numbers [N], 0 where unpainted; None where nothing is painted.

    Raises:
        ValueError: not [N] booleans or integers.
    """
    if mask is None:
        return None
    segments = _numbers("mask", mask, "[N] bool or int")
    if segments.shape != (count,) or segments.dtype.kind not in "biu":
        found = f"shape {segments.shape} and type {segments.dtype}"
        raise ValueError(f"mask has {found} for {count} points; give [{count}] bool, or int segment numbers")
    return np.maximum(segments.astype(np.int64), 0) if (segments > 0).any() else None


def check_size(size: tuple[int, int]) -> tuple[int, int]:
    """Width and height in pixels.

    Raises:
        ValueError: not two numbers from 64 to 4096.
    """
    if len(size) != 2 or not all(64 <= side <= 4096 for side in size):
        raise ValueError(f"size is {size}; give (width, height) in pixels, each from 64 to 4096")
    return int(size[0]), int(size[1])


def check_views(views: Sequence[View]) -> list[View]:
    """Azimuths and elevations in degrees.

    Raises:
        ValueError: not 1 to 8 pairs of finite numbers.
    """
    array = _numbers("views", list(views), "(azimuth, elevation) pairs").astype(np.float64)
    if array.ndim != 2 or array.shape[1] != 2 or not 1 <= len(array) <= 8 or not np.isfinite(array).all():
        raise ValueError(f"views has shape {array.shape}; give 1 to 8 pairs (azimuth, elevation) in degrees")
    return [(float(azimuth), float(elevation)) for azimuth, elevation in array]


def _numbers(name: str, values: ArrayLike, wanted: str) -> NDArray[Any]:
    try:
        array = np.asarray(values)
        return array if array.dtype.kind in "biuf" else array.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is not an array of numbers; give {wanted}") from None


def _finite(name: str, array: NDArray[np.float64]) -> NDArray[np.float64]:
    bad = ~np.isfinite(array).all(axis=-1)
    if bad.any():
        where = int(np.flatnonzero(bad)[0])
        raise ValueError(f"{name} row {where} holds NaN or an infinity; drop such rows before drawing")
    return array
