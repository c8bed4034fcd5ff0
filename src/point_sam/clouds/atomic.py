"""Writing a file so that its name always stands for a complete file: the old one or the new one."""

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from point_sam.clouds.cloud import PointCloudError


def write_atomically(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Call `write` on a temporary file in the same folder, bring it to disk, then rename it to `path`.

    Whatever goes wrong, the old file stays and no temporary file is left. A symbolic link is followed; an
    existing file's permissions are kept.

    Raises:
        FileNotFoundError: the folder does not exist.
        PointCloudError: the path is a folder or a device.
        OSError: the system refuses (permissions, a full disk).
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path}: the folder {target.parent} does not exist; create it first")
    if target.exists() and not target.is_file():
        raise PointCloudError("is not a regular file; choose another name")
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}.tmp")
    # Not tempfile: its files are private (0600), and the result should get the permissions any new file gets.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Bring the rename itself to disk, where the system lets a folder be opened (not on Windows)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
