"""Focus: a ball of a cloud encoded again by itself, so that a small object gets all the groups of the encoder.

A network sees a fixed number of groups, of a fixed number of points where `max_encoder_points` is set. In a street they
lie metres apart; in a ball round one car, centimetres. What the ball's points are answered is mapped back to all points
of the cloud; a point outside is never in the mask.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8

from point_sam.encoded import EncodedCloud
from point_sam.inputs import BALL_SLACK, Frame
from point_sam.messages import format_point
from point_sam.predictor import PointSAM

# Outside the ball: a probability of 1e-13, and yet a number that arithmetic on logits survives.
OUTSIDE_LOGIT = -30.0
# The ball of a mask reaches so far beyond it. Of 1.2, 1.5 and 2.5, on composed scenes of the validation families
# (docs/tiny.md): the smaller two are best for parts and equally good, and 1.5 shows more of what lies around.
MARGIN = 1.5
# A mask's radius holds this share of its points: the rest may be strays far off.
_HELD = 0.95
# What a mask's ball holds at least: a mask of one point, or of coincident ones, has no extent.
_FEWEST = 64
# Without a mask, the points round the click that are focused on: what `tiny` sees whole.
_NEAR = 8192


@runtime_checkable
class Whole(Frame, Protocol):
    """A cloud that a focus is a part of: an `EncodedCloud`, or what needs no encoding of the whole."""

    @property
    def coords(self) -> Float32[np.ndarray, "N 3"]:
        """The points in the unit ball."""
        ...

    @property
    def rgb(self) -> UInt8[np.ndarray, "N 3"] | None:
        """Colours."""
        ...

    @property
    def num_points(self) -> int:
        """N."""
        ...


@dataclass(frozen=True, eq=False)
class Focus:
    """The points of a cloud inside a ball, encoded by themselves.

    Attributes:
        center, radius: of the ball, in the cloud's units.
        points: which points of the cloud lie in it, ascending.
        encoded: those points; it takes prompts in the cloud's units.
        num_points: of the whole cloud, N.
    """

    center: Float64[np.ndarray, "3"]
    radius: float
    points: Int64[np.ndarray, " P"]
    encoded: EncodedCloud
    num_points: int

    def holds(self, point: Any) -> bool:
        """Whether a click at `point` [3], in the cloud's units, is one on these points or near them."""
        return self._distance(point) <= self.encoded.scale * (1 + BALL_SLACK)

    def explain(self, point: Any) -> str:
        """Why `holds` says no to a point [3]: the rest of a sentence about it."""
        return (
            f"lies outside the focus: its {len(self.points):,} points, those within {self.radius:g} of "
            f"{format_point(self.center)}, reach {self.encoded.scale:g} from their middle, which is "
            f"{self._distance(point):g} away"
        )

    def spread(self, logits: Float32[np.ndarray, "C P"]) -> Float32[np.ndarray, "C N"]:
        """Logits of the points in focus as logits of all points; OUTSIDE_LOGIT elsewhere."""
        whole = np.full((len(logits), self.num_points), OUTSIDE_LOGIT, np.float32)
        whole[:, self.points] = logits
        return whole

    def _distance(self, point: Any) -> float:
        return float(np.linalg.norm(np.asarray(point, np.float64) - self.encoded.center))


def focus_on(model: PointSAM, cloud: Whole, center: Any, radius: float) -> Focus:
    """Encode the points of a cloud that lie in a ball, with the grouping that the model now has.

    Args:
        model: encodes.
        cloud: the whole one.
        center: [3], in the cloud's units.
        radius: in the cloud's units.

    Raises:
        ValueError: the ball is not of finite numbers, its radius is not positive, or no point lies in it.
    """
    middle = _checked(center)
    if not (np.isfinite(radius) and radius > 0):
        raise ValueError(f"radius {radius} of the focus is not a positive number, in the cloud's units")
    coords = cloud.coords
    points = np.flatnonzero(_distances(cloud, coords, middle) <= radius)
    if not len(points):
        nearest = float(_distances(cloud, coords, middle).min())
        raise ValueError(
            f"no point lies within {radius:g} of {format_point(middle)}, the nearest one is {nearest:g} away; give the "
            f"focus a larger radius or another center"
        )
    xyz = coords[points].astype(np.float64) * cloud.scale + cloud.center
    rgb = None if cloud.rgb is None else cloud.rgb[points]
    return Focus(middle, float(radius), points, model.encode(xyz, rgb, normalize=True), cloud.num_points)


def choose_ball(
    cloud: Whole,
    mask: Bool[np.ndarray, " N"],
    clicks: Sequence[Any],
    *,
    center: Any = None,
    radius: float | None = None,
    margin: float = MARGIN,
) -> tuple[Float64[np.ndarray, "3"], float]:
    """The ball to focus on, as far as it is not given.

    With a mask, its center is the mean of the mask's points, and its radius `margin` times that of the ball round the
    center that holds 95% of them, or what holds 64 points of the cloud if that is more. Without one, the last click,
    and the radius that holds the 8192 points nearest to it.
    In either case the radius grows until all the clicks are inside.

    Args:
        cloud: the whole one.
        mask: the object so far; may be empty.
        clicks: those on the object, in the cloud's units, the last one last.
        center, radius: the ball's, if given, in the cloud's units.
        margin: how far the ball reaches beyond the mask.

    Raises:
        ValueError: there is neither a mask nor a click nor a center, the center is no point, or the margin is below 1.
    """
    if not margin >= 1:
        raise ValueError(f"margin is {margin}; a focus reaches beyond its object by a factor of 1 or more")
    coords = cloud.coords
    if center is None:
        if mask.any():
            middle = coords[mask].mean(axis=0, dtype=np.float64) * cloud.scale + cloud.center
        elif clicks:
            middle = np.asarray(clicks[-1], np.float64)
        else:
            raise ValueError("there is nothing to focus on yet; click on the object first, or give center and radius")
    else:
        middle = _checked(center)
    if radius is None:
        near = min(_FEWEST if mask.any() else _NEAR, len(coords)) - 1
        radius = float(np.partition(_distances(cloud, coords, middle), near)[near])
        if mask.any():
            radius = max(radius, margin * float(np.quantile(_distances(cloud, coords[mask], middle), _HELD)))
        away = [float(np.linalg.norm(np.asarray(click) - middle)) for click in clicks]
        radius = max([radius, *away]) * (1 + 1e-6)  # a click on the very border stays inside after rounding
    return middle, float(radius)


def _checked(center: Any) -> Float64[np.ndarray, "3"]:
    middle = np.asarray(center, np.float64)
    if middle.shape != (3,) or not np.isfinite(middle).all():
        raise ValueError(f"center {np.ravel(middle).tolist()} of the focus is not three finite numbers")
    return middle


def _distances(
    cloud: Whole, coords: Float32[np.ndarray, "M 3"], center: Float64[np.ndarray, "3"]
) -> Float32[np.ndarray, " M"]:
    """From points in the unit ball to a center in the cloud's units, in those units."""
    offset = coords - ((center - cloud.center) / cloud.scale).astype(np.float32)
    return np.sqrt(np.einsum("md,md->m", offset, offset)) * np.float32(cloud.scale)
