import struct

import numpy as np
import pytest

from point_sam.clouds import PointCloud, PointCloudError, read_pointcloud, write_pointcloud

XYZ_LINES = "property float x\nproperty float y\nproperty float z\n"


def ply(encoding, header, body, *, newline="\n"):
    text = f"ply\nformat {encoding} 1.0\n{header}end_header\n"
    return text.replace("\n", newline).encode() + (body if isinstance(body, bytes) else body.encode())


@pytest.fixture
def read(tmp_path):
    def read_bytes(data, **options):
        path = tmp_path / "a.ply"
        path.write_bytes(data)
        return read_pointcloud(path, **options)

    return read_bytes


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(("encoding", "order"), [("binary_little_endian", "<"), ("binary_big_endian", ">")])
def test_binary_in_any_order_of_bytes_and_properties(read, newline, encoding, order):
    header = (
        "comment made by hand\nobj_info x y z\nelement vertex 2\nproperty uchar blue\nproperty double z\n"
        "property uint8 red\nproperty float64 x\nproperty int label\nproperty uchar green\nproperty double y\n"
    )
    rows = [(3, 0.3, 1, 0.1, -7, 2, 0.2), (30, 5e6 + 0.123, 10, 1.0, 70000, 20, 2.0)]
    body = b"".join(struct.pack(f"{order}BdBdiBd", *row) for row in rows)
    # 10 first: after a header that ends in CR alone it must not be taken for the LF of a CR LF.
    cloud = read(ply(encoding, header, body.replace(b"\x03", b"\x0a", 1), newline=newline))
    assert cloud.xyz.tolist() == [[0.1, 0.2, 0.3], [1.0, 2.0, 5e6 + 0.123]]
    assert cloud.rgb.tolist() == [[1, 2, 10], [10, 20, 30]]
    assert cloud.attributes["label"].tolist() == [-7, 70000]
    assert cloud.attributes["label"].dtype == np.int32


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_ascii_keeps_every_digit_of_coordinates_declared_float(read, newline):
    header = f"element vertex 2\n{XYZ_LINES}property uchar a\nproperty float f\n"
    body = "500000.123456 5400000.25 1e-3 7 0.1\n\n  1 2 3 255 nan  \n".replace("\n", newline)
    cloud = read(ply("ascii", header, body, newline=newline))
    assert cloud.xyz.tolist() == [[500000.123456, 5400000.25, 1e-3], [1, 2, 3]]
    assert cloud.attributes["a"].tolist() == [7, 255]
    assert cloud.attributes["f"].dtype == np.float32
    assert np.isnan(cloud.attributes["f"][1])


def test_ascii_integers_written_as_floats(read):
    header = f"element vertex 2\n{XYZ_LINES}property uchar red\nproperty uchar green\nproperty uchar blue\n"
    assert read(ply("ascii", header, "0 0 0 1.0 2.0 3.0\n1 1 1 4 5 255.0\n")).rgb.tolist() == [[1, 2, 3], [4, 5, 255]]
    with pytest.raises(PointCloudError, match=r"'1\.5' is not a number that fits uint8"):
        read(ply("ascii", header, "0 0 0 1.5 2.0 3.0\n1 1 1 4 5 255.0\n"))
    with pytest.raises(PointCloudError, match="data row 2, column 6: '256' is not a number that fits uint8"):
        read(ply("ascii", header, "0 0 0 1 2 3\n1 1 1 4 5 256\n"))


@pytest.mark.parametrize(
    "names", ["red green blue", "r g b", "diffuse_red diffuse_green diffuse_blue", "Red Green Blue"]
)
@pytest.mark.parametrize(
    ("type", "values"), [("uchar", (255, 0, 51)), ("float", (1.0, 0.0, 0.2)), ("ushort", (65535, 0, 13107))]
)
def test_colours_by_any_name_and_type(read, names, type, values):
    lines = "".join(f"property {type} {name}\n" for name in names.split())
    cloud = read(ply("ascii", f"element vertex 1\n{XYZ_LINES}{lines}", "0 0 0 {} {} {}\n".format(*values)))
    assert cloud.rgb.tolist() == [[255, 0, 51]]
    assert cloud.attributes == {}


def test_alpha_and_a_second_set_of_colours_are_attributes(read):
    lines = "".join(f"property uchar {name}\n" for name in ["r", "g", "b", "red", "green", "blue", "alpha"])
    cloud = read(ply("ascii", f"element vertex 1\n{XYZ_LINES}{lines}", "0 0 0 1 2 3 4 5 6 7\n"))
    assert cloud.rgb.tolist() == [[4, 5, 6]]
    assert {name: values.tolist() for name, values in cloud.attributes.items()} == {
        "r": [1], "g": [2], "b": [3], "alpha": [7],
    }  # fmt: skip


FACES = "element face {}\nproperty list uchar int vertex_indices\nproperty uchar flag\nproperty list ushort float uv\n"


def faces(sizes, order="<"):
    rows = (struct.pack(f"{order}B{n}iBH{2 * n}f", n, *range(n), 9, 2 * n, *([0.5] * 2 * n)) for n in sizes)
    return b"".join(rows)


@pytest.mark.parametrize("sizes", [[3] * 5, [3, 4, 3, 0, 200], [0, 0], []])
@pytest.mark.parametrize(("encoding", "order"), [("binary_little_endian", "<"), ("binary_big_endian", ">")])
def test_elements_before_and_after_vertex_are_stepped_over(read, sizes, encoding, order):
    header = (
        f"element camera 2\nproperty double f\n{FACES.format(len(sizes))}element nothing 3\n"
        f"element vertex 2\n{XYZ_LINES}element edge 1\nproperty int v\n"
    )
    body = bytes(16) + faces(sizes, order) + struct.pack(f"{order}6fi", 1, 2, 3, 4, 5, 6, 0)
    assert read(ply(encoding, header, body)).xyz.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_ascii_elements_before_vertex_are_stepped_over(read):
    header = f"{FACES.format(2)}element vertex 2\n{XYZ_LINES}"
    body = "3 0 1 2 9 0\n\n4 0 1 2 3 9 2 0.5 0.5\r\n1 2 3\n4 5 6\n"
    assert read(ply("ascii", header, body)).xyz.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_a_list_longer_than_the_file_is_refused(read):
    header = f"element face 2\nproperty list int int v\nelement vertex 1\n{XYZ_LINES}"
    for count in (2**31 - 1, -1):
        body = struct.pack("<iii", 1, 0, count) + bytes(40)
        with pytest.raises(PointCloudError, match=f"row 1: a list of {count} values exceeds the file"):
            read(ply("binary_little_endian", header, body))


@pytest.mark.parametrize("count", [10**12, 10**18 - 1])
@pytest.mark.parametrize("encoding", ["ascii", "binary_little_endian"])
@pytest.mark.parametrize("element", ["vertex", "face"])
def test_counts_beyond_the_file_are_refused_at_once(read, count, encoding, element):
    before = "" if element == "vertex" else f"element face {count}\nproperty list uchar int v\n"
    vertices = count if element == "vertex" else 1
    with pytest.raises(PointCloudError, match=r"header: .* the file is cut short or the count is wrong"):
        read(ply(encoding, f"{before}element vertex {vertices}\n{XYZ_LINES}", "0 0 0\n" * 100))


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("element vertex 0\n" + XYZ_LINES, "0 points"),
        ("element vertex -1\n" + XYZ_LINES, r"line 3 \('element vertex -1'\): expected 'element NAME COUNT'"),
        ("element vertex 1e3\n" + XYZ_LINES, "expected 'element NAME COUNT'"),
        ("element vertex 99999999999999999999\n" + XYZ_LINES, "expected 'element NAME COUNT'"),
        ("element vertex\n" + XYZ_LINES, "expected 'element NAME COUNT'"),
        ("element face 1\n" + XYZ_LINES, r"no element 'vertex' \(elements: face\)"),
        ("", "no element 'vertex'"),
        (XYZ_LINES, "a property before any element"),
        ("element vertex 1\n", "vertex has no properties"),
        ("element vertex 1\n" + XYZ_LINES + "property float x\n", "two properties 'x'"),
        ("element vertex 1\n" + XYZ_LINES + "element vertex 1\n", "declared twice"),
        ("element vertex 1\nproperty quad x\n", "unknown type 'quad'"),
        ("element vertex 1\nproperty float x y\n", "expected 'property TYPE NAME'"),
        ("element vertex 1\nproperty list float int x\n", "count of a list must be an integer"),
        ("element vertex 1\n" + XYZ_LINES + "property list uchar int v\n", "list property 'v'"),
        ("element vertex 1\nproperty float x\nproperty float y\n", "no columns x, y, z; found x, y"),
        ("format ascii 1.0\n", "line 3 .*: expected one line 'format"),
        ("elephant vertex 1\n", "line 3 .*unknown keyword"),
    ],
)
def test_header_lies_are_located(read, header, reason):
    with pytest.raises(PointCloudError, match=r"a\.ply: .*" + reason):
        read(ply("ascii", header, "0 0\n" * 3))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"plywood", "does not begin with a line 'ply'"),
        (b"ply\nformat ascii 2.0\nend_header\n", "expected one line 'format"),
        (b"ply\nelement vertex 1\nend_header\n", "no format line"),
        (b"ply\n" + b"comment end_header here\n" * 5, "no end_header"),
        (b"ply\n" + b"comment x\n" * 100_000, "no end_header within the first 262144 bytes"),
    ],
)
def test_what_is_no_header_is_refused(read, data, reason):
    with pytest.raises(PointCloudError, match=reason):
        read(data)


def test_a_row_of_the_wrong_length_is_located(read):
    with pytest.raises(PointCloudError, match="data row 2 has 2 columns; expected 3"):
        read(ply("ascii", f"element vertex 2\n{XYZ_LINES}", "0 0 0\n1 1\n"))


def test_missing_rows_behind_blank_lines_are_noticed(read):
    with pytest.raises(PointCloudError, match="ends after 1 of 3 rows"):
        read(ply("ascii", f"element vertex 3\n{XYZ_LINES}", "0 0 0\n\n\n\n"))


def test_one_gigantic_line_is_refused(read):
    with pytest.raises(PointCloudError, match="longer than 65536 bytes"):
        read(ply("ascii", f"element vertex 1\n{XYZ_LINES}", "0 " * 100_000))


def test_written_as_double_little_endian_and_readable_elsewhere(tmp_path):
    path = tmp_path / "a.ply"
    cloud = PointCloud(np.full((2, 3), 5e6 + 1e-9), np.full((2, 3), 9, np.uint8), {"n": np.ones((2, 2), np.float32)})
    write_pointcloud(path, cloud)
    head, _, body = path.read_bytes().partition(b"end_header\n")
    lines = [line for line in head.decode().splitlines() if not line.startswith("comment")]
    assert lines[:3] == ["ply", "format binary_little_endian 1.0", "element vertex 2"]
    assert [line.split()[1:] for line in lines[3:]] == [
        ["double", "x"], ["double", "y"], ["double", "z"], ["uchar", "red"], ["uchar", "green"], ["uchar", "blue"],
        ["float", "n_0"], ["float", "n_1"],
    ]  # fmt: skip
    assert body == struct.pack("<3d3B2f", *[5e6 + 1e-9] * 3, 9, 9, 9, 1, 1) * 2


def test_stale_or_hostile_hints_change_nothing(read):
    hints = (
        "comment point-sam attribute n float32 Nx99999\ncomment point-sam attribute n float32 Nx0\n"
        "comment point-sam attribute gone int8 N\n"
        "comment point-sam attribute label bool N\ncomment point-sam attribute x int8 N\n"
        "comment point-sam attribute n object N\n"
    )
    header = f"{hints}element vertex 1\n{XYZ_LINES}property float n_0\nproperty float n_1\nproperty int label\n"
    cloud = read(ply("ascii", header, "0.5 0 0 1 2 3\n"))
    assert cloud.xyz[0, 0] == 0.5
    assert {name: values.tolist() for name, values in cloud.attributes.items()} == {
        "n_0": [1],
        "n_1": [2],
        "label": [3],
    }
    assert cloud.attributes["label"].dtype == np.int32


@pytest.mark.parametrize(
    ("values", "stored"),
    [
        (np.array([-(2**31), 5], np.int64), np.int32),
        (np.array([2**32 - 1, 5], np.uint64), np.uint32),
        (np.array([2**53, -(2**53)], np.int64), np.float64),
    ],
)
def test_wide_integers_are_stored_if_exact_and_come_back(tmp_path, values, stored):
    path = tmp_path / "a.ply"
    write_pointcloud(path, PointCloud(np.zeros((2, 3)), attributes={"t": values}))
    names = {np.int32: b"int", np.uint32: b"uint", np.float64: b"double"}
    assert b"property " + names[stored] + b" t\n" in path.read_bytes()
    back = read_pointcloud(path).attributes["t"]
    assert back.dtype == values.dtype
    assert back.tolist() == values.tolist()


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("t", np.array([2**53 + 1], np.int64), "no PLY type holds exactly; write .npz"),
        ("t", np.array([2**63 - 1], np.int64), "no PLY type holds exactly"),
        ("c", np.array([1j]), "is complex128"),
        ("s", np.array(["a"]), "is <U1"),
        ("a b", np.array([1]), "white space"),
        ("a\nb", np.array([1]), "white space"),
        ("x", np.array([1]), "column 'x' that exists already"),
    ],
)
def test_what_ply_cannot_hold_is_refused(tmp_path, name, values, reason):
    with pytest.raises(PointCloudError, match=r"a\.ply: attribute .*" + reason):
        write_pointcloud(tmp_path / "a.ply", PointCloud(np.zeros((1, 3)), attributes={name: values}))


def test_attributes_that_would_become_colours_are_refused(tmp_path):
    attributes = {name: np.zeros(1, np.uint8) for name in "rgb"}
    with pytest.raises(PointCloudError, match="r g b would be read back as colours"):
        write_pointcloud(tmp_path / "a.ply", PointCloud(np.zeros((1, 3)), attributes=attributes))
