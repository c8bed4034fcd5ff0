"""Paths typed in a page, confined to one folder."""

from pathlib import Path

_MOST_TYPED = 1024  # characters
_MOST_NAME = 100  # bytes, as file systems count; exports and temporary files append to it


def inside(folder: Path, typed: str) -> Path:
    """The file that somebody named, if it lies in the folder; links that lead out of it do not.

    Args:
        folder: all that people may open.
        typed: relative to the folder, or absolute.

    Raises:
        ValueError: nothing typed, or it lies elsewhere, whether there is such a file or not.
        FileNotFoundError: there is no such file in the folder.
    """
    typed = typed.strip()
    if not typed or "\0" in typed:
        raise ValueError("type the path of a file first")
    if len(typed) > _MOST_TYPED:
        raise ValueError(f"the path has {len(typed):,} characters; at most {_MOST_TYPED:,} are read")
    root = folder.resolve()
    try:
        path = (root / typed).resolve()
    except (OSError, RuntimeError):  # links in a circle
        path = root.parent
    if not path.is_relative_to(root) or path == root:
        raise ValueError(f"{typed}: lies outside {root.name or root}, the folder that the viewer was started in")
    try:
        is_file = path.is_file()
    except OSError:  # a part of it is too long to be a name, or is not to be looked into
        is_file = False
    if not is_file:
        raise FileNotFoundError(f"{typed}: no such file in {root.name or root}")
    return path


def safe_name(name: str) -> str:
    """The last part of a file name that a browser sent, of letters, digits and .-_, 100 bytes; the suffix stays."""
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = "".join(c if c.isalnum() or c in ".-_" else "_" for c in last)
    return plain.encode()[-_MOST_NAME:].decode(errors="ignore").lstrip(".") or "upload"
