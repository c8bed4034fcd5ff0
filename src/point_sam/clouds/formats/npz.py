"""NPZ: named arrays in a zip archive; the format that keeps everything a cloud can have.

Archives can expand a thousandfold, so sizes are checked against a limit before anything is unpacked.
"""

import struct
import zipfile
import zlib
from typing import BinaryIO

import numpy as np

from point_sam.clouds.cloud import PointCloud, PointCloudError
from point_sam.clouds.colors import to_uint8
from point_sam.clouds.npyarray import ArrayHeader, read_array_data, read_array_header
from point_sam.clouds.registry import Format, RawCloud
from point_sam.clouds.streams import remaining

XYZ_KEYS = ("coords", "xyz", "points", "pos")
RGB_KEYS = ("rgb", "colors", "colours", "color", "colour")
FREE_BYTES = 1 << 26  # arrays may always unpack to this much ...
MAX_RATIO = 200  # ... and beyond it to this many times the archive; real coordinates reach 10
MAX_ARRAYS = 1024
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    UnicodeDecodeError,
    RuntimeError,
    OverflowError,
    ValueError,
)


def read_npz(file: BinaryIO) -> RawCloud:
    """Coordinates and colours by their keys; every other array [N] or [N, k] is an attribute, the rest is passed over.

    Raises:
        PointCloudError: not a zip archive, damaged, too large unpacked, no coordinates.
    """
    size = remaining(file)
    try:
        with zipfile.ZipFile(file) as archive:
            return _read_archive(archive, size)
    except PointCloudError:
        raise
    except _ZIP_ERRORS as err:
        raise PointCloudError(f"is not an intact NPZ archive: {err or type(err).__name__}") from err


def write_npz(file: BinaryIO, cloud: PointCloud) -> None:
    """Uncompressed arrays `coords` (float64), `rgb` (uint8) where there are colours, and one per attribute.

    Raises:
        PointCloudError: an attribute with the name of one of these keys, or no possible name in an archive.
    """
    arrays = {"coords": cloud.xyz}
    if cloud.rgb is not None:
        arrays["rgb"] = cloud.rgb
    for name, values in cloud.attributes.items():
        if name in XYZ_KEYS + RGB_KEYS:
            raise PointCloudError(f"attribute {name!r}: .npz gives this name to coordinates or colours; rename it")
        if not name.isprintable() or "/" in name or "\\" in name or len(name) > 1000:
            raise PointCloudError(f"attribute {name[:80]!r}: not a possible name in an archive; rename it")
        arrays[name] = values
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, values in arrays.items():
            # A fixed date, so that equal clouds give equal files.
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.ascontiguousarray(values), allow_pickle=False)


def _read_archive(archive: zipfile.ZipFile, size: int) -> RawCloud:
    entries = _entries(archive)
    headers = {name: _header(archive, name, info) for name, info in entries.items()}
    xyz_key = _first("coordinates", XYZ_KEYS, headers)
    if xyz_key is None:
        names = ", ".join(list(headers)[:12]) or "none"
        raise PointCloudError(f"has no coordinates: expected an array {', '.join(XYZ_KEYS)}; found {names}")
    rgb_key = _first("colours", RGB_KEYS, headers)
    shape = headers[xyz_key].shape
    if len(shape) != 2 or shape[1] != 3:
        raise PointCloudError(f"array {xyz_key!r} has shape {list(shape)}; expected [N, 3]")
    count = shape[0]
    wanted = [
        name
        for name, header in headers.items()
        if name in (xyz_key, rgb_key) or (len(header.shape) in (1, 2) and header.shape[0] == count)
    ]
    total = sum(headers[name].nbytes for name in wanted)
    if total > max(FREE_BYTES, MAX_RATIO * size):
        raise PointCloudError(
            f"{size} bytes would unpack to {total}; at most {MAX_RATIO} times the archive is read (a zip bomb?); "
            "save without compression if it is meant"
        )
    arrays = {name: _array(archive, name, entries[name]) for name in wanted}
    xyz = arrays.pop(xyz_key)
    if xyz.dtype.kind not in "biuf":
        raise PointCloudError(f"array {xyz_key!r} is {xyz.dtype}; expected real numbers")
    rgb = arrays.pop(rgb_key) if rgb_key is not None else None
    if rgb is not None and rgb.shape != (count, 3):
        raise PointCloudError(f"array {rgb_key!r} has shape {list(rgb.shape)}; expected [{count}, 3]")
    return RawCloud(xyz.astype(np.float64), None if rgb is None else to_uint8(rgb), arrays)


def _entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    infos = archive.infolist()
    if len(infos) > MAX_ARRAYS:
        raise PointCloudError(f"{len(infos)} entries in the archive; at most {MAX_ARRAYS} are read")
    entries: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        if not info.filename.endswith(".npy"):
            continue
        name = info.filename[: -len(".npy")]
        if name in entries:
            raise PointCloudError(f"array {name!r} is in the archive twice")
        if info.flag_bits & 1:
            raise PointCloudError(f"array {name!r} is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise PointCloudError(
                f"array {name!r} is compressed by method {info.compress_type}; numpy writes only deflate"
            )
        entries[name] = info
    return entries


def _header(archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> ArrayHeader:
    """An array's header, checked against the size that the archive gives for it."""
    try:
        with archive.open(info) as entry:
            header = read_array_header(entry)
    except PointCloudError as err:
        raise err.within(f"array {name!r}") from err
    if header.size + header.nbytes != info.file_size:
        raise PointCloudError(
            f"array {name!r}: its header announces shape {list(header.shape)} of {header.dtype}, "
            f"{header.nbytes} bytes; the archive says {info.file_size - header.size}"
        )
    return header


def _array(archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(info) as entry:
        try:
            array = read_array_data(entry, read_array_header(entry))
        except PointCloudError as err:
            raise err.within(f"array {name!r}") from err
        entry.read(1)  # reaching the end makes zipfile compare the checksum
    return array


def _first(what: str, keys: tuple[str, ...], headers: dict[str, ArrayHeader]) -> str | None:
    """The key of this kind that is there. Two would leave the choice to chance."""
    found = [key for key in keys if key in headers]
    if len(found) > 1:
        raise PointCloudError(f"has several arrays of {what}: {', '.join(found)}; keep one")
    return found[0] if found else None


FORMAT = Format("NPZ", (".npz",), read_npz, write_npz, magic=(b"PK\x03\x04", b"PK\x05\x06"))
