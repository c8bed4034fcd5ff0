"""From points to pixels: a camera that looks at the origin."""

import numpy as np

from point_sam.picture.images import Floats

View = tuple[float, float]

CAMERA_DISTANCE = 4.0  # in cloud radii: a mild perspective, 28 degrees wide


def project(points: Floats, view: View) -> Floats:
    """[N, 3] of right, down and distance to the camera, in mild perspective around the origin."""
    azimuth, elevation = np.radians(view)
    toward = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    seen = points @ np.stack([right, -np.cross(toward, right), toward], axis=1).astype(np.float32)
    seen[:, 2] = CAMERA_DISTANCE - seen[:, 2]
    seen[:, :2] *= CAMERA_DISTANCE / seen[:, 2:]
    return seen


def fit(projected: Floats, width: int, height: int) -> tuple[np.float32, Floats]:
    """Scale and shift that centre the projected points in the panel, with a margin."""
    low, high = projected[:, :2].min(axis=0), projected[:, :2].max(axis=0)
    extent = np.maximum(high - low, 1e-6)
    room = 0.91 * np.array([width, height])
    scale = np.float32(min(room[0] / extent[0], room[1] / extent[1], min(room) / 0.2))
    return scale, (np.array([width, height]) / 2 - (low + high) / 2 * scale).astype(np.float32)
