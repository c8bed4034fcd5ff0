"""Light on a surface, from its depth image alone: eye-dome lighting, and a soft light on the image's own normals.

Eye-dome lighting is from Boucheny 2009, "Visualisation scientifique de grands volumes de données".
"""

import numpy as np

from point_sam.picture.camera import CAMERA_DISTANCE
from point_sam.picture.colors import BACKGROUND
from point_sam.picture.images import Floats, grow, shifted
from point_sam.picture.surface import Surface, depth_tolerance


def shade(surface: Surface, scale: float, spacing: float, line: int) -> Floats:
    """[H, W, 3] colours 0..255 of the lit surface on white; `line` is the width of a one-pixel line."""
    covered = np.isfinite(surface.depth)
    painted = np.zeros_like(covered) if surface.paint is None else surface.paint > 0.5
    smooth = _smooth(surface.depth, int(0.8 * spacing * scale), depth_tolerance(spacing))
    light = _soft_light(smooth, scale) * _eye_dome(smooth, line)
    light = np.where(painted, 0.4 + 0.6 * light, light)  # paint glows a little, or its dark side turns brown
    lit = surface.colors * light[..., None]
    if surface.paint is not None:
        luminance = (surface.colors @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
        # quieter surroundings, so that the mask stands out of a colourful cloud
        quiet = 0.75 * (0.65 * surface.colors + 0.35 * luminance) + 0.25 * 255
        paint = 0.95 * surface.paint_colors * (0.94 + 0.06 * luminance / 255) + 0.05 * surface.colors
        lit = np.where(painted[..., None], paint, quiet) * light[..., None]
        rim = painted & grow(covered & ~painted, line * 2)
        lit = np.where(rim[..., None], 0.5 * surface.paint_colors, lit)
    background = BACKGROUND * (1 - 0.35 * grow(covered, line) * ~covered)[..., None]
    return np.where(covered[..., None], lit, background).astype(np.float32)


def _smooth(depth: Floats, radius: int, tolerance: float) -> Floats:
    """The depth image without the bumps of single points: a-trous averages that stop at steps over the tolerance."""
    smooth = np.where(np.isfinite(depth), depth, np.float32(1e6))
    step = 1 << max(0, radius).bit_length() - 1 if radius > 0 else 0
    while step:  # widest first: the finer steps then wipe out the lattice that the wider ones leave
        for down, right in ((step, 0), (0, step)):
            total, weight = smooth * 2, np.full_like(smooth, 2)
            for sign in (-1, 1):
                neighbour = shifted(smooth, sign * down, sign * right)
                same = np.abs(neighbour - smooth) < tolerance
                total += neighbour * same
                weight += same
            smooth = total / weight
        step //= 2
    return smooth


def _eye_dome(depth: Floats, line: int) -> Floats:
    """Brightness 0..1: a pixel darkens by how far its neighbours stand before it (Boucheny 2009)."""
    logs = np.log2(depth)
    response = np.zeros_like(depth)
    for radius, strength in ((line, 1.0), (4 * line, 0.6)):
        for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
            neighbour = shifted(logs, dy * radius, dx * radius)
            response += strength / 8 * np.clip(logs - neighbour - 0.004, 0, 0.05)
    return np.exp(-response * 14)


def _soft_light(depth: Floats, scale: float) -> Floats:
    """Brightness about 1 from a light over the viewer's left shoulder, on normals of the depth image."""
    slopes = []
    for down, right in ((2, 0), (0, 2)):
        forward = shifted(depth, down, right) - depth
        backward = depth - shifted(depth, -down, -right)
        # the flatter side: the other one may lie across a silhouette
        flatter = np.where(np.abs(forward) < np.abs(backward), forward, backward)
        slopes.append(np.where(np.abs(flatter) < CAMERA_DISTANCE, flatter, 0) * (scale / 2))
    along_y, along_x = slopes
    length = np.sqrt(along_x**2 + along_y**2 + 1)
    facing = (0.66 - 0.45 * along_x - 0.60 * along_y) / length
    return (0.74 + 0.46 * np.clip(facing, 0, 1)).astype(np.float32)
