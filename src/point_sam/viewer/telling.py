"""What a page says of an error."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from point_sam.messages import first_line
from point_sam.viewer.work import QueueFullError

# What the library's errors advise in Python, in the words of who starts the server.
_ADVICE = {"(read_pointcloud(..., drop_invalid=True) does)": "(point-sam view --drop-invalid does)"}


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
        message = str(err).replace(str(path), path.name)
        for in_python, with_flags in _ADVICE.items():
            message = message.replace(in_python, with_flags)
        raise ValueError(message) from err
