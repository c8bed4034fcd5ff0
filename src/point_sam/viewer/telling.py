"""What a page says of an error."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from point_sam.messages import first_line
from point_sam.viewer.work import QueueFullError


def message_of(err: Exception) -> str | None:
    """One line for the person; None for a mistake of ours, which belongs into the log."""
    if isinstance(err, MemoryError):
        return "out of memory"
    if isinstance(err, ValueError | OSError | ImportError | QueueFullError):
        return first_line(err)
    return None


@contextmanager
def told_by_name(path: Path) -> Iterator[None]:
    """Errors name the file, and not where the server keeps it.

    Raises:
        ValueError: in place of a ValueError or OSError.
    """
    try:
        yield
    except (ValueError, OSError) as err:
        raise ValueError(str(err).replace(str(path), path.name)) from err
