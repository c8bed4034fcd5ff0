"""PCD 0.7, the Point Cloud Library's format: ascii, binary, binary_compressed; written as binary.

Colours are one 32-bit field, `rgb` or `rgba`, holding the bits 0xAARRGGBB whatever type it claims.
"""

from typing import BinaryIO

import numpy as np

from point_sam.clouds.cloud import PointCloud, PointCloudError
from point_sam.clouds.columns import cast_exactly, cloud_from_columns, columns_from_cloud
from point_sam.clouds.formats._pcd_header import Field, Header, read_header
from point_sam.clouds.lzf import decompress
from point_sam.clouds.registry import Format, RawCloud
from point_sam.clouds.streams import read_exactly, write_records
from point_sam.clouds.texttable import parse_rows, scan_text

_MAX_COLUMNS = 4096  # of an ASCII table; more is no cloud
_MAX_NUMPY_FIELD = 2**31 - 1  # bytes; numpy refuses wider records
_PACKED = ("rgb", "rgba")


def read_pcd(file: BinaryIO) -> RawCloud:
    """The points of a PCD file; NaN points of organised clouds included.

    Raises:
        PointCloudError: a header that is wrong, data shorter or longer than it says, no x, y, z.
    """
    header = read_header(file)
    if header.point_size > _MAX_NUMPY_FIELD:
        raise PointCloudError(f"header: a point of {header.point_size} bytes; the COUNT entries are wrong")
    read = {"ascii": _read_ascii, "binary": _read_binary, "binary_compressed": _read_compressed}[header.encoding]
    return cloud_from_columns(_unpack_colors(read(file, header)), header.comments)


def write_pcd(file: BinaryIO, cloud: PointCloud) -> None:
    """Binary, double coordinates, colours as `rgb` of type U; [N, k] attributes as fields of COUNT k.

    Raises:
        PointCloudError: an attribute that no PCD type holds exactly, or a name with white space or a special meaning.
    """
    columns, hints = columns_from_cloud(cloud, _store, keep_2d=True)
    if cloud.rgb is not None:
        red, green, blue = (columns.pop(name).astype(np.uint32) for name in ("red", "green", "blue"))
        columns["rgb"] = red << 16 | green << 8 | blue
    names, arrays = list(columns), list(columns.values())
    lines = ["# .PCD v0.7 - Point Cloud Data file format", *(f"# {hint}" for hint in hints), "VERSION 0.7"]
    lines.append("FIELDS " + " ".join(names))
    lines.append("SIZE " + " ".join(str(values.dtype.itemsize) for values in arrays))
    lines.append("TYPE " + " ".join(values.dtype.kind.upper() for values in arrays))
    lines.append("COUNT " + " ".join(str(values.shape[1] if values.ndim == 2 else 1) for values in arrays))
    lines += [f"WIDTH {len(cloud)}", "HEIGHT 1", "VIEWPOINT 0 0 0 1 0 0 0", f"POINTS {len(cloud)}", "DATA binary"]
    file.write(("\n".join(lines) + "\n").encode())
    write_records(file, arrays)


def _store(name: str, values: np.ndarray) -> np.ndarray:
    if not name.isprintable() or " " in name or name == "_" or name.lower() in _PACKED:
        raise PointCloudError(f"attribute {name!r}: PCD cannot have this name (white space, _, rgb, rgba); rename it")
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    if values.dtype.str[1:] == "f2":
        return values.astype(np.float32)
    if values.dtype.kind in "iu" or values.dtype.str[1:] in ("f4", "f8"):
        return values
    stored = cast_exactly(values, np.dtype("f8")) if values.dtype.kind == "f" else None
    if stored is None:
        raise PointCloudError(f"attribute {name!r} is {values.dtype}, which PCD cannot hold; write .npz")
    return stored


def _read_binary(file: BinaryIO, header: Header) -> dict[str, np.ndarray]:
    data = read_exactly(file, header.points, header.point_size, "points")
    dtype = np.dtype([(f"f{i}", field.dtype, _shape(field)) for i, field in enumerate(header.fields)])
    table = np.frombuffer(data, dtype=dtype)
    return {field.name: table[f"f{i}"] for i, field in enumerate(header.fields) if field.name != "_"}


def _read_compressed(file: BinaryIO, header: Header) -> dict[str, np.ndarray]:
    """Two sizes, then LZF; unpacked, every field's values of all points stand together."""
    packed_size, size = (int(value) for value in np.frombuffer(read_exactly(file, 2, 4, "sizes"), dtype="<u4"))
    if size != header.points * header.point_size:
        raise PointCloudError(
            f"the compressed data announce {size} bytes; {header.points} points of {header.point_size} bytes "
            f"need {header.points * header.point_size}"
        )
    data = decompress(read_exactly(file, 1, packed_size, "block of compressed data"), size)
    columns, offset = {}, 0
    for field in header.fields:
        count = header.points * field.count
        values = np.frombuffer(data, dtype=field.dtype, count=count, offset=offset)
        offset += count * field.dtype.itemsize
        if field.name != "_":
            columns[field.name] = values.reshape(header.points, *_shape(field))
    return columns


def _read_ascii(file: BinaryIO, header: Header) -> dict[str, np.ndarray]:
    width = sum(field.count for field in header.fields)
    if width > _MAX_COLUMNS:
        raise PointCloudError(f"header: {width} columns of text; at most {_MAX_COLUMNS} are read")
    lines = scan_text(file).lines
    if header.points > lines:
        raise PointCloudError(
            f"header: {header.points} points, but {lines} lines follow; the file is cut short or the count wrong"
        )
    columns = [(field, axis) for field in header.fields for axis in range(field.count)]
    # Coordinates as doubles: text often has more digits than the float it is declared as, and UTM needs them.
    dtype = np.dtype(
        [
            (f"f{i}", "f8" if field.name.lower() in ("x", "y", "z") else field.dtype)
            for i, (field, _) in enumerate(columns)
        ]
    )
    table = parse_rows(file, dtype, rows=header.points)
    result, first = {}, 0
    for field in header.fields:
        parts = [table[f"f{first + axis}"] for axis in range(field.count)]
        first += field.count
        if field.name != "_":
            result[field.name] = parts[0] if field.count == 1 else np.stack(parts, axis=1)
    return result


def _shape(field: Field) -> tuple[int, ...]:
    return (field.count,) if field.count > 1 else ()


def _unpack_colors(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Replace a packed field by red, green, blue, and the alpha of `rgba` by an attribute."""
    name = next((n for n in columns if n.lower() in _PACKED), None)
    if name is None or columns[name].ndim != 1 or columns[name].dtype.itemsize != 4:
        return columns
    bits = np.ascontiguousarray(columns[name]).view("<u4")
    rest = {other: values for other, values in columns.items() if other != name}
    parts = {color: (bits >> shift & 255).astype(np.uint8) for color, shift in (("red", 16), ("green", 8), ("blue", 0))}
    if name.lower() == "rgba" and "alpha" not in rest:
        parts["alpha"] = (bits >> 24).astype(np.uint8)
    return {**rest, **parts}


FORMAT = Format("PCD", (".pcd",), read_pcd, write_pcd, magic=(b"# .PCD", b"VERSION ", b"FIELDS "))
