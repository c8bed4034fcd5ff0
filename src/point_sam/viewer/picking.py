"""From a ray through the pointer to the point under it.

Points are drawn as discs with gaps between them, and what is meant is a surface. A click in a gap means the surface
around it, not what shows through; a click beside an edge means what is drawn there, not the edge.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float, Integer

from point_sam.viewer.drawing import Drawing

# Radians on either side of the ray: five pixels of a window 800 high with a field of view of 45 degrees.
POINTER_ANGLE = 0.005
# Radians: one such pixel. No point is drawn smaller.
_PIXEL = 0.001
# Tolerances that one surface may be deep: enough where it is seen at up to 63 degrees from its normal.
_DEEP = 2.0
# Length of the mean direction from the ray to the points of a surface: 0 amid them, 2/pi at a straight edge.
_AMID = 0.4


def pick(
    drawing: Drawing,
    origin: Sequence[float],
    direction: Sequence[float],
    *,
    point_size: float | None = None,
    angle: float = POINTER_ANGLE,
) -> int | None:
    """The scene's point that a click means, or None where it went past everything.

    Along the ray, the first surface is taken that the ray hits: on the disc of one of its points, or amid points that
    it passes within their `reach`. Where it hits none, the first that it passes within `angle` of a point's disc. The
    point of that surface that is nearest to the ray is the answer.

    Args:
        drawing: what is shown.
        origin, direction: of the ray, [3] in the drawing's units; the direction of any length.
        point_size: diameter of the drawn points, in the drawing's units; None takes `drawing.point_size`.
        angle: how far beside its disc a point is still meant, in radians.

    Returns:
        An index into the scene's points.

    Raises:
        ValueError: origin or direction is not three finite numbers, or the direction has no length.
    """
    start, along = _ray(origin, direction)
    # Measured from the place on the ray nearest to the drawing's center: float32 loses points seen from far away.
    ahead = -float(start @ along)
    offset = drawing.positions - (start + ahead * along).astype(np.float32)
    along = along.astype(np.float32)
    beyond = offset @ along
    offset -= beyond[:, None] * along
    aside = np.sqrt(np.einsum("nd,nd->n", offset, offset))
    depth = beyond + np.float32(ahead)
    disc = np.maximum(np.float32((drawing.point_size if point_size is None else point_size) / 2), _PIXEL * depth)
    near = disc + np.float32(angle) * depth
    tolerance = np.maximum(near, drawing.reach)
    passed = np.flatnonzero((depth > 0) & (aside <= tolerance))
    passed = passed[np.argsort(depth[passed], kind="stable")]
    hit = (
        surface
        for surface in _surfaces(passed, depth, tolerance)
        if (aside[surface] <= disc[surface]).any() or _is_amid(offset[surface], aside[surface])
    )
    beside = _surfaces(passed[aside[passed] <= near[passed]], depth, tolerance)
    meant = next(hit, None)
    meant = next(beside, None) if meant is None else meant
    return None if meant is None else int(drawing.index[meant[aside[meant].argmin()]])


def _surfaces(
    points: Integer[np.ndarray, " P"], depth: Float[np.ndarray, " D"], tolerance: Float[np.ndarray, " D"]
) -> Iterator[Integer[np.ndarray, " S"]]:
    """Points in order of depth, cut where a surface ends that begins at the first of them."""
    while len(points):
        end = int(np.searchsorted(depth[points], depth[points[0]] + _DEEP * tolerance[points[0]], side="right"))
        yield points[:end]
        points = points[end:]


def _is_amid(offset: Float[np.ndarray, "S 3"], aside: Float[np.ndarray, " S"]) -> bool:
    """Whether the ray has points on all sides."""
    if len(offset) < 3:
        return False
    towards = offset / aside[:, None]  # none is 0: the ray would be on that point's disc
    return bool(np.linalg.norm(towards.mean(axis=0)) < _AMID)


def _ray(origin: Sequence[float], direction: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    start, along = np.asarray(origin, np.float64), np.asarray(direction, np.float64)
    for name, values in (("origin", start), ("direction", along)):
        if values.shape != (3,) or not np.isfinite(values).all():
            raise ValueError(f"{name} of the ray is {list(values.ravel()[:6])}; expected three finite numbers")
    length = np.linalg.norm(along)
    if not length > 0:
        raise ValueError("direction of the ray has no length; give where it points")
    return start, along / length
