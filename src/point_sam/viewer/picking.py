"""From a ray through the pointer to the point under it."""

from collections.abc import Sequence

import numpy as np

from point_sam.viewer.drawing import Drawing

# Radians on either side of the ray: five pixels of a window 800 high with a field of view of 45 degrees.
POINTER_ANGLE = 0.005
# Tolerances that the front surface may be deep: enough where it is seen at up to 63 degrees from its normal.
_FRONT = 2.0


def pick(
    drawing: Drawing,
    origin: Sequence[float],
    direction: Sequence[float],
    *,
    point_size: float | None = None,
    angle: float = POINTER_ANGLE,
) -> int | None:
    """The scene's point that a click means, or None where it went past everything.

    A point is hit if the ray passes it within its drawn radius or its `reach`, whichever is more, plus `angle` times
    its depth. Of the points hit those of the front surface count, no deeper than the first by more than twice its
    tolerance; among them the one nearest to the ray is taken.

    Args:
        drawing: what is shown.
        origin, direction: of the ray, [3] in the drawing's units; the direction of any length.
        point_size: diameter of the drawn points, in the drawing's units; None takes `drawing.point_size`.
        angle: how far from the ray a point may lie however small it looks, in radians.

    Returns:
        An index into the scene's points.

    Raises:
        ValueError: origin or direction is not three finite numbers, or the direction has no length.
    """
    start, along = _ray(origin, direction)
    radius = (drawing.point_size if point_size is None else point_size) / 2
    # Measured from the place on the ray nearest to the drawing's center: float32 loses points seen from far away.
    ahead = -float(start @ along)
    offset = drawing.positions - (start + ahead * along).astype(np.float32)
    along = along.astype(np.float32)
    beyond = offset @ along
    offset -= beyond[:, None] * along
    aside = np.sqrt(np.einsum("nd,nd->n", offset, offset))
    depth = beyond + np.float32(ahead)
    tolerance = np.maximum(drawing.reach, np.float32(radius)) + np.float32(angle) * depth
    hit = np.flatnonzero((depth > 0) & (aside <= tolerance))
    if len(hit) == 0:
        return None
    first = hit[depth[hit].argmin()]
    front = hit[depth[hit] <= depth[first] + _FRONT * tolerance[first]]
    return int(drawing.index[front[aside[front].argmin()]])


def _ray(origin: Sequence[float], direction: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    start, along = np.asarray(origin, np.float64), np.asarray(direction, np.float64)
    for name, values in (("origin", start), ("direction", along)):
        if values.shape != (3,) or not np.isfinite(values).all():
            raise ValueError(f"{name} of the ray is {list(values.ravel()[:6])}; expected three finite numbers")
    length = np.linalg.norm(along)
    if not length > 0:
        raise ValueError("direction of the ray has no length; give where it points")
    return start, along / length
