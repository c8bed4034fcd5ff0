"""PLY: ASCII, binary little endian, binary big endian; written as binary little endian with double coordinates.

Only the element `vertex` is read; others (faces, edges, cameras) are stepped over.
"""

from typing import Any, BinaryIO, Literal

import numpy as np

from point_sam.clouds.cloud import PointCloud, PointCloudError
from point_sam.clouds.columns import cast_exactly, cloud_from_columns, columns_from_cloud
from point_sam.clouds.formats._ply_header import Element, Header, read_header, record_type
from point_sam.clouds.registry import Format, RawCloud
from point_sam.clouds.streams import read_exactly, remaining, write_records
from point_sam.clouds.texttable import parse_rows, scan_text, skip_lines

_NAMES = {
    "i1": "char",
    "u1": "uchar",
    "i2": "short",
    "u2": "ushort",
    "i4": "int",
    "u4": "uint",
    "f4": "float",
    "f8": "double",
}


def read_ply(file: BinaryIO) -> RawCloud:
    """The points of a PLY file.

    Raises:
        PointCloudError: a header that is wrong, data shorter than it says, no x, y, z.
    """
    header = read_header(file)
    table = _read_binary(file, header) if header.byte_order else _read_ascii(file, header)
    columns = {prop.name: table[f"f{i}"] for i, prop in enumerate(header.vertex.properties)}
    return cloud_from_columns(columns, header.comments)


def write_ply(file: BinaryIO, cloud: PointCloud) -> None:
    """Binary little endian; [N, k] attributes as columns name_0 .. name_{k-1}.

    Raises:
        PointCloudError: an attribute that no PLY type holds exactly, or a name with white space.
    """
    columns, hints = columns_from_cloud(cloud, _store)
    lines = ["ply", "format binary_little_endian 1.0", *(f"comment {hint}" for hint in hints)]
    lines.append(f"element vertex {len(cloud)}")
    lines += [f"property {_NAMES[values.dtype.str[1:]]} {name}" for name, values in columns.items()]
    lines.append("end_header")
    file.write(("\n".join(lines) + "\n").encode())
    write_records(file, list(columns.values()))


def _store(name: str, values: np.ndarray) -> np.ndarray:
    if not name.isprintable() or " " in name:
        raise PointCloudError(f"attribute {name!r}: a PLY name cannot contain white space; rename it")
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    if values.dtype.str[1:] in _NAMES:
        return values
    wanted = {"f2": "f4", "i8": "i4 u4 f8", "u8": "u4 f8"}.get(values.dtype.str[1:], "")
    for code in wanted.split():
        stored = cast_exactly(values, np.dtype(code))
        if stored is not None:
            return stored
    reason = "has values that no PLY type holds exactly" if wanted else f"is {values.dtype}, which PLY does not have"
    raise PointCloudError(f"attribute {name!r} {reason}; write .npz")


def _read_binary(file: BinaryIO, header: Header) -> np.ndarray:
    for element in header.elements:
        if element.name == "vertex":
            break
        _skip_binary(file, element, header.byte_order)
    dtype = record_type(header.vertex, header.byte_order)
    data = read_exactly(file, header.vertex.count, dtype.itemsize, "points")
    return np.frombuffer(data, dtype=dtype)


def _skip_binary(file: BinaryIO, element: Element, byte_order: str) -> None:
    """Step over an element. Without lists that is a multiplication; with them every row has to be looked at."""
    smallest = sum(np.dtype(prop.count_type or prop.type).itemsize for prop in element.properties)
    left = remaining(file)
    if element.count * smallest > left:
        raise PointCloudError(
            f"header: {element.count} rows of element {element.name!r} need at least {element.count * smallest} "
            f"bytes, but {left} are left; the file is cut short or the count is wrong"
        )
    if all(prop.count_type is None for prop in element.properties):
        file.seek(element.count * smallest, 1)
    elif element.count > 0:
        start = file.tell()
        if not _skip_equal_lists(file, element, byte_order):
            file.seek(start)
            _skip_row_by_row(file, element, byte_order)


def _skip_equal_lists(file: BinaryIO, element: Element, byte_order: str) -> bool:
    """Step over rows whose lists are all as long as in the first, as in a mesh of triangles; False if they are not."""
    start = file.tell()
    fields: list[Any] = []
    for i, prop in enumerate(element.properties):
        if prop.count_type is None:
            fields.append((f"f{i}", byte_order + prop.type))
            continue
        head = np.dtype([*fields, (f"n{i}", byte_order + prop.count_type)])
        file.seek(start)
        first = file.read(head.itemsize)
        if len(first) < head.itemsize:
            return False
        length = int(np.frombuffer(first, dtype=head)[f"n{i}"][0])
        if not 0 <= length <= 65536:
            return False
        fields += [(f"n{i}", byte_order + prop.count_type), (f"v{i}", f"V{np.dtype(prop.type).itemsize}", (length,))]
    row = np.dtype(fields)
    file.seek(start)
    if element.count * row.itemsize > remaining(file):
        return False
    rows = np.frombuffer(file.read(element.count * row.itemsize), dtype=row)
    counts = [name for name in row.names or () if name.startswith("n")]
    return all((rows[name] == rows[name][0]).all() for name in counts)


def _skip_row_by_row(file: BinaryIO, element: Element, byte_order: str) -> None:
    start = file.tell()
    order: Literal["little", "big"] = "little" if byte_order == "<" else "big"
    data = file.read()
    position = 0
    steps = [
        (np.dtype(p.type).itemsize, np.dtype(p.count_type).itemsize if p.count_type else 0, p.count_type or "")
        for p in element.properties
    ]
    for row in range(element.count):
        for size, count_size, count_type in steps:
            if not count_size:
                position += size
                continue
            count = int.from_bytes(data[position : position + count_size], order, signed=count_type.startswith("i"))
            position += count_size + count * size
            if count < 0 or position > len(data):
                raise PointCloudError(f"element {element.name!r}, row {row}: a list of {count} values exceeds the file")
    file.seek(start + position)


def _read_ascii(file: BinaryIO, header: Header) -> np.ndarray:
    lines = scan_text(file).lines
    before = 0
    for element in header.elements:
        if element.name == "vertex":
            break
        before += element.count if element.properties else 0
    if before + header.vertex.count > lines:
        raise PointCloudError(
            f"header: {header.vertex.count} points need as many lines after {before} of other elements, but only "
            f"{lines} lines follow; the file is cut short or the count is wrong"
        )
    skip_lines(file, before)
    return parse_rows(file, record_type(header.vertex, ""), rows=header.vertex.count)


FORMAT = Format("PLY", (".ply",), read_ply, write_ply, magic=(b"ply\n", b"ply\r", b"ply "))
