"""Figures and settings as the cells of Markdown tables."""

from collections.abc import Mapping
from typing import Any


def table(head: list[str], lines: list[list[str]]) -> str:
    """Rows of cells in Markdown."""
    rows = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in line] for line in lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def shown_clicks(clicks: int) -> list[int]:
    """Of so many clicks, those that are reported: 1, 3, 5, 10, 15, 20 and the last."""
    return sorted({k for k in (1, 3, 5, 10, 15, 20) if k <= clicks} | {clicks})


def with_interval(value: float, interval: tuple[float, float], digits: int) -> str:
    """A figure and, in brackets, its interval."""
    return f"{value:.{digits}f} [{interval[0]:.{digits}f}, {interval[1]:.{digits}f}]"


def or_dash(value: float | None) -> str:
    """A figure, or a dash where there is none."""
    return "-" if value is None else f"{value:.3f}"


def share_or_dash(value: float | None) -> str:
    """A share in percent, or a dash where there is none."""
    return "-" if value is None else f"{value:.1%}"


def flat_settings(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings within settings as `outer.inner`."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat.update(
            flat_settings(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
        )
    return flat
