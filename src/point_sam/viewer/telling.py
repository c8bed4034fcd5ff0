"""What a page says of an error."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from point_sam.clouds import PointCloudError
from point_sam.messages import first_line
from point_sam.viewer.work import QueueFullError

# What an error advises, in the words of who starts the server.
_ADVICE = {"drop_invalid": "drop them (point-sam view --drop-invalid does) or repair the source"}


def message_of(err: Exception) -> str | None:
    """One line for the person; None for a mistake of ours, which belongs into the log."""
    if isinstance(err, MemoryError):
        return "out of memory"
    if isinstance(err, ValueError | OSError | ImportError | QueueFullError):
        return first_line(err)
    return None


@contextmanager
def told_by_name(path: Path) -> Iterator[None]:
    """Errors name the file, not where the server keeps it, and the server's flags instead of Python.

    Raises:
        ValueError: in place of a ValueError or OSError.
    """
    try:
        yield
    except (ValueError, OSError) as err:
        message = err.advise(_ADVICE) if isinstance(err, PointCloudError) else str(err)
        raise ValueError(message.replace(str(path), path.name)) from err
