import numpy as np
import pytest

from point_sam.clouds import PointCloud, PointCloudError, read_pointcloud, write_pointcloud


@pytest.fixture
def read(tmp_path):
    def read_text(text, suffix=".txt", **options):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_pointcloud(path, **options)

    return read_text


@pytest.mark.parametrize("suffix", [".xyz", ".txt", ".csv"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [" ", "   ", "\t", ",", ", ", ";", " ; "])
@pytest.mark.parametrize("end", ["", "\n"])
def test_any_delimiter_and_line_end_under_any_suffix(read, suffix, newline, delimiter, end):
    lines = [delimiter.join(row) for row in (("1.5", "-2", "3e-3"), ("4", "+5.25", "6"))]
    cloud = read(newline.join(lines) + end.replace("\n", newline), suffix)
    assert cloud.xyz.tolist() == [[1.5, -2, 3e-3], [4, 5.25, 6]]
    assert cloud.rgb is None
    assert cloud.attributes == {}


@pytest.mark.parametrize(
    "head",
    ["x,y,z,red,green,blue,t\n",
     "X,Y,Z,R,G,B,t\n", '"x","y","z","r","g","b","t"\n', "//X,Y,Z,R,G,B,t\n", "# x y z r g b t\n",
     "# a scan\n\n# x y z red green blue t\n// 2 points\n", "\ufeffx,y,z,r,g,b,t\n"],
)  # fmt: skip
def test_headers_name_columns(read, head):
    cloud = read(head + "1,2,3,10,20,30,0.5\n4,5,6,40,50,60,1\n", ".csv")
    assert cloud.xyz.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert cloud.rgb.tolist() == [[10, 20, 30], [40, 50, 60]]
    assert cloud.attributes["t"].tolist() == [0.5, 1]


def test_named_columns_may_stand_in_any_order(read):
    cloud = read("label b g r z y x\n7 3 2 1 30 20 10\n")
    assert cloud.xyz.tolist() == [[10, 20, 30]]
    assert cloud.rgb.tolist() == [[1, 2, 3]]
    assert cloud.attributes["label"].tolist() == [7]
    assert cloud.attributes["label"].dtype == np.int64


def test_named_float_colours_are_fractions(read):
    assert read("x y z r g b\n0 0 0 1.0 0.0 0.2\n").rgb.tolist() == [[255, 0, 51]]
    assert read("x y z r g b\n0 0 0 1 0 1\n").rgb.tolist() == [[1, 0, 1]]


@pytest.mark.parametrize(
    ("columns", "is_color"),
    [("0 128 255", True), ("0 128 256", False), ("-1 0 0", False), ("0.1 0.2 0.3", False), ("1.0 2.0 3.0", False)],
)
def test_unnamed_columns_4_to_6_are_colours_if_they_are_bytes(read, columns, is_color):
    cloud = read(f"0 0 0 1 1 1 9\n1 1 1 {columns} 9.5\n")
    if is_color:
        assert cloud.rgb.tolist() == [[1, 1, 1], [0, 128, 255]]
        assert cloud.attributes["column_7"].tolist() == [9, 9.5]
    else:
        assert cloud.rgb is None
        assert sorted(cloud.attributes) == ["column_4", "column_5", "column_6", "column_7"]


def test_four_or_five_columns_are_attributes(read):
    assert sorted(read("0 0 0 1 2\n").attributes) == ["column_4", "column_5"]


def test_comments_between_and_behind_points(read):
    cloud = read("# first\n0 0 0 # here\n\n// there\n1 1 1 // too\n   \n")
    assert cloud.xyz.tolist() == [[0, 0, 0], [1, 1, 1]]


def test_integers_of_64_bits_are_exact(read):
    cloud = read(f"x y z t u\n0 0 0 {2**62 + 1} {2**64 - 1}\n")
    assert cloud.attributes["t"].tolist() == [2**62 + 1]
    assert cloud.attributes["u"].tolist() == [2**64 - 1]


def test_a_late_fraction_turns_only_its_own_column_to_float(read):
    rows = [f"0 0 0 {2**60 + i} 7" for i in range(1500)] + ["0 0 0 5 7.5"]
    cloud = read("x y z t u\n" + "\n".join(rows))
    assert cloud.attributes["t"].dtype == np.int64
    assert cloud.attributes["t"][1499] == 2**60 + 1499
    assert cloud.attributes["u"][-1] == 7.5


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 2\n", "has 2 columns; expected at least x y z"),
        ("5\n1 2 3\n", "has 1 columns"),
        ("1 2 3\n4 5\n", "data row 2 has 2 columns; expected 3"),
        ("1 2 3\n4 5 6 7\n", "data row 2 has 4 columns; expected 3"),
        ("1 2 3\n4 five 6\n", "data row 2, column 2: 'five' is not a number that fits float64"),
        ("1,2,\n", "column 3: '' is not a number"),
        ("1,5;2,5;3,5\n", "column 1: '1,5' is not a number|no rows"),
        ("x y z\n", "no rows of points"),
        ("# nothing\n\n", "no rows of points"),
        ("x y z\n1 2 3 4\n", "header names 3 columns, the first row of points has 4"),
        ("x y y z\n1 2 3 4\n", "'y' twice"),
        ("x,y,z,\n1,2,3,4\n", "column without a name"),
        ("a b c\n1 2 3\n", "no columns x, y, z; found a, b, c"),
        ("1 2 3\0\n", "a NUL byte at byte 5"),
        ("x y z r g b\n0 0 0 1 2 300000\n", "colours range"),
        (" ".join(["1"] * 2000), "2000 columns; at most 1024"),
        ("1 2 3 " * 20_000, "longer than 65536 bytes"),
        ("1 2 3\n" + "7" * 70_000, "the line at byte 6 is longer than 65536 bytes"),
        ("# c\n" * 2000 + "1 2 3\n", "within the first 1000 lines"),
        (b"\x89\xff\xd8 1 2\n3 4 5\n", "no columns x, y, z|not a number"),
    ],
)
def test_what_is_no_table_is_refused(read, text, reason):
    with pytest.raises(PointCloudError, match=r"a\.txt: .*(" + reason + ")"):
        read(text)


def test_a_long_line_across_chunks_is_found(read):
    with pytest.raises(PointCloudError, match="longer than 65536 bytes"):
        read("1 2 3\n" * 170_000 + "1" * 3_000_000 + "\n")


def test_csv_is_plain_enough_for_others(tmp_path):
    path = tmp_path / "a.csv"
    cloud = PointCloud(np.array([[0.1, 5e6 + 1e-9, -0.0]]), np.array([[1, 2, 3]], np.uint8), {"ok": np.array([True])})
    write_pointcloud(path, cloud)
    assert path.read_text() == f"x,y,z,red,green,blue,ok\n0.1,{5e6 + 1e-9!r},-0.0,1,2,3,1\n"


def test_xyz_names_its_columns_in_a_comment(tmp_path):
    path = tmp_path / "a.xyz"
    write_pointcloud(path, PointCloud(np.array([[1, 2, 3]]), attributes={"f": np.array([0.5], np.float32)}))
    assert path.read_text() == "# point-sam attribute f float32 N\n# x y z f\n1.0 2.0 3.0 0.5\n"
    assert np.loadtxt(path).tolist() == [1, 2, 3, 0.5]


@pytest.mark.parametrize("name", ["a b", "a,b", "a#", "//a", 'a"', "a\nb"])
@pytest.mark.parametrize("suffix", [".xyz", ".csv"])
def test_names_that_would_break_the_table_are_refused(tmp_path, name, suffix):
    with pytest.raises(PointCloudError, match="cannot be a column's"):
        write_pointcloud(tmp_path / f"a{suffix}", PointCloud(np.array([[0, 0, 0]]), attributes={name: np.zeros(1)}))


@pytest.mark.parametrize("values", [np.array(["a"]), np.array([1j]), np.array(["2020-01-01"], "M8[D]")])
def test_what_is_no_number_is_refused(tmp_path, values):
    with pytest.raises(PointCloudError, match=r"a table of numbers cannot hold; write \.npz"):
        write_pointcloud(tmp_path / "a.csv", PointCloud(np.array([[0, 0, 0]]), attributes={"a": values}))
