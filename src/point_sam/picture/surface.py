"""From points to a closed surface: splats in two passes.

After Botsch et al. 2005, "High-quality surface splatting on today's GPUs": a depth pass finds the front surface, a
second pass blends the points that lie on it with Gaussian weights, so that a cloud of any density gives a closed
surface.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from point_sam.picture.cloud import Cloud
from point_sam.picture.colors import MASK_COLOR, palette
from point_sam.picture.images import Floats, closed_gaps, disc_offsets, extreme

SIGMA = 0.62  # Gaussian splat width in point spacings: the narrowest without pinholes on uniform random samples
CUTOFF = 2.6  # splat radius in sigmas
_COVERAGE = 0.35  # summed weight that counts as surface: trims the silhouette back to under one spacing
_BLOCK = 1 << 20  # point-pixel pairs in flight: bounds the memory of a splat pass to some 50 MB


@dataclass(frozen=True)
class Surface:
    """The front surface in pixels: [H, W] distance to the camera (inf where empty), colour, and share of paint."""

    depth: Floats  # [H, W]
    colors: Floats  # [H, W, 3]
    paint: Floats | None  # [H, W] in 0..1
    paint_colors: Floats  # [H, W, 3], or [3] if the same everywhere


def splat(cloud: Cloud, pixels: Floats, depth: Floats, spacing: float, width: int, height: int) -> Surface:
    """Both passes: the depth image of the front surface, then the Gaussian mean of the points that lie on it.

    Args:
        pixels: [N, 2] positions, the panel being width x height.
        depth: [N] distances to the camera.
        spacing: point spacing in pixels.
    """
    sigma = float(np.clip(SIGMA * spacing, 0.75, min(width, height) / 24))
    reach = int(np.ceil(CUTOFF * sigma)) + 1
    stride = width + 2 * reach  # a margin all round saves every bounds check below
    cells = stride * (height + 2 * reach)
    column, row = np.floor(pixels).astype(np.int64).T
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    keep = np.flatnonzero(inside)
    home = (row[keep] + reach) * stride + column[keep] + reach
    near = depth[keep]

    front = np.full(cells, np.inf, np.float32)
    cover = np.zeros(cells, np.float32)
    centre = pixels[keep] - np.floor(pixels[keep]) - np.float32(0.5)
    narrow, wide = disc_offsets(max(1.0, 1.9 * sigma)), disc_offsets(CUTOFF * sigma)
    for block in _blocks(len(narrow), len(keep)):
        hit = _hit(home, narrow[block], stride)
        np.minimum.at(front, hit, np.repeat(near, len(narrow[block])))
        np.add.at(cover, hit, _gaussian(centre, narrow[block], sigma).ravel())

    gap = max(2, int(np.ceil(2.0 * sigma)))
    tolerance = depth_tolerance(cloud.spacing)
    grown = closed_gaps(front.reshape(-1, stride), gap)
    # the discs reach in front of the surface where it slopes away; shrunk by their radius they lie on it again
    shrunk = extreme(grown, int(np.ceil(1.9 * sigma)), np.maximum)
    on_surface = near <= shrunk.ravel()[home] + tolerance
    # a steeper step than a slope of 70 degrees is a silhouette: there nothing behind the discs may show
    front = np.where(shrunk < grown + 2 * tolerance, shrunk, grown).ravel()
    keep, home, near, centre = keep[on_surface], home[on_surface], near[on_surface], centre[on_surface]
    values = [near, *cloud.colors[keep].T]
    if cloud.segments is not None:
        painted = (cloud.segments[keep] > 0).astype(np.float32)
        values.append(painted)
        if cloud.several:
            values += [*(palette(cloud.segments[keep]) * painted[:, None]).T]
    total = np.zeros(cells, np.float32)
    sums = [np.zeros(cells, np.float32) for _ in values]
    for block in _blocks(len(wide), len(keep)):
        hit = _hit(home, wide[block], stride)
        weight = _gaussian(centre, wide[block], sigma)
        # a point well behind the front fades out, so that the far side of a thin plate does not shine through
        weight *= np.clip(2 - 2 * (near[:, None] - front[hit].reshape(weight.shape)) / tolerance, 1e-6, 1)
        np.add.at(total, hit, weight.ravel())
        for image, value in zip(sums, values, strict=True):
            np.add.at(image, hit, (weight * value[:, None]).ravel())

    closed = ~closed_gaps((cover <= _COVERAGE).reshape(-1, stride), gap)
    _fill_holes(closed.ravel(), total, sums, 3 * gap, stride)

    def crop(image: NDArray[Any]) -> NDArray[Any]:
        return image.reshape(-1, stride)[reach : reach + height, reach : reach + width]

    covered = crop(closed) & (crop(total) > 0)
    share = 1 / np.maximum(crop(total), np.float32(1e-30))
    means = [crop(image) * share for image in sums]
    surface_depth = np.where(covered, means[0], np.float32(np.inf))
    colors = np.stack(means[1:4], axis=-1)
    if cloud.segments is None:
        return Surface(surface_depth, colors, None, np.array(MASK_COLOR, np.float32))
    paint = np.where(covered, means[4], np.float32(0))
    if not cloud.several:
        return Surface(surface_depth, colors, paint, np.array(MASK_COLOR, np.float32))
    paint_colors = (np.stack(means[5:8], axis=-1) / np.maximum(paint, 1e-6)[..., None]).astype(np.float32)
    return Surface(surface_depth, colors, paint, paint_colors)


def depth_tolerance(spacing: float) -> float:
    """How far behind the front a point may lie and still be of the surface: the slope of a splat, in cloud radii."""
    return max(2.0 * spacing, 4e-3)


def _fill_holes(covered: NDArray[np.bool_], total: Floats, sums: list[Floats], reach: int, stride: int) -> None:
    """Give covered cells that no point reached the values of the nearest cell that one did, in place."""
    cells = np.flatnonzero(covered & (total == 0))
    disc = disc_offsets(reach)
    for dx, dy in disc[np.argsort((disc**2).sum(axis=1), kind="stable")][1:]:
        if len(cells) == 0:
            break
        source = np.clip(cells + dy * stride + dx, 0, len(total) - 1)
        filled = total[source] > 0
        for image in (*sums, total):
            image[cells[filled]] = image[source[filled]]
        cells = cells[~filled]


def _hit(home: NDArray[np.int64], disc: NDArray[np.int64], stride: int) -> NDArray[np.int64]:
    """[N * P] cells that the disc round each home covers."""
    return (home[:, None] + (disc[:, 1] * stride + disc[:, 0])).ravel()


def _gaussian(centre: Floats, disc: NDArray[np.int64], sigma: float) -> Floats:
    """[N, P] weights of the disc's pixels about points that lie `centre` off the middle of their own pixel."""
    off = disc.astype(np.float32)
    squared = (off[:, 0] - centre[:, :1]) ** 2 + (off[:, 1] - centre[:, 1:]) ** 2
    return np.exp(squared * np.float32(-0.5 / sigma**2))


def _blocks(offsets: int, points: int) -> list[slice]:
    """Slices of the offsets, so that a slice times the points stays near `_BLOCK` pairs."""
    step = max(1, _BLOCK // max(1, points))
    return [slice(i, i + step) for i in range(0, offsets, step)]
