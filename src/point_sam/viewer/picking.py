"""From a ray through the pointer to the point under it."""

from collections.abc import Sequence

from point_sam.viewer.drawing import Drawing

# Radians on either side of the ray: five pixels of a window 800 high with a field of view of 45 degrees.
POINTER_ANGLE = 0.005


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
    its depth. Of the points hit those of the front surface count, no deeper than the first by more than its tolerance;
    among them the one nearest to the ray is taken.

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
    raise NotImplementedError
