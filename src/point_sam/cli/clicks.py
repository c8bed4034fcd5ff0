"""Clicks: from --point, --index and --label to points in the unit ball."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    import numpy as np

    from point_sam import PointCloud

    Array = np.ndarray[Any, Any]

_FAR = 0.02  # of the cloud's radius: farther from every point than a click on a surface is by accident
_POINT = "--point"


@dataclass(frozen=True)
class Prompt:
    """One click as given: a point of space or the index of a point of the file, and whether it is on the object."""

    point: tuple[float, float, float] | None
    index: int | None
    positive: bool


@dataclass(frozen=True)
class Click:
    """One click placed in a cloud.

    Attributes:
        point: in the file's units.
        unit_point: in the unit ball.
        positive: on the object, or off it.
        distance: to the nearest point of the cloud, in the file's units.
        far: the distance is more than 2% of the cloud's radius.
    """

    point: tuple[float, float, float]
    unit_point: tuple[float, float, float]
    positive: bool
    distance: float
    far: bool


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
    xyz = [_parse_point(text) for text in points or ()]
    count = len(xyz) + len(indices or ())
    marks = list(labels or ())
    if count == 0:
        raise typer.BadParameter("give a click: --point X Y Z, or --index I for a point of the file")
    if marks and len(marks) != count:
        raise typer.BadParameter(
            f"{len(marks)} labels for {count} clicks; give one per click, points first, then indices, or none at all",
            param_hint="--label",
        )
    marks = marks or [1] * count
    if not any(marks):
        raise typer.BadParameter("every click is off the object; at least one must be on it", param_hint="--label")
    places: list[tuple[tuple[float, float, float] | None, int | None]] = [(p, None) for p in xyz]
    places += [(None, index) for index in indices or ()]
    return [Prompt(p, i, bool(mark)) for (p, i), mark in zip(places, marks, strict=True)]


def place_clicks(
    prompts: Sequence[Prompt], cloud: "PointCloud", coords: "Array", center: "Array", scale: float, *, normalized: bool
) -> list[Click]:
    """The clicks in the order in which they are sent: the first one on the object leads, the others keep theirs.

    Args:
        prompts: as given.
        cloud: in the file's units.
        coords, center, scale: as `normalize` gives them for the cloud.
        normalized: whether the prompts' points are in the unit ball rather than in the file's units.

    Raises:
        ValueError: an index beyond the cloud, or a point far outside it.
    """
    clicks = [_place(prompt, cloud, coords, center, scale, normalized=normalized) for prompt in prompts]
    first = next(i for i, click in enumerate(clicks) if click.positive)
    return [clicks[first], *clicks[:first], *clicks[first + 1 :]]


def _place(
    prompt: Prompt, cloud: "PointCloud", coords: "Array", center: "Array", scale: float, *, normalized: bool
) -> Click:
    import numpy as np

    if prompt.index is not None:
        if prompt.index >= len(cloud):
            raise ValueError(f"--index {prompt.index} is beyond the cloud's {len(cloud)} points, numbered from 0")
        return Click(_triple(cloud.xyz[prompt.index]), _triple(coords[prompt.index]), prompt.positive, 0.0, False)
    given = np.array(prompt.point, dtype=np.float64)
    unit = given if normalized else (given - center) / scale
    if np.abs(unit).max() > 1:
        raise ValueError(
            f"{_POINT} {format_point(given)} lies far outside the cloud, {_where(given, cloud, normalized)}"
        )
    distance = float(np.sqrt(((coords - unit.astype(np.float32)) ** 2).sum(axis=1).min()))
    return Click(
        _triple(unit * scale + center if normalized else given),
        _triple(unit),
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
    return "(" + ", ".join(f"{float(value):.10g}" for value in xyz) + ")"


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
