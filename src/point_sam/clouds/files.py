"""From a path to a cloud and back. What the formats have in common is here; each format is a file of `formats/`."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from point_sam.atomic import write_atomically
from point_sam.clouds.cloud import PointCloud, PointCloudError, invalid_rows
from point_sam.clouds.colors import paint_mask
from point_sam.clouds.normalization import normalize
from point_sam.clouds.registry import Format, RawCloud, format_of, recognise

_HEAD = 16  # bytes, more than any magic


def read_pointcloud(path: str | os.PathLike[str], *, drop_invalid: bool = False) -> PointCloud:
    """Read a cloud; the suffix names the format (`readable_suffixes()`, docs/formats.md).

    Args:
        path: a regular file.
        drop_invalid: leave out points whose coordinates are NaN or infinite, as organised scans have them.
            Masks made for the result then count the remaining points only.

    Raises:
        FileNotFoundError: no such file.
        PointCloudError: anything else that is wrong with the file, in one line.
    """
    path = Path(path)
    with _naming(path, "read"), _open(path) as file:
        return _build(_read(path, format_of(path), file), drop_invalid=drop_invalid)


def load_pointcloud(
    path: str | os.PathLike[str], *, drop_invalid: bool = False
) -> tuple[Float32[np.ndarray, "N 3"], UInt8[np.ndarray, "N 3"] | None, Float64[np.ndarray, "N 3"]]:
    """Read a cloud the way `PointSAM.set_pointcloud` takes it.

    Args:
        path, drop_invalid: as for `read_pointcloud`.

    Returns:
        coords: minus the mean, over the largest norm (computed in float64): inside the unit ball.
        rgb: 0..255, or None where the file has no colours (`set_pointcloud` then takes a neutral one).
        original: the coordinates as in the file, in its units.

    Raises:
        FileNotFoundError, PointCloudError: as `read_pointcloud`.
    """
    cloud = read_pointcloud(path, drop_invalid=drop_invalid)
    with _naming(Path(path), "read"):
        coords, _, _ = normalize(cloud.xyz)
    return coords, cloud.rgb, cloud.xyz


def write_pointcloud(
    path: str | os.PathLike[str],
    cloud: PointCloud,
    *,
    mask: np.ndarray | None = None,
    paint: bool = True,
) -> None:
    """Write a cloud with all its attributes; the suffix names the format (`writable_suffixes()`).

    The file appears under its name only when complete: a crash or a full disk leaves the old one.

    Args:
        path: in an existing folder.
        cloud: what to write; the coordinates keep their float64 digits.
        mask: [N] bool, written as the attribute `mask` (uint8 0 or 1), replacing one of that name. In .npy the mask is
            written alone, as bool [N].
        paint: also blend the colours of the masked points towards orange; the file then no longer holds
            their own colours. Without a mask it does nothing.

    Raises:
        FileNotFoundError: the folder does not exist.
        PointCloudError: an attribute that the format cannot hold, a mask that does not fit the cloud,
            an unknown suffix, or the system refuses to write.
    """
    path = Path(path)
    with _naming(path, "written"):
        format = format_of(path, to_write=True)
        if mask is not None:
            mask = _check_mask(mask, len(cloud))
            if (write_mask := format.write_mask) is not None:
                write_atomically(path, lambda file: write_mask(file, mask))
                return
            cloud = _with_mask(cloud, mask, paint=paint)
        if (write := format.write) is not None:  # format_of has made sure
            write_atomically(path, lambda file: write(file, cloud))


@contextmanager
def _naming(path: Path, verb: str) -> Iterator[None]:
    """Put the file's name before what went wrong in it, and the system's refusals into the same form."""
    try:
        yield
    except PointCloudError as err:
        raise err.within(path) from err
    except FileNotFoundError:
        raise
    except OSError as err:
        raise PointCloudError(f"{path}: cannot be {verb}: {err.strerror or err}") from err
    except MemoryError as err:
        raise PointCloudError(f"{path}: does not fit into memory; thin the cloud first") from err


def _open(path: Path) -> BinaryIO:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file") from None
    except ValueError as err:  # a NUL character in the path
        raise PointCloudError("is not a possible file name") from err
    if stat.S_ISDIR(mode):
        raise PointCloudError("is a folder; give one file of it")
    if not stat.S_ISREG(mode):  # a pipe or device could block or never end
        raise PointCloudError("is not a regular file; copy its contents to one first")
    format_of(path)
    return path.open("rb")


def _read(path: Path, format: Format, file: BinaryIO) -> RawCloud:
    head = file.read(_HEAD)
    if not head:
        raise PointCloudError("the file is empty (0 bytes)")
    found = recognise(head)
    if isinstance(found, Format) and not head.startswith(format.magic):
        raise PointCloudError(
            f"is named {path.suffix} but begins like a {found.name} file; rename it to {found.suffixes[0]}"
        )
    if isinstance(found, str):
        raise PointCloudError(f"is named {path.suffix} but begins like a {found} file; convert or unpack it first")
    file.seek(0)
    return format.read(file)


def _build(raw: RawCloud, *, drop_invalid: bool) -> PointCloud:
    if not drop_invalid:
        return PointCloud(raw.xyz, raw.rgb, raw.attributes)
    keep = ~invalid_rows(raw.xyz)
    if not keep.any():
        raise PointCloudError(f"none of its {len(keep)} points has finite coordinates")
    rgb = None if raw.rgb is None else raw.rgb[keep]
    return PointCloud(raw.xyz[keep], rgb, {name: values[keep] for name, values in raw.attributes.items()})


def _check_mask(mask: np.ndarray, count: int) -> Bool[np.ndarray, " N"]:
    mask = np.asarray(mask)
    if mask.dtype != np.bool_:
        raise PointCloudError(f"the mask is {mask.dtype}; expected bool (logits: `logits > 0`)")
    if mask.shape != (count,):
        raise PointCloudError(f"the mask has shape {list(mask.shape)}; expected [{count}], one entry per point")
    return mask


def _with_mask(cloud: PointCloud, mask: Bool[np.ndarray, " N"], *, paint: bool) -> PointCloud:
    rgb = paint_mask(cloud.rgb, mask) if paint else cloud.rgb
    return replace(cloud, rgb=rgb, attributes={**cloud.attributes, "mask": mask.astype(np.uint8)})
