"""`save_picture`: a picture to a file."""

import os
from pathlib import Path

from PIL import Image

from point_sam.atomic import write_atomically


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
    write_atomically(path, lambda file: image.save(file, format=kind))
