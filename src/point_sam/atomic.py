"""Writing a file so that its name always stands for a complete file: the old one or the new one.

Imports nothing of the package, so that every room may use it.
"""

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Call `write` on a binary file that becomes `path` when it returns; see `replacing`."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        write(file)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """An empty temporary file in the same folder, for the block to write; it then comes to disk and becomes `path`.

    Whatever goes wrong, the old file stays and no temporary file is left. A symbolic link is followed. An existing
    file's permissions are kept; a new one gets those that the umask grants, even where the block has put a private
    file (0600) in the temporary one's place, as safetensors does.

    Raises:
        FileNotFoundError: the folder does not exist.
        OSError: the path is a folder or a device, or the system refuses (permissions, a full disk).
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path}: the folder {target.parent} does not exist; create it first")
    if target.exists() and not target.is_file():
        raise FileExistsError(errno.EEXIST, "is not a regular file; choose another name", str(path))
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}.tmp")
    # Not tempfile: its files are private, and the umask cannot be asked without setting it for every thread.
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    try:
        mode = stat.S_IMODE((target if target.exists() else temporary).stat().st_mode)
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
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
