"""Where to look from when nobody says."""

import numpy as np

from point_sam.picture.camera import View, fit, project
from point_sam.picture.cloud import Cloud, thinned
from point_sam.picture.images import Floats
from point_sam.picture.surface import depth_tolerance, splat

_DEFAULT_AZIMUTH = -55.0
_MAIN_ELEVATION = 24.0
_RING = 12  # azimuths tried for the main view


def choose_views(cloud: Cloud, clicks: Floats) -> list[View]:
    """The three-quarter view that shows most of the mask and the clicks, then two sides and one from above."""
    azimuths = [_DEFAULT_AZIMUTH + 360 / _RING * i for i in range(_RING)]
    best = _DEFAULT_AZIMUTH
    if cloud.segments is not None:
        chosen = thinned(cloud.segments, len(cloud.points), 30_000)
        spacing = cloud.spacing * (len(cloud.points) / len(chosen)) ** 0.5
        small = Cloud(cloud.points[chosen], cloud.colors[chosen], cloud.segments[chosen], spacing, False)
        scores = [
            # of two views that show about as much, the one nearer to the usual front
            _seen(small, clicks, (azimuth, _MAIN_ELEVATION))
            * (1 + 0.15 * np.cos(np.radians(azimuth - _DEFAULT_AZIMUTH)))
            for azimuth in azimuths
        ]
        best = azimuths[int(np.argmax(scores))]
    return [(best, _MAIN_ELEVATION), (best + 90, 18.0), (best + 180, 20.0), (best - 60, 60.0)]


def _seen(small: Cloud, clicks: Floats, view: View, side: int = 200) -> float:
    """Area of the mask that shows, in squared cloud radii; clicks that show add up to a fifth of that."""
    projected = project(small.points, view)
    scale, shift = fit(projected, side, side)
    surface = splat(small, projected[:, :2] * scale + shift, projected[:, 2], small.spacing * float(scale), side, side)
    if surface.paint is None:
        return 0.0
    visible = 0.0
    for x, y, depth in project(clicks, view) if len(clicks) else []:
        column, row = ((np.array([x, y]) * scale + shift).clip(0, side - 1)).astype(int)
        visible += float(depth <= surface.depth[row, column] + depth_tolerance(small.spacing))
    return float((surface.paint > 0.5).sum()) / float(scale) ** 2 * (1 + 0.2 * visible / max(1, len(clicks)))
