"""What a browser asks for, checked before it is used: viser takes any value, whether the page offers it or not."""

from collections.abc import Mapping
from typing import TypeVar

from point_sam.messages import printable

T = TypeVar("T")

_MOST_QUOTED = 80  # characters


def one_of(value: object, options: Mapping[str, T], what: str) -> T:
    """What stands in `options` under a value that a menu was set to.

    Raises:
        ValueError: it was not offered.
    """
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{what} {printable(str(value), _MOST_QUOTED)!r} is not offered; choose one of the list")
    return options[value]


def within(value: object, low: float, high: float, what: str) -> float:
    """The number that a slider was set to.

    Raises:
        ValueError: it is no number from `low` to `high`.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{what} is {printable(str(value), _MOST_QUOTED)}; it must be from {low:g} to {high:g}")
    return float(value)
