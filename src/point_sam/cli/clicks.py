"""Clicks: from --point, --index and --label to points in the unit ball."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

import typer
from typer.core import TyperCommand

from point_sam import messages

if TYPE_CHECKING:
    import numpy as np

    from point_sam import PointCloud

    Array = np.ndarray[Any, Any]
    Unit = tuple[Array, Array, float]

_FAR = 0.02  # of the cloud's radius: farther from every point than a click on a surface is by accident
_POINT = "--point"


@dataclass(frozen=True)
class Prompt:
    """One click as given: at a point of space or at a point of the file, by its index; on the object, or off it."""

    place: tuple[float, float, float] | int
    positive: bool


class Move(NamedTuple):
    """How a click came onto the surface of a mesh, in the file's units; `far` if it was far from every point."""

    given: tuple[float, float, float]
    on_surface: list[float]
    distance: float
    far: bool


@dataclass(frozen=True)
class Click:
    """One click placed in a cloud.

    Attributes:
        point: in the file's units.
        unit_point: in the unit ball.
        positive: on the object, or off it.
        distance: to the nearest point of the cloud, in the file's units.
        far: the distance is more than 2% of the cloud's radius.
        move: on a mesh, how it came to `point`.
    """

    point: tuple[float, float, float]
    unit_point: tuple[float, float, float]
    positive: bool
    distance: float
    far: bool
    move: Move | None = None


class PointsCommand(TyperCommand):
    """A command whose --point takes three numbers and may be repeated, which typer itself does not offer."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Join the three numbers behind each --point into one argument."""
        return super().parse_args(ctx, join_points(args))


def join_points(args: Sequence[str]) -> list[str]:
    """`--point 1 2 -3` as `--point 1,2,-3`, whatever the three are, up to the next option."""
    joined: list[str] = []
    rest = list(args)
    while rest:
        arg = rest.pop(0)
        joined.append(arg)
        if arg == "--":
            return joined + rest
        if arg == _POINT:
            parts: list[str] = []
            while rest and len(parts) < 3 and (_is_number(rest[0]) or not rest[0].startswith("-")):
                parts.append(rest.pop(0))
                if len(parts) == 1 and "," in parts[0]:  # already one argument
                    break
            if parts:
                joined.append(",".join(parts))
    return joined


def prompts_of(
    points: Sequence[str] | None, indices: Sequence[int] | None, labels: Sequence[int] | None
) -> list[Prompt]:
    """The clicks in the order of the labels: points first, then indices.

    Raises:
        typer.BadParameter: no click, a point that is not three finite numbers, more or fewer labels than clicks, or
            no click on the object.
    """
    places: list[tuple[float, float, float] | int] = [*map(_parse_point, points or ()), *(indices or ())]
    marks = list(labels or ())
    if not places:
        raise typer.BadParameter("give a click: --point X Y Z, or --index I for a point of the file")
    if marks and len(marks) != len(places):
        raise typer.BadParameter(
            f"{len(marks)} labels for {len(places)} clicks; give one per click, points first, then indices, or none at "
            f"all",
            param_hint="--label",
        )
    marks = marks or [1] * len(places)
    if not any(marks):
        raise typer.BadParameter("every click is off the object; at least one must be on it", param_hint="--label")
    return [Prompt(place, bool(mark)) for place, mark in zip(places, marks, strict=True)]


def place_clicks(prompts: Sequence[Prompt], cloud: "PointCloud", unit: "Unit", *, normalized: bool) -> list[Click]:
    """The clicks in the order in which they are sent: the first one on the object leads, the others keep theirs.

    Args:
        prompts: as given.
        cloud: in the file's units.
        unit: coordinates, center and scale, as `normalize` gives them for the cloud.
        normalized: whether the prompts' points are in the unit ball rather than in the file's units.

    Raises:
        ValueError: an index beyond the cloud, or a point far outside it.
    """
    clicks = [_place(prompt, cloud, unit, normalized=normalized) for prompt in prompts]
    first = next(i for i, click in enumerate(clicks) if click.positive)
    return [clicks[first], *clicks[:first], *clicks[first + 1 :]]


def check_reach(clicks: Sequence[Click], scale: float) -> None:
    """Refuse clicks beyond the ball that holds all points: the model would, after the cloud is encoded."""
    for click in clicks:
        distance = sum(value**2 for value in click.unit_point) ** 0.5
        if distance > 1.01:
            raise ValueError(
                f"the click at {format_point(click.point)} lies {distance * scale:.6g} from the cloud's center, beyond "
                f"all points, which lie within {scale:.6g}; click nearer to them"
            )


def _place(prompt: Prompt, cloud: "PointCloud", unit: "Unit", *, normalized: bool) -> Click:
    import numpy as np

    coords, center, scale = unit
    if isinstance(prompt.place, int):
        if prompt.place >= len(cloud):
            raise ValueError(f"--index {prompt.place} is beyond the cloud's {len(cloud)} points, numbered from 0")
        return Click(_triple(cloud.xyz[prompt.place]), _triple(coords[prompt.place]), prompt.positive, 0.0, False)
    given = np.array(prompt.place, dtype=np.float64)
    placed = given if normalized else (given - center) / scale
    if np.abs(placed).max() > 1:
        raise ValueError(
            f"{_POINT} {format_point(given)} lies far outside the cloud, {_where(given, cloud, normalized)}"
        )
    distance = float(np.sqrt(((coords - placed.astype(np.float32)) ** 2).sum(axis=1).min()))
    return Click(
        _triple(placed * scale + center if normalized else given),
        _triple(placed),
        prompt.positive,
        distance * scale,
        distance > _FAR,
    )


def _where(given: "Array", cloud: "PointCloud", normalized: bool) -> str:
    if normalized:
        return "which lies within -1 .. 1 under --normalized; leave it out for the file's own units"
    bounds = f"which spans {format_point(cloud.xyz.min(axis=0))} to {format_point(cloud.xyz.max(axis=0))}"
    return f"{bounds}; add --normalized if it is a coordinate of the unit ball" if abs(given).max() <= 1 else bounds


def format_point(xyz: Any) -> str:
    """A point in as many digits as UTM coordinates need."""
    return messages.format_point(xyz, 10)


def _parse_point(text: str) -> tuple[float, float, float]:
    parts = text.replace(",", " ").split()
    if len(parts) != 3 or not all(_is_number(part) and isfinite(float(part)) for part in parts):
        raise typer.BadParameter(f"{text!r} is not three finite numbers X Y Z", param_hint=_POINT)
    x, y, z = map(float, parts)
    return x, y, z


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _triple(xyz: Any) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in xyz)
    return x, y, z
