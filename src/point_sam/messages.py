"""Words for errors, each one readable line. Imports nothing of the package, so that every room may use it."""

from collections.abc import Iterable

_MOST_QUOTED = 200  # characters


def printable(text: str, most: int) -> str:
    """`text` as one line of at most `most` characters, whatever a file put into it: control characters as escapes."""
    line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: 2 * most])
    return line if len(line) <= most else line[: most - 3] + "..."


def first_line(err: BaseException) -> str:
    """What another library's error says, to be quoted: its first line, or its type where it says nothing."""
    return (str(err).strip().splitlines() or [type(err).__name__])[0][:_MOST_QUOTED]


def format_point(xyz: Iterable[float], digits: int = 6) -> str:
    """A point as a sentence names it; UTM coordinates need ten digits."""
    return "(" + ", ".join(f"{float(value):.{digits}g}" for value in xyz) + ")"
