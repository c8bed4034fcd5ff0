"""How finely clouds are grouped: the numbers that an encoding depends on beside the weights and the cloud."""

from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any


@dataclass(frozen=True)
class Grouping:
    """Numbers as they are asked for: a cloud of fewer points has fewer centres, and smaller groups.

    Attributes:
        num_groups: centres (tokens) per cloud.
        group_size: points per centre; None for Voronoi cells, in which every point has one centre.
        max_encoder_points: larger clouds are grouped on a random choice of so many points, always the same one; None
            groups all. Not for Voronoi cells.

    Raises:
        ValueError: a number is not a positive whole one, or max_encoder_points comes with Voronoi cells.
    """

    num_groups: int
    group_size: int | None
    max_encoder_points: int | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None or name == "num_groups":
                check_count(name, value, least=1)
        if self.group_size is None:
            _refuse_for_voronoi("max_encoder_points", self.max_encoder_points)

    def adjusted(
        self, num_groups: int | None = None, group_size: int | None = None, max_encoder_points: int | None = None
    ) -> "Grouping":
        """The same with other numbers; None leaves one as it is, and 0 for max_encoder_points groups all points.

        Raises:
            ValueError: as the class, or group_size for Voronoi cells.
        """
        given = {"num_groups": num_groups, "group_size": group_size, "max_encoder_points": max_encoder_points}
        given = {name: value for name, value in given.items() if value is not None}
        for name, value in given.items():
            check_count(name, value, least=0 if name == "max_encoder_points" else 1)
            if name != "num_groups" and self.group_size is None:
                _refuse_for_voronoi(name, value)
        return replace(self, **{name: int(value) or None for name, value in given.items()})  # type: ignore[arg-type]


def check_count(name: str, value: Any, *, least: int) -> None:
    """Refuse what is no whole number from `least`, 0 or 1, on.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
        raise ValueError(f"{name} is {value!r}; it must be a {'' if least == 0 else 'positive '}whole number")


def _refuse_for_voronoi(name: str, value: int | None) -> None:
    if value:
        raise ValueError(f"{name} {value} does not apply: in a Voronoi model every point has one centre")
