"""Paths typed in a page, confined to one folder."""

from pathlib import Path


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
    root = folder.resolve()
    try:
        path = (root / typed).resolve()
    except (OSError, RuntimeError):  # links in a circle
        path = root.parent
    if not path.is_relative_to(root) or path == root:
        raise ValueError(f"{typed}: lies outside {root.name or root}, the folder that the viewer was started in")
    if not path.is_file():
        raise FileNotFoundError(f"{typed}: no such file in {root.name or root}")
    return path


def safe_name(name: str) -> str:
    """The last part of a file name that a browser sent, of letters, digits and .-_ alone; the suffix stays."""
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(c if c.isalnum() or c in ".-_" else "_" for c in last).lstrip(".")[-100:]
    return kept or "upload"
