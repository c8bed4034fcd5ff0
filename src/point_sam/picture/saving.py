"""`save_picture`: a picture to a file."""

import os
import tempfile
from pathlib import Path

from PIL import Image


def save_picture(path: str | os.PathLike[str], image: Image.Image) -> None:
    """Write the image in the format of the path's suffix; a crash on the way leaves an older file as it was.

    Raises:
        ValueError: the suffix names no image format.
        FileNotFoundError: the folder does not exist.
    """
    path = Path(path)
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind is None or kind not in Image.SAVE:
        raise ValueError(f"{path}: {path.suffix or 'no suffix'} is not a picture format; use .png, .jpg or .webp")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is not a folder; create it or give another path for the picture")
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            image.save(stream, format=kind)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp makes files that only their owner may read
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
