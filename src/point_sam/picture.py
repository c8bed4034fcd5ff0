"""Pictures of a segmentation: a cloud seen from several sides, the mask painted over its colours, the clicks on top.

Points are drawn as two-pass surface splats (Botsch et al. 2005, "High-quality surface splatting on today's GPUs"): a
depth pass finds the front surface, a second pass blends the points that lie on it with Gaussian weights, so that a
cloud of any density gives a closed surface. Shape is shown by eye-dome lighting (Boucheny 2009, "Visualisation
scientifique de grands volumes de données"), which needs the depth image alone and so no normals, and by a soft
light on normals taken from the same depth image. numpy and pillow only.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["MASK_COLOR", "render", "save_picture"]

Floats = NDArray[np.float32]
View = tuple[float, float]

MASK_COLOR = (255, 92, 0)
POSITIVE_COLOR = (22, 163, 74)
NEGATIVE_COLOR = (220, 38, 38)
NEUTRAL_COLOR = (178, 182, 188)
INK_COLOR = (45, 50, 58)
BACKGROUND = 246  # just off white, so that white things stand out

SUPERSAMPLING = 2
CAMERA_DISTANCE = 4.0  # in cloud radii: a mild perspective, 28 degrees wide
DEFAULT_AZIMUTH = -55.0
MAIN_ELEVATION = 24.0
RING = 12  # azimuths tried for the main view
SIGMA = 0.62  # Gaussian splat width in point spacings: the narrowest without pinholes on uniform random samples
CUTOFF = 2.6  # splat radius in sigmas
COVERAGE = 0.35  # summed weight that counts as surface: trims the silhouette back to under one spacing
MOST_POINTS = 1_000_000  # drawn; more than this are several to a pixel
BLOCK = 1 << 20  # point-pixel pairs in flight: bounds the memory of a splat pass to some 50 MB


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
    points, clicks, click_labels = _checked_points(coords, prompts, prompt_labels)
    colors = _checked_colors(rgb, len(points))
    segments = _checked_segments(mask, len(points))
    width, height = _checked_size(size)
    if up not in ("y", "z"):
        raise ValueError(f"up is {up!r}; give 'y' or 'z'")
    given_views = None if views is None else _checked_views(views)
    placed, placed_clicks = _upright(points, clicks, up)
    kept = _thinned(segments, len(placed), MOST_POINTS)
    placed, colors, segments = placed[kept], colors[kept], None if segments is None else segments[kept]
    several = segments is not None and bool((segments > 1).any())
    cloud = _Cloud(placed, colors, segments, _spacing(placed), several)
    cameras = given_views or _choose_views(cloud, placed_clicks)

    canvas = Image.new("RGB", (width, height), (BACKGROUND,) * 3)
    caption = max(14, height // 36) if title else 0
    for i, (box, view) in enumerate(
        zip(_layout(width, height, int(caption * 1.9), len(cameras)), cameras, strict=True)
    ):
        _draw_view(canvas, box, cloud, placed_clicks, click_labels, view, large=i == 0)
    if title:
        _draw_caption(canvas, title, caption)
    return canvas


def save_picture(path: str | os.PathLike[str], image: Image.Image) -> None:
    """Write the image in the format of the path's suffix; a crash on the way leaves an older file as it was.

    Raises:
        ValueError: the suffix names no image format.
        FileNotFoundError: the folder does not exist.
    """
    path = Path(path)
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind is None or kind not in Image.SAVE:
        raise ValueError(f"{path}: {path.suffix or 'no suffix'} is not a picture format; use .png, .jpg or .webp")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is not a folder; create it or give another path for the picture")
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            image.save(stream, format=kind)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp makes files that only their owner may read
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@dataclass(frozen=True)
class _Cloud:
    """What is drawn: points in the unit ball with z up, colours 0..255, segment numbers (0 none), point spacing."""

    points: Floats  # [N, 3]
    colors: Floats  # [N, 3]
    segments: NDArray[np.int64] | None  # [N]
    spacing: float
    several: bool  # more than segment 1


@dataclass(frozen=True)
class _Surface:
    """The front surface in pixels: [H, W] distance to the camera (inf where empty), colour, and share of paint."""

    depth: Floats  # [H, W]
    colors: Floats  # [H, W, 3]
    paint: Floats | None  # [H, W] in 0..1
    paint_colors: Floats  # [H, W, 3], or [3] if the same everywhere


def _draw_view(
    canvas: Image.Image,
    box: tuple[int, int, int, int],
    cloud: _Cloud,
    clicks: Floats,
    click_labels: NDArray[np.int64],
    view: View,
    *,
    large: bool,
) -> None:
    left, top, right, bottom = box
    projected = _project(cloud.points, view)
    scale, shift = _fit(projected, (right - left) * SUPERSAMPLING, (bottom - top) * SUPERSAMPLING)
    pixels = projected[:, :2] * scale + shift
    # draw no more of the panel than the cloud fills
    margin = 4 + int(2 * CUTOFF * SIGMA * cloud.spacing * scale / SUPERSAMPLING)
    first = np.maximum(pixels.min(axis=0) // SUPERSAMPLING - margin, 0).astype(int)
    last = np.minimum(pixels.max(axis=0) // SUPERSAMPLING + margin, (right - left, bottom - top)).astype(int)
    width, height = (last - first).tolist()
    fine_width, fine_height = width * SUPERSAMPLING, height * SUPERSAMPLING
    left, top = left + int(first[0]), top + int(first[1])
    shift = shift - (first * SUPERSAMPLING).astype(np.float32)
    pixels -= (first * SUPERSAMPLING).astype(np.float32)
    surface = _splat(cloud, pixels, projected[:, 2], cloud.spacing * float(scale), fine_width, fine_height)
    fine = _shade(surface, float(scale), cloud.spacing, SUPERSAMPLING)
    coarse = fine.reshape(height, SUPERSAMPLING, width, SUPERSAMPLING, 3).mean(axis=(1, 3))
    canvas.paste(Image.fromarray(np.clip(coarse + 0.5, 0, 255).astype(np.uint8)), (left, top))

    diameter = max(9, round(min(canvas.size) * (0.03 if large else 0.02)))
    projected_clicks = _project(clicks, view)
    order = np.argsort(-projected_clicks[:, 2], kind="stable")  # far first, so that near ones end on top
    for i in order:
        x, y = projected_clicks[i, :2] * scale + shift
        column, row = int(np.clip(x, 0, fine_width - 1)), int(np.clip(y, 0, fine_height - 1))
        hidden = projected_clicks[i, 2] > surface.depth[row, column] + _tolerance(cloud.spacing)
        marker = _marker(bool(click_labels[i]), diameter, hidden)
        corner = (left + column // SUPERSAMPLING - marker.width // 2, top + row // SUPERSAMPLING - marker.height // 2)
        canvas.paste(marker, corner, marker)


def _project(points: Floats, view: View) -> Floats:
    """[N, 3] of right, down and distance to the camera, in mild perspective around the origin."""
    azimuth, elevation = np.radians(view)
    toward = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    seen = points @ np.stack([right, -np.cross(toward, right), toward], axis=1).astype(np.float32)
    seen[:, 2] = CAMERA_DISTANCE - seen[:, 2]
    seen[:, :2] *= CAMERA_DISTANCE / seen[:, 2:]
    return seen


def _fit(projected: Floats, width: int, height: int) -> tuple[np.float32, Floats]:
    """Scale and shift that centre the projected points in the panel, with a margin."""
    low, high = projected[:, :2].min(axis=0), projected[:, :2].max(axis=0)
    extent = np.maximum(high - low, 1e-6)
    room = 0.91 * np.array([width, height])
    scale = np.float32(min(room[0] / extent[0], room[1] / extent[1], min(room) / 0.2))
    return scale, (np.array([width, height]) / 2 - (low + high) / 2 * scale).astype(np.float32)


def _splat(cloud: _Cloud, pixels: Floats, depth: Floats, spacing: float, width: int, height: int) -> _Surface:
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
    narrow, wide = _disc(max(1.0, 1.9 * sigma)), _disc(CUTOFF * sigma)
    for block in _blocks(len(narrow), len(keep)):
        hit = _hit(home, narrow[block], stride)
        np.minimum.at(front, hit, np.repeat(near, len(narrow[block])))
        np.add.at(cover, hit, _gaussian(centre, narrow[block], sigma).ravel())

    gap = max(2, int(np.ceil(2.0 * sigma)))
    tolerance = _tolerance(cloud.spacing)
    grown = _closed(front.reshape(-1, stride), gap)
    # the discs reach in front of the surface where it slopes away; shrunk by their radius they lie on it again
    shrunk = _extreme(grown, int(np.ceil(1.9 * sigma)), np.maximum)
    on_surface = near <= shrunk.ravel()[home] + tolerance
    # a steeper step than a slope of 70 degrees is a silhouette: there nothing behind the discs may show
    front = np.where(shrunk < grown + 2 * tolerance, shrunk, grown).ravel()
    keep, home, near, centre = keep[on_surface], home[on_surface], near[on_surface], centre[on_surface]
    values = [near, *cloud.colors[keep].T]
    if cloud.segments is not None:
        painted = (cloud.segments[keep] > 0).astype(np.float32)
        values.append(painted)
        if cloud.several:
            values += [*(_palette(cloud.segments[keep]) * painted[:, None]).T]
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

    closed = ~_closed((cover <= COVERAGE).reshape(-1, stride), gap)
    _fill_holes(closed.ravel(), total, sums, 3 * gap, stride)

    def crop(image: NDArray[Any]) -> NDArray[Any]:
        return image.reshape(-1, stride)[reach : reach + height, reach : reach + width]

    covered = crop(closed) & (crop(total) > 0)
    share = 1 / np.maximum(crop(total), np.float32(1e-30))
    means = [crop(image) * share for image in sums]
    surface_depth = np.where(covered, means[0], np.float32(np.inf))
    colors = np.stack(means[1:4], axis=-1)
    if cloud.segments is None:
        return _Surface(surface_depth, colors, None, np.array(MASK_COLOR, np.float32))
    paint = np.where(covered, means[4], np.float32(0))
    if not cloud.several:
        return _Surface(surface_depth, colors, paint, np.array(MASK_COLOR, np.float32))
    paint_colors = (np.stack(means[5:8], axis=-1) / np.maximum(paint, 1e-6)[..., None]).astype(np.float32)
    return _Surface(surface_depth, colors, paint, paint_colors)


def _fill_holes(covered: NDArray[np.bool_], total: Floats, sums: list[Floats], reach: int, stride: int) -> None:
    """Give covered cells that no point reached the values of the nearest cell that one did, in place."""
    cells = np.flatnonzero(covered & (total == 0))
    disc = _disc(reach)
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


def _smooth(depth: Floats, radius: int, tolerance: float) -> Floats:
    """The depth image without the bumps of single points: a-trous averages that stop at steps over the tolerance."""
    smooth = np.where(np.isfinite(depth), depth, np.float32(1e6))
    step = 1 << max(0, radius).bit_length() - 1 if radius > 0 else 0
    while step:  # widest first: the finer steps then wipe out the lattice that the wider ones leave
        for down, right in ((step, 0), (0, step)):
            total, weight = smooth * 2, np.full_like(smooth, 2)
            for sign in (-1, 1):
                neighbour = _shifted(smooth, sign * down, sign * right)
                same = np.abs(neighbour - smooth) < tolerance
                total += neighbour * same
                weight += same
            smooth = total / weight
        step //= 2
    return smooth


def _shade(surface: _Surface, scale: float, spacing: float, line: int) -> Floats:
    """[H, W, 3] colours 0..255 of the lit surface on white; `line` is the width of a one-pixel line."""
    covered = np.isfinite(surface.depth)
    painted = np.zeros_like(covered) if surface.paint is None else surface.paint > 0.5
    smooth = _smooth(surface.depth, int(0.8 * spacing * scale), _tolerance(spacing))
    light = _soft_light(smooth, scale) * _eye_dome(smooth, line)
    light = np.where(painted, 0.4 + 0.6 * light, light)  # paint glows a little, or its dark side turns brown
    lit = surface.colors * light[..., None]
    if surface.paint is not None:
        luminance = (surface.colors @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
        # quieter surroundings, so that the mask stands out of a colourful cloud
        quiet = 0.75 * (0.65 * surface.colors + 0.35 * luminance) + 0.25 * 255
        paint = 0.95 * surface.paint_colors * (0.94 + 0.06 * luminance / 255) + 0.05 * surface.colors
        lit = np.where(painted[..., None], paint, quiet) * light[..., None]
        rim = painted & _grow(covered & ~painted, line * 2)
        lit = np.where(rim[..., None], 0.5 * surface.paint_colors, lit)
    background = BACKGROUND * (1 - 0.35 * _grow(covered, line) * ~covered)[..., None]
    return np.where(covered[..., None], lit, background).astype(np.float32)


def _eye_dome(depth: Floats, line: int) -> Floats:
    """Brightness 0..1: a pixel darkens by how far its neighbours stand before it (Boucheny 2009)."""
    logs = np.log2(depth)
    response = np.zeros_like(depth)
    for radius, strength in ((line, 1.0), (4 * line, 0.6)):
        for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
            neighbour = _shifted(logs, dy * radius, dx * radius)
            response += strength / 8 * np.clip(logs - neighbour - 0.004, 0, 0.05)
    return np.exp(-response * 14)


def _soft_light(depth: Floats, scale: float) -> Floats:
    """Brightness about 1 from a light over the viewer's left shoulder, on normals of the depth image."""
    slopes = []
    for down, right in ((2, 0), (0, 2)):
        forward = _shifted(depth, down, right) - depth
        backward = depth - _shifted(depth, -down, -right)
        # the flatter side: the other one may lie across a silhouette
        flatter = np.where(np.abs(forward) < np.abs(backward), forward, backward)
        slopes.append(np.where(np.abs(flatter) < CAMERA_DISTANCE, flatter, 0) * (scale / 2))
    along_y, along_x = slopes
    length = np.sqrt(along_x**2 + along_y**2 + 1)
    facing = (0.66 - 0.45 * along_x - 0.60 * along_y) / length
    return (0.74 + 0.46 * np.clip(facing, 0, 1)).astype(np.float32)


def _shifted(image: Floats, down: int, right: int) -> Floats:
    """image[y + down, x + right]; what wraps round comes from the empty margin of the panel."""
    return np.roll(image, (-down, -right), axis=(0, 1))


def _grow(region: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """The region and all pixels within `radius` of it, in a rounded square."""
    grown = region.copy()
    for dx, dy in _disc(radius):
        if dx or dy:
            rows, columns = _overlap(region.shape[0], dy), _overlap(region.shape[1], dx)
            grown[rows[0], columns[0]] |= region[rows[1], columns[1]]
    return grown


def _closed(image: NDArray[Any], radius: int) -> NDArray[Any]:
    """Gaps and notches up to 2 * radius wide filled from the lower values round them (grey closing)."""
    return _extreme(_extreme(image, radius, np.minimum), radius, np.maximum)


def _extreme(image: NDArray[Any], radius: int, pick: np.ufunc) -> NDArray[Any]:
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


def _disc(radius: float) -> NDArray[np.int64]:
    """[P, 2] integer offsets (dx, dy) within the radius."""
    reach = int(np.ceil(radius))
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    inside = dx**2 + dy**2 <= radius**2
    return np.stack([dx[inside], dy[inside]], axis=1).astype(np.int64)


def _blocks(offsets: int, points: int) -> list[slice]:
    """Slices of the offsets, so that a slice times the points stays near `BLOCK` pairs."""
    step = max(1, BLOCK // max(1, points))
    return [slice(i, i + step) for i in range(0, offsets, step)]


def _tolerance(spacing: float) -> float:
    """How far behind the front a point may lie and still be of the surface: the slope of a splat, in cloud radii."""
    return max(2.0 * spacing, 4e-3)


def _palette(segments: NDArray[np.int64]) -> Floats:
    """[N, 3] colours: segment 1 in the mask colour, the others round the hue circle by the golden angle."""
    hue = (0.0602 + (segments - 1) * 0.381966) % 1.0
    shade = np.where(segments == 1, 1.0, np.where(segments % 2 == 0, 0.92, 0.78))
    channels = [np.clip(np.abs((hue + turn) % 1.0 * 6 - 3) - 1, 0, 1) for turn in (0, 2 / 3, 1 / 3)]
    colors = (np.stack(channels, axis=1) * 255 * shade[:, None]).astype(np.float32)
    colors[segments == 1] = MASK_COLOR
    return colors


def _marker(positive: bool, diameter: int, hidden: bool) -> Image.Image:
    """A round badge with a plus or a minus, white-rimmed, drawn large and scaled down for smooth edges."""
    zoom = 8
    side = diameter * zoom
    color = POSITIVE_COLOR if positive else NEGATIVE_COLOR
    badge = Image.new("RGBA", (side, side), (255, 255, 255, 0))
    draw = ImageDraw.Draw(badge)
    rim = side * 0.11
    draw.ellipse((0, 0, side - 1, side - 1), fill=(*INK_COLOR, 255))
    draw.ellipse((rim * 0.3, rim * 0.3, side - 1 - rim * 0.3, side - 1 - rim * 0.3), fill=(255, 255, 255, 255))
    draw.ellipse((rim, rim, side - 1 - rim, side - 1 - rim), fill=(*color, 255))
    arm, half = side * 0.22, side * 0.055
    middle = side / 2
    draw.rectangle((middle - arm, middle - half, middle + arm, middle + half), fill=(255, 255, 255, 255))
    if positive:
        draw.rectangle((middle - half, middle - arm, middle + half, middle + arm), fill=(255, 255, 255, 255))
    badge = badge.resize((diameter, diameter), Image.Resampling.BOX)
    if hidden:
        badge.putalpha(badge.getchannel("A").point([i * 2 // 5 for i in range(256)]))
    return badge


def _draw_caption(canvas: Image.Image, title: str, height: int) -> None:
    font = ImageFont.load_default(size=height)
    draw = ImageDraw.Draw(canvas)
    text = " ".join(title.split())
    left, room = height, canvas.width - 2 * height
    if draw.textlength(text, font=font) > room:
        while text and draw.textlength(text + "...", font=font) > room:
            text = text[:-1]
        text += "..."
    draw.text((left, round(height * 0.6)), text, fill=INK_COLOR, font=font)


def _layout(width: int, height: int, top: int, count: int) -> list[tuple[int, int, int, int]]:
    """Boxes (left, top, right, bottom): the first view, then the others in a column on its right."""
    if count == 1:
        return [(0, top, width, height)]
    split = width - min(width // 3, round((height - top) / max(2, count - 1) * 1.25))
    edges = np.linspace(top, height, count).astype(int)
    column = [(split, int(a), width, int(b)) for a, b in pairwise(edges)]
    return [(0, top, split, height), *column]


def _choose_views(cloud: _Cloud, clicks: Floats) -> list[View]:
    """The three-quarter view that shows most of the mask and the clicks, then two sides and one from above."""
    azimuths = [DEFAULT_AZIMUTH + 360 / RING * i for i in range(RING)]
    best = DEFAULT_AZIMUTH
    if cloud.segments is not None:
        chosen = _thinned(cloud.segments, len(cloud.points), 30_000)
        spacing = cloud.spacing * (len(cloud.points) / len(chosen)) ** 0.5
        small = _Cloud(cloud.points[chosen], cloud.colors[chosen], cloud.segments[chosen], spacing, False)
        scores = [
            # of two views that show about as much, the one nearer to the usual front
            _seen(small, clicks, (azimuth, MAIN_ELEVATION)) * (1 + 0.15 * np.cos(np.radians(azimuth - DEFAULT_AZIMUTH)))
            for azimuth in azimuths
        ]
        best = azimuths[int(np.argmax(scores))]
    return [(best, MAIN_ELEVATION), (best + 90, 18.0), (best + 180, 20.0), (best - 60, 60.0)]


def _seen(small: _Cloud, clicks: Floats, view: View, side: int = 200) -> float:
    """Area of the mask that shows, in squared cloud radii; clicks that show add up to a fifth of that."""
    projected = _project(small.points, view)
    scale, shift = _fit(projected, side, side)
    surface = _splat(small, projected[:, :2] * scale + shift, projected[:, 2], small.spacing * float(scale), side, side)
    if surface.paint is None:
        return 0.0
    visible = 0.0
    for x, y, depth in _project(clicks, view) if len(clicks) else []:
        column, row = ((np.array([x, y]) * scale + shift).clip(0, side - 1)).astype(int)
        visible += float(depth <= surface.depth[row, column] + _tolerance(small.spacing))
    return float((surface.paint > 0.5).sum()) / float(scale) ** 2 * (1 + 0.2 * visible / max(1, len(clicks)))


def _thinned(segments: NDArray[np.int64] | None, count: int, most: int) -> NDArray[np.int64]:
    """Indices of about `most` points in even steps, with every point of a small mask among them."""
    if count <= most:
        return np.arange(count)
    even = np.arange(0, count, -(-count // most))
    painted = np.zeros(0, np.int64) if segments is None else np.flatnonzero(segments > 0)
    return np.union1d(even, painted) if len(painted) <= most // 10 else even


def _spacing(points: Floats) -> float:
    """Typical distance of neighbours on the surface, in cloud radii, from the number of voxels that a grid fills.

    A surface of area A fills about 1.25 A / h^2 voxels of side h (measured on spheres); the grid is refined while its
    voxels hold enough points to be counted reliably.
    """
    few = points[:: 1 + len(points) // 200_000]
    spacing = 2.0
    for level in range(2, 10):
        side = 2.0 / 2**level
        cells = ((few + 1) / side).astype(np.int64)
        filled = len(np.unique((cells[:, 0] << 40) + (cells[:, 1] << 20) + cells[:, 2]))
        if filled * 5 > len(few) and level > 2:
            break
        spacing = side * (filled / 1.25 / len(points)) ** 0.5
    return float(spacing) if filled > 1 else 0.1  # a single place: a dot that can be seen


def _upright(points: NDArray[np.float64], clicks: NDArray[np.float64], up: str) -> tuple[Floats, Floats]:
    """Both in the unit ball about the middle of the cloud's box, z up."""
    low, high = points.min(axis=0), points.max(axis=0)
    middle = low + (high - low) / 2
    radius = float(np.linalg.norm(points - middle, axis=1).max()) or 1.0
    axes = [0, 1, 2] if up == "z" else [0, 2, 1]
    signs = np.array([1.0, 1.0, 1.0] if up == "z" else [1.0, -1.0, 1.0])

    def turned(values: NDArray[np.float64]) -> Floats:
        return (((values - middle) / radius)[:, axes] * signs).astype(np.float32)

    return turned(points), turned(clicks)


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


def _checked_points(
    coords: ArrayLike, prompts: ArrayLike | None, prompt_labels: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
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


def _checked_colors(rgb: ArrayLike | None, count: int) -> Floats:
    if rgb is None:
        return np.broadcast_to(np.array(NEUTRAL_COLOR, np.float32), (count, 3))
    colors = _numbers("rgb", rgb, "[N, 3] colours in 0..255")
    if colors.shape != (count, 3):
        raise ValueError(f"rgb has shape {colors.shape} for {count} points; give [{count}, 3], or None for grey")
    colors = colors.astype(np.float32)
    if not ((colors >= 0) & (colors <= 255)).all():
        raise ValueError("rgb holds NaN or values outside 0..255; scale the colours to 0..255")
    return colors


def _checked_segments(mask: ArrayLike | None, count: int) -> NDArray[np.int64] | None:
    if mask is None:
        return None
    segments = _numbers("mask", mask, "[N] bool or int")
    if segments.shape != (count,) or segments.dtype.kind not in "biu":
        found = f"shape {segments.shape} and type {segments.dtype}"
        raise ValueError(f"mask has {found} for {count} points; give [{count}] bool, or int segment numbers")
    return np.maximum(segments.astype(np.int64), 0) if (segments > 0).any() else None


def _checked_size(size: tuple[int, int]) -> tuple[int, int]:
    if len(size) != 2 or not all(64 <= side <= 4096 for side in size):
        raise ValueError(f"size is {size}; give (width, height) in pixels, each from 64 to 4096")
    return int(size[0]), int(size[1])


def _checked_views(views: Sequence[View]) -> list[View]:
    array = _numbers("views", list(views), "(azimuth, elevation) pairs").astype(np.float64)
    if array.ndim != 2 or array.shape[1] != 2 or not 1 <= len(array) <= 8 or not np.isfinite(array).all():
        raise ValueError(f"views has shape {array.shape}; give 1 to 8 pairs (azimuth, elevation) in degrees")
    return [(float(azimuth), float(elevation)) for azimuth, elevation in array]
