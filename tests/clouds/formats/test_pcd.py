import struct

import numpy as np
import pytest

from point_sam.clouds import PointCloud, PointCloudError, read_pointcloud, write_pointcloud

BASE = {
    "VERSION": "0.7",
    "FIELDS": "x y z",
    "SIZE": "4 4 4",
    "TYPE": "F F F",
    "COUNT": "1 1 1",
    "WIDTH": "2",
    "HEIGHT": "1",
    "VIEWPOINT": "0 0 0 1 0 0 0",
    "POINTS": "2",
    "DATA": "ascii",
}
POINTS = "1 2 3\n4 5 6\n"


def pcd(body, **changes):
    """A PCD file; a change to None leaves the line out."""
    entries = {**BASE, **changes}
    lines = ["# .PCD v.7 - Point Cloud Data file format", *(f"{k} {v}" for k, v in entries.items() if v is not None)]
    return ("\n".join(lines) + "\n").encode() + (body if isinstance(body, bytes) else body.encode())


def compressed(plain, *, packed_size=None, size=None):
    """As LZF literals only."""
    packed = b"".join(bytes([len(plain[i : i + 32]) - 1]) + plain[i : i + 32] for i in range(0, len(plain), 32))
    sizes = (len(packed) if packed_size is None else packed_size, len(plain) if size is None else size)
    return struct.pack("<II", *sizes) + packed


@pytest.fixture
def read(tmp_path):
    def read_bytes(data, **options):
        path = tmp_path / "a.pcd"
        path.write_bytes(data)
        return read_pointcloud(path, **options)

    return read_bytes


WIDE = {
    "FIELDS": "x _ y z rgb normal stamp",
    "SIZE": "4 1 8 4 4 4 8",
    "TYPE": "F U F F U F U",
    "COUNT": "1 3 1 1 1 3 1",
}
ROWS = [
    (1.5, 9, 9, 9, 2.25, 3.0, 0x102030, 0.5, 0.25, 1.0, 2**60 + 1),
    (4.0, 0, 0, 0, 5.0, 6.0, 0xFF00FF00, 1, 2, 3, 7),
]


@pytest.mark.parametrize("encoding", ["ascii", "binary", "binary_compressed"])
def test_all_encodings_with_padding_counts_and_wide_types(read, encoding):
    if encoding == "ascii":
        body = "".join(" ".join(map(str, row)) + "\n" for row in ROWS)
    elif encoding == "binary":
        body = b"".join(struct.pack("<f3BdfI3fQ", *row) for row in ROWS)
    else:
        groups = [("f", 0, 1), ("B", 1, 4), ("d", 4, 5), ("f", 5, 6), ("I", 6, 7), ("f", 7, 10), ("Q", 10, 11)]
        body = compressed(b"".join(struct.pack(f"<{b - a}{c}", *row[a:b]) for c, a, b in groups for row in ROWS))
    cloud = read(pcd(body, **WIDE, DATA=encoding))
    assert cloud.xyz.tolist() == [[1.5, 2.25, 3], [4, 5, 6]]
    assert cloud.rgb.tolist() == [[0x10, 0x20, 0x30], [0, 255, 0]]
    assert sorted(cloud.attributes) == ["normal", "stamp"]
    assert cloud.attributes["normal"].tolist() == [[0.5, 0.25, 1], [1, 2, 3]]
    assert cloud.attributes["stamp"].tolist() == [2**60 + 1, 7]


@pytest.mark.parametrize("bits", [0x00FF8001, 0xFF0A0B0C, 0x7FC00001, 0x00000001])
@pytest.mark.parametrize("name", ["rgb", "rgba", "RGB"])
@pytest.mark.parametrize("type", ["F", "U", "I"])
def test_packed_colours_are_bits_whatever_type_they_claim(read, bits, name, type):
    layout = {"FIELDS": f"x y z {name}", "SIZE": "4 4 4 4", "TYPE": f"F F F {type}", "COUNT": "1 1 1 1"}
    body = struct.pack("<3fI", 0, 0, 0, bits)
    cloud = read(pcd(body, **layout, WIDTH="1", POINTS="1", DATA="binary"))
    assert cloud.rgb.tolist() == [[bits >> 16 & 255, bits >> 8 & 255, bits & 255]]
    alpha = {"alpha": [bits >> 24]} if name == "rgba" else {}
    assert {name: values.tolist() for name, values in cloud.attributes.items()} == alpha


def test_packed_float_colours_survive_ascii(read):
    value = np.array([0x00123456], "<u4").view("<f4")[0]
    layout = {"FIELDS": "x y z rgb", "SIZE": "4 4 4 4", "TYPE": "F F F F", "COUNT": "1 1 1 1"}
    cloud = read(pcd(f"0 0 0 {value:.9g}\n", **layout, WIDTH="1", POINTS="1"))
    assert cloud.rgb.tolist() == [[0x12, 0x34, 0x56]]


def test_colours_in_three_fields(read):
    layout = {"FIELDS": "x y z r g b", "SIZE": "4 4 4 1 1 1", "TYPE": "F F F U U U", "COUNT": "1 1 1 1 1 1"}
    assert read(pcd("0 0 0 1 2 3\n0 0 0 4 5 6\n", **layout)).rgb.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_organised_clouds_may_drop_their_nan_points(read):
    data = pcd("nan nan nan\n4 5 6\n", WIDTH="1", HEIGHT="2")
    with pytest.raises(PointCloudError, match=r"1 of 2 points .*drop_invalid=True"):
        read(data)
    assert read(data, drop_invalid=True).xyz.tolist() == [[4, 5, 6]]


@pytest.mark.parametrize("missing", ["VERSION", "COUNT", "VIEWPOINT", "POINTS", "WIDTH", "HEIGHT"])
def test_entries_that_may_be_missing(read, missing):
    assert len(read(pcd(POINTS, **{missing: None}))) == 2


def test_ascii_keeps_every_digit_of_coordinates(read):
    assert read(pcd("500000.123456 5400000.25 1\n4 5 6\n")).xyz[0].tolist() == [500000.123456, 5400000.25, 1]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"POINTS": "3"}, "WIDTH x HEIGHT is 2, POINTS is 3"),
        ({"WIDTH": "-2"}, "WIDTH '-2' is not a whole number"),
        ({"WIDTH": "2 2"}, "WIDTH '2 2' is not a whole number"),
        ({"WIDTH": "0", "POINTS": "0"}, "0 points"),
        ({"WIDTH": None, "POINTS": None}, "neither POINTS nor WIDTH"),
        ({"WIDTH": "1000000", "HEIGHT": "1000000", "POINTS": "1000000000000"}, "only|but 2 lines follow"),
        ({"FIELDS": None}, "no FIELDS"),
        ({"FIELDS": "x y x"}, "FIELDS has 'x' twice"),
        ({"FIELDS": "x y w"}, "no columns x, y, z; found x, y, w"),
        ({"SIZE": "4 4"}, "SIZE has 2 entries for 3 FIELDS"),
        ({"SIZE": None}, "SIZE has 0 entries"),
        ({"SIZE": "4 4 3"}, "'z': TYPE F with SIZE 3"),
        ({"TYPE": "F F Q"}, "'z': TYPE Q"),
        ({"COUNT": "1 1 0"}, "'z': COUNT 0"),
        ({"COUNT": "1 1 2"}, "data row 1 has 3 columns; expected 4"),
        ({"COUNT": "1 1 99999999"}, "at most 4096"),
        ({"COUNT": "1 1 999999999999999999"}, "COUNT entries are wrong"),
        ({"DATA": "zip"}, "DATA 'zip' is none of ascii, binary"),
        ({"DATA": None}, "'1 2 3' is no PCD header line"),
        ({"COLOUR": "1"}, "no complete DATA line|is no PCD header line"),
    ],
)
def test_header_lies_are_located(read, changes, reason):
    if "COLOUR" in changes:
        changes = {"VIEWPOINT": "0\nCOLOUR 1"}
    with pytest.raises(PointCloudError, match=r"a\.pcd: .*(" + reason + ")"):
        read(pcd(POINTS, **changes))


@pytest.mark.parametrize("encoding", ["binary", "binary_compressed"])
@pytest.mark.parametrize("count", [3, 10**9, 10**12])
def test_counts_beyond_the_file_are_refused_at_once(read, encoding, count):
    body = bytes(24) if encoding == "binary" else compressed(bytes(24))
    with pytest.raises(PointCloudError, match=r"but 24 are left|the compressed data announce 24 bytes"):
        read(pcd(body, WIDTH=str(count), POINTS=str(count), DATA=encoding))


@pytest.mark.parametrize(
    ("sizes", "reason"),
    [
        ({"packed_size": 1000}, "need 1000 bytes, but 25 are left"),
        ({"packed_size": 3}, "LZF: "),
        ({"size": 4_000_000_000}, "announce 4000000000 bytes"),
    ],
)
def test_compressed_sizes_that_lie(read, sizes, reason):
    with pytest.raises(PointCloudError, match=reason):
        read(pcd(compressed(bytes(24), **sizes), DATA="binary_compressed"))


def test_a_compressed_bomb_is_refused_before_it_unpacks(read):
    count = 300_000_000
    body = struct.pack("<II", 3, count * 12) + b"\x00a\x00"
    with pytest.raises(PointCloudError, match="cannot unpack"):
        read(pcd(body, WIDTH=str(count), POINTS=str(count), DATA="binary_compressed"))


def test_an_endless_header_is_refused(read):
    with pytest.raises(PointCloudError, match="no complete DATA line within the first 262144 bytes"):
        read(b"# .PCD\n" + b"# comment\n" * 100_000)


def test_written_as_binary_with_packed_colours(tmp_path):
    path = tmp_path / "a.pcd"
    rgb = np.array([[1, 2, 3]], np.uint8)
    write_pointcloud(path, PointCloud(np.array([[5e6 + 1e-9, 0, 1]]), rgb, {"n": np.ones((1, 3), np.float32)}))
    head, _, body = path.read_bytes().partition(b"DATA binary\n")
    entries = dict(line.split(" ", 1) for line in head.decode().splitlines() if not line.startswith("#"))
    assert entries["FIELDS"] == "x y z n rgb"
    assert entries["COUNT"] == "1 1 1 3 1"
    assert entries["TYPE"] == "F F F F U"
    assert entries["POINTS"] == entries["WIDTH"] == "1"
    assert body == struct.pack("<3d3fI", 5e6 + 1e-9, 0, 1, 1, 1, 1, 0x010203)


@pytest.mark.parametrize("name", ["rgb", "RGBA", "_", "a b"])
def test_names_with_a_meaning_are_refused(tmp_path, name):
    with pytest.raises(PointCloudError, match="PCD cannot have this name"):
        write_pointcloud(tmp_path / "a.pcd", PointCloud(np.zeros((1, 3)), attributes={name: np.zeros(1)}))


def test_strings_are_refused(tmp_path):
    with pytest.raises(PointCloudError, match=r"'s' is <U1, which PCD cannot hold; write \.npz"):
        write_pointcloud(tmp_path / "a.pcd", PointCloud(np.zeros((1, 3)), attributes={"s": np.array(["a"])}))
