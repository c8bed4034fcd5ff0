"""Files that a command writes: refused before the work if they cannot be written after it."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from point_sam.cli.clicks import Click
from point_sam.cli.options import Up

if TYPE_CHECKING:
    import numpy as np

    from point_sam import PointCloud

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


def default_output(source: Path, *, mesh: bool = False) -> Path:
    """STEM_mask.ply in the current folder; of a mesh STEM_mask.glb, or .ply where it is one."""
    suffix = ".glb" if mesh and source.suffix.lower() != ".ply" else ".ply"
    return Path(f"{source.stem}_mask{suffix}")


def is_mesh_output(out: Path) -> bool:
    """Whether a mesh that is written under this name stays one; under others it becomes its points."""
    from point_sam.mesh.writing import WRITABLE

    return out.suffix.lower() in WRITABLE


def default_up(source: Path) -> Up:
    """The axis that glTF says points up; z for the others, which do not tell."""
    return Up.Y if source.suffix.lower() in (".glb", ".gltf") else Up.Z


def check_output(out: Path, source: Path, *, mesh: bool = False) -> None:
    """Refuse an output that is the input, has an unknown suffix, or lies in a folder that is not there.

    Args:
        out, source: output and input.
        mesh: whether the input is a mesh, so that the output may be one.

    Raises:
        typer.BadParameter: it is the input.
        ValueError, FileNotFoundError: the others.
    """
    from point_sam.clouds.registry import format_of

    if same_file(out, source):
        raise typer.BadParameter(
            f"{out} is the input; give another name, the input is never overwritten", param_hint="-o"
        )
    if not (mesh and is_mesh_output(out)):
        try:
            format_of(out, to_write=True)
        except ValueError as err:
            raise ValueError(f"{out}: {err}{_mesh_suffixes() if mesh else ''}") from err
    _check_folder(out)


def check_part_files(folder: Path | None, out: Path, source: Path) -> tuple[Path, Path] | None:
    """Where the rest and the part of a mesh go, in this order, with OUT's suffix if it is a mesh's, else .glb.

    Args:
        folder: made later if it does not exist; None for no such files.
        out, source: the other output, and the input.

    Raises:
        typer.BadParameter: one of them is the input or the output.
        ValueError, FileNotFoundError, OSError: the folder cannot be.
    """
    if folder is None:
        return None
    suffix = out.suffix.lower() if is_mesh_output(out) else ".glb"
    rest, part = folder / f"rest{suffix}", folder / f"part{suffix}"
    for path in (rest, part):
        if same_file(path, source) or same_file(path, out):
            raise typer.BadParameter(f"{path} is the input or OUT; give another folder", param_hint="--parts")
    check_parts_folder(folder)
    return rest, part


def check_parts_folder(folder: Path) -> None:
    """Refuse a folder for parts that is a file, cannot be written to, or could not be made.

    Raises:
        FileNotFoundError, OSError: which.
    """
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder}: is a file; give a folder for the parts")
    _check_folder(folder / "part" if folder.is_dir() else folder)


def check_picture(picture: Path) -> None:
    """Refuse a picture of unknown suffix, or in a folder that is not there.

    Raises:
        ValueError, FileNotFoundError: which.
    """
    if picture.suffix.lower() not in PICTURE_SUFFIXES:
        raise ValueError(f"{picture}: pictures are written as {' '.join(PICTURE_SUFFIXES)}")
    _check_folder(picture)


def check_attributes(out: Path, cloud: "PointCloud") -> None:
    """Try whether the output's format holds the cloud's attributes, on the rows with their extreme values.

    Encoding can take minutes; what the format refuses is better said before.

    Raises:
        ValueError: it does not.
    """
    import numpy as np

    from point_sam.clouds import PointCloud
    from point_sam.clouds.registry import format_of

    format = format_of(out, to_write=True)
    if format.write_mask is not None or format.write is None:
        return
    kept = {name: values for name, values in cloud.attributes.items() if name != "mask"}
    rows = [0]
    for values in kept.values():
        if values.dtype.kind in "biuf":
            rows += [int(i) // (values.size // len(values)) for i in (np.argmin(values), np.argmax(values))]
    few = np.unique(rows)
    sample = PointCloud(
        cloud.xyz[few],
        None if cloud.rgb is None else cloud.rgb[few],
        {**{name: values[few] for name, values in kept.items()}, "mask": np.zeros(len(few), np.uint8)},
    )
    try:
        with tempfile.TemporaryFile() as file:
            format.write(file, sample)
    except ValueError as err:
        raise ValueError(f"{out}: {err}") from err


def draw(
    path: Path,
    cloud: "PointCloud",
    mask: "np.ndarray[Any, Any]",
    clicks: Sequence[Click],
    *,
    up: Up,
    title: str | None = None,
) -> None:
    """Several views of the cloud with its mask and its clicks, as a picture file.

    Raises:
        ValueError, OSError: it cannot be written.
    """
    from point_sam.picture import render, save_picture

    image = render(
        cloud.xyz,
        cloud.rgb,
        mask,
        prompts=[click.point for click in clicks],
        prompt_labels=[int(click.positive) for click in clicks],
        title=title,
        up=up.value,
    )
    save_picture(path, image)


def same_file(out: Path, source: Path) -> bool:
    """Whether both names are of one file, or would be."""
    try:
        return os.path.samefile(out, source)
    except OSError:  # one of them does not exist
        return os.path.abspath(out) == os.path.abspath(source)


def _mesh_suffixes() -> str:
    from point_sam.mesh.writing import WRITABLE

    return f", and {' '.join(WRITABLE)} for meshes"


def _check_folder(path: Path) -> None:
    folder = path.resolve().parent
    if not folder.is_dir():
        raise FileNotFoundError(f"{path}: the folder {folder} does not exist; create it first")
    if path.is_dir():
        raise IsADirectoryError(f"{path}: is a folder; give the name of a file in it")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{path}: the folder {folder} cannot be written to")
