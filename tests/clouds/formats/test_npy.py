import struct

import numpy as np
import pytest

from point_sam.clouds import PointCloud, PointCloudError, read_pointcloud, write_pointcloud


@pytest.fixture
def read(tmp_path):
    def read_array(array):
        np.save(tmp_path / "a.npy", array)
        return read_pointcloud(tmp_path / "a.npy")

    return read_array


@pytest.fixture
def read_header(tmp_path):
    def read_bytes(header, body=bytes(1000), *, version=1):
        length = struct.pack("<H" if version == 1 else "<I", len(header))
        (tmp_path / "a.npy").write_bytes(b"\x93NUMPY" + bytes([version, 0]) + length + header.encode() + body)
        return read_pointcloud(tmp_path / "a.npy")

    return read_bytes


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", "<f2", "<i4", "u1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_coordinates_of_any_type_and_order(read, dtype, order):
    array = np.asarray([[1, 2, 3], [4, 5, 6]], dtype=dtype, order=order)
    assert read(array).xyz.tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("columns", "rgb"),
    [((0, 128, 255), [0, 128, 255]), ((0.0, 0.2, 1.0), [0, 51, 255]), ((-1.0, 0.0, 0.5), None), ((0.5, 7, 8), None)],
)
def test_columns_4_to_6_are_colours_if_they_look_so(read, columns, rgb):
    cloud = read(np.array([[1.0, 2, 3, *columns, 9]]))
    assert (None if cloud.rgb is None else cloud.rgb[0].tolist()) == rgb
    assert cloud.attributes["column_7"].tolist() == [9]
    assert ("column_4" in cloud.attributes) == (rgb is None)


def test_records_are_read_by_name(read):
    records = np.zeros(2, dtype=[("label", "i2"), ("z", "f4"), ("y", "f8"), ("x", "f8"), ("n", "f4", (3,)), ("r", "u1"),
                                 ("g", "u1"), ("b", "u1")])  # fmt: skip
    records["x"], records["r"], records["label"] = 5, 7, [1, 2]
    cloud = read(records)
    assert cloud.xyz.tolist() == [[5, 0, 0], [5, 0, 0]]
    assert cloud.rgb[0].tolist() == [7, 0, 0]
    assert cloud.attributes["n"].shape == (2, 3)
    assert cloud.attributes["label"].dtype == np.int16


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((5, 2)), r"shape \[5, 2\]"),
        (np.zeros(5, bool), r"holds bool of shape \[5\]"),
        (np.zeros((2, 3, 3)), r"shape \[2, 3, 3\]"),
        (np.zeros((5, 2000)), "shape"),
        (np.zeros((0, 6)), "no points"),
        (np.zeros((5, 3), complex), "complex128"),
        (np.full((5, 3), "a"), "<U1"),
        (np.zeros((2, 2), [("x", "f4")]), "records of shape"),
        (np.zeros(2, [("x", "f4"), ("y", "f4")]), "no columns x, y, z"),
        (np.full((2, 3), None), "Python objects, which are never unpickled"),
        (np.full((2, 3), np.nan), "2 of 2 points"),
    ],
)
def test_arrays_that_are_no_cloud_are_refused(read, array, reason):
    with pytest.raises(PointCloudError, match=r"a\.npy: .*" + reason):
        read(array)


def header(descr="'<f8'", shape="(2, 3)", order="False", more=""):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, {more}}}"


@pytest.mark.parametrize("version", [1, 2, 3])
def test_all_versions_are_read(read_header, version):
    assert len(read_header(header(), version=version)) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (header(shape="(1000000000000, 3)"), r"announces shape \[1000000000000, 3\] of float64, 24000000000000 bytes"),
        (header(shape=f"({2**61}, {2**61}, 3)"), "announces shape"),
        (header(shape="(-2, 3)"), "not a tuple of sizes"),
        (header(shape="(2.0, 3)"), "not a tuple of sizes"),
        (header(shape="(True, 3)"), "not a tuple of sizes"),
        (header(shape=f"({2**62}, 3)"), "not a tuple of sizes"),
        (header(shape="6"), "not a tuple of sizes"),
        (header(shape="(" + "1," * 40 + ")"), "more than 32 dimensions"),
        (header(order="'no'"), "not a boolean"),
        (header(descr="'O'"), "Python objects"),
        (header(descr="[('x', 'O')]"), "Python objects"),
        (header(descr="'V0'"), "has no size"),
        (header(descr="'q9'"), "unknown type"),
        (header(descr="3"), "neither a type nor a list"),
        (header(descr="[('x', [('y', 'f8')])]"), "a field is not"),
        (header(descr="[('x', 'f8', 'f8')]"), "a field is not"),
        (header(descr="[('x', 'f8', (100000, 100000))]"), "unknown type"),
        (header(descr="[('x', 'f8'), ('x', 'f8')]"), "unknown type"),
        (header(more="'extra': 1"), "has not the keys"),
        ("{'descr'", "not the dictionary"),
        ("__import__('os').system('true')", "not the dictionary"),
        ("(" * 5000, "not the dictionary"),
        ("-" * 60000 + "1", "not the dictionary"),
        ("{[]: 1}", "not the dictionary"),
    ],
)
def test_header_lies_are_refused(read_header, text, reason):
    with pytest.raises(PointCloudError, match=r"a\.npy: .*" + reason):
        read_header(text)


def test_an_endless_header_is_refused(tmp_path):
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\2\0" + struct.pack("<I", 2**32 - 1) + b" " * 1000)
    with pytest.raises(PointCloudError, match="header of 4294967295 bytes; at most 65536"):
        read_pointcloud(tmp_path / "a.npy")


def test_an_unknown_version_is_refused(read_header):
    with pytest.raises(PointCloudError, match="version 9"):
        read_header(header(), version=9)


def test_a_cloud_is_written_as_plain_columns(tmp_path):
    rgb = np.array([[0, 1, 2], [3, 4, 255]], np.uint8)
    write_pointcloud(tmp_path / "a.npy", PointCloud(np.ones((2, 3)), rgb))
    assert np.load(tmp_path / "a.npy").tolist() == [[1, 1, 1, 0, 1, 2], [1, 1, 1, 3, 4, 255]]
    write_pointcloud(tmp_path / "a.npy", PointCloud(np.ones((2, 3))))
    assert np.load(tmp_path / "a.npy").shape == (2, 3)


def test_attributes_are_not_lost_silently(tmp_path):
    cloud = PointCloud(np.ones((2, 3)), attributes={"label": np.zeros(2), "t": np.zeros(2)})
    with pytest.raises(PointCloudError, match=r"cannot hold the attributes label, t; write \.npz"):
        write_pointcloud(tmp_path / "a.npy", cloud)


def test_colours_that_would_change_are_refused(tmp_path):
    with pytest.raises(PointCloudError, match="colours of 0 and 1 only"):
        write_pointcloud(tmp_path / "a.npy", PointCloud(np.ones((2, 3)), np.ones((2, 3), np.uint8)))
