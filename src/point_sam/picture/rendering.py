"""`render`: from a cloud, its mask and its clicks to a picture."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from point_sam.picture.camera import View, fit, project
from point_sam.picture.checks import check_colors, check_points, check_segments, check_size, check_views
from point_sam.picture.cloud import Cloud, point_spacing, thinned, upright
from point_sam.picture.colors import BACKGROUND
from point_sam.picture.images import Floats
from point_sam.picture.layout import draw_caption, make_marker, place_views
from point_sam.picture.shading import shade
from point_sam.picture.surface import CUTOFF, SIGMA, depth_tolerance, splat
from point_sam.picture.views import choose_views

_SUPERSAMPLING = 2  # pixels drawn per pixel shown, along each side
_MOST_POINTS = 1_000_000  # drawn; more than this are several to a pixel


def render(
    coords: ArrayLike,
    rgb: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    *,
    prompts: ArrayLike | None = None,
    prompt_labels: ArrayLike | None = None,
    views: Sequence[View] | None = None,
    size: tuple[int, int] = (1600, 1000),
    title: str | None = None,
    up: Literal["y", "z"] = "z",
) -> Image.Image:
    """A picture of the cloud, its mask and its clicks: the first view large, the others in a column beside it.

    Args:
        coords: [N, 3] points in any unit, finite, N >= 1.
        rgb: [N, 3] colours in 0..255, or None for neutral grey.
        mask: [N] bool, painted in `MASK_COLOR`; or [N] int segment numbers, each from 1 on in a colour of its own,
            0 and below unpainted.
        prompts: [K, 3] (or [3]) clicks in the unit of `coords`; those behind a surface are drawn faded.
        prompt_labels: [K] (or one) of 1 (positive, green plus) and 0 (negative, red minus); all positive by default.
        views: (azimuth, elevation) in degrees of each camera. Azimuth 0 looks from +x, 90 from +y; elevation 90 from
            above. By default four: a three-quarter view from where most of the mask is seen, two sides and the top.
        size: width and height in pixels, from 64 to 4096.
        title: one line above the views, shortened to fit.
        up: the axis of the cloud that points up.

    Returns:
        An RGB image; the same arguments always give the same pixels.

    Raises:
        ValueError: an argument has the wrong shape, holds NaN or infinities, or lies outside its range.
    """
    points, clicks, click_labels = check_points(coords, prompts, prompt_labels)
    colors = check_colors(rgb, len(points))
    segments = check_segments(mask, len(points))
    width, height = check_size(size)
    if up not in ("y", "z"):
        raise ValueError(f"up is {up!r}; give 'y' or 'z'")
    given_views = None if views is None else check_views(views)
    placed, placed_clicks = upright(points, clicks, up)
    kept = thinned(segments, len(placed), _MOST_POINTS)
    placed, colors, segments = placed[kept], colors[kept], None if segments is None else segments[kept]
    several = segments is not None and bool((segments > 1).any())
    cloud = Cloud(placed, colors, segments, point_spacing(placed), several)
    cameras = given_views or choose_views(cloud, placed_clicks)

    canvas = Image.new("RGB", (width, height), (BACKGROUND,) * 3)
    caption = max(14, height // 36) if title else 0
    for i, (box, view) in enumerate(
        zip(place_views(width, height, int(caption * 1.9), len(cameras)), cameras, strict=True)
    ):
        _draw_view(canvas, box, cloud, placed_clicks, click_labels, view, large=i == 0)
    if title:
        draw_caption(canvas, title, caption)
    return canvas


def _draw_view(
    canvas: Image.Image,
    box: tuple[int, int, int, int],
    cloud: Cloud,
    clicks: Floats,
    click_labels: NDArray[np.int64],
    view: View,
    *,
    large: bool,
) -> None:
    left, top, right, bottom = box
    projected = project(cloud.points, view)
    scale, shift = fit(projected, (right - left) * _SUPERSAMPLING, (bottom - top) * _SUPERSAMPLING)
    pixels = projected[:, :2] * scale + shift
    # draw no more of the panel than the cloud fills
    margin = 4 + int(2 * CUTOFF * SIGMA * cloud.spacing * scale / _SUPERSAMPLING)
    first = np.maximum(pixels.min(axis=0) // _SUPERSAMPLING - margin, 0).astype(int)
    last = np.minimum(pixels.max(axis=0) // _SUPERSAMPLING + margin, (right - left, bottom - top)).astype(int)
    width, height = (last - first).tolist()
    fine_width, fine_height = width * _SUPERSAMPLING, height * _SUPERSAMPLING
    left, top = left + int(first[0]), top + int(first[1])
    shift = shift - (first * _SUPERSAMPLING).astype(np.float32)
    pixels -= (first * _SUPERSAMPLING).astype(np.float32)
    surface = splat(cloud, pixels, projected[:, 2], cloud.spacing * float(scale), fine_width, fine_height)
    fine = shade(surface, float(scale), cloud.spacing, _SUPERSAMPLING)
    coarse = fine.reshape(height, _SUPERSAMPLING, width, _SUPERSAMPLING, 3).mean(axis=(1, 3))
    canvas.paste(Image.fromarray(np.clip(coarse + 0.5, 0, 255).astype(np.uint8)), (left, top))

    diameter = max(9, round(min(canvas.size) * (0.03 if large else 0.02)))
    projected_clicks = project(clicks, view)
    order = np.argsort(-projected_clicks[:, 2], kind="stable")  # far first, so that near ones end on top
    for i in order:
        x, y = projected_clicks[i, :2] * scale + shift
        column, row = int(np.clip(x, 0, fine_width - 1)), int(np.clip(y, 0, fine_height - 1))
        hidden = projected_clicks[i, 2] > surface.depth[row, column] + depth_tolerance(cloud.spacing)
        marker = make_marker(bool(click_labels[i]), diameter, hidden)
        corner = (left + column // _SUPERSAMPLING - marker.width // 2, top + row // _SUPERSAMPLING - marker.height // 2)
        canvas.paste(marker, corner, marker)
