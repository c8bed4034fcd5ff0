import io
import time
import tracemalloc
import zipfile

import numpy as np
import pytest

from point_sam.clouds import PointCloud, PointCloudError, read_pointcloud, write_pointcloud

XYZ = np.arange(6.0).reshape(2, 3)


def npy_bytes(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=True)
    return file.getvalue()


@pytest.fixture
def read(tmp_path):
    def read_arrays(save=np.savez, **arrays):
        save(tmp_path / "a.npz", **arrays)
        return read_pointcloud(tmp_path / "a.npz")

    return read_arrays


@pytest.fixture
def read_entries(tmp_path):
    def read_zip(entries, compression=zipfile.ZIP_STORED, edit=lambda data: data):
        with zipfile.ZipFile(tmp_path / "a.npz", "w", compression) as archive:
            for name, data in entries:
                archive.writestr(name, data)
        (tmp_path / "a.npz").write_bytes(edit((tmp_path / "a.npz").read_bytes()))
        return read_pointcloud(tmp_path / "a.npz")

    return read_zip


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("xyz", ["coords", "xyz", "points", "pos"])
@pytest.mark.parametrize("rgb", ["rgb", "colors", "colours", "color", "colour"])
def test_known_keys(read, save, xyz, rgb):
    cloud = read(save, **{xyz: XYZ.astype("f4"), rgb: np.array([[0, 0.2, 1.0]] * 2)})
    assert cloud.xyz.tolist() == XYZ.tolist()
    assert cloud.rgb.tolist() == [[0, 51, 255]] * 2
    assert cloud.attributes == {}


def test_other_arrays_per_point_are_attributes_and_the_rest_is_passed_over(read):
    cloud = read(
        xyz=XYZ,
        label=np.array([1, 2], np.int8),
        normal=np.ones((2, 3), ">f4"),
        name=np.array(["a", "bc"]),
        scale=np.float64(3),
        other=np.zeros(7),
        deep=np.zeros((2, 3, 3)),
        meta=np.array("x"),
    )
    assert sorted(cloud.attributes) == ["label", "name", "normal"]
    assert cloud.attributes["normal"].dtype == np.dtype("f4")
    assert cloud.attributes["name"].tolist() == ["a", "bc"]


def test_everything_survives_writing(tmp_path):
    attributes = {
        "c": np.array([1j, 2]), "s": np.array(["ä", "b"]), "d": np.array(["2020-01-01", "NaT"], "M8[ns]"),
        "with space": np.array([True, False]), "x": np.zeros(2), "k": np.ones((2, 1), np.float16),
    }  # fmt: skip
    write_pointcloud(tmp_path / "a.npz", PointCloud(XYZ, attributes=attributes))
    back = read_pointcloud(tmp_path / "a.npz").attributes
    assert list(back) == list(attributes)
    for name, values in attributes.items():
        assert back[name].dtype == values.dtype
        np.testing.assert_array_equal(back[name], values)
    with np.load(tmp_path / "a.npz") as archive:
        assert archive["coords"].tolist() == XYZ.tolist()


def test_equal_clouds_give_equal_files(tmp_path):
    for name in ("a.npz", "b.npz"):
        write_pointcloud(tmp_path / name, PointCloud(XYZ))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("name", ["coords", "rgb", "points", "a/b", "a\nb", "n" * 2000])
def test_names_that_would_be_misread_are_refused(tmp_path, name):
    with pytest.raises(PointCloudError, match="rename it"):
        write_pointcloud(tmp_path / "a.npz", PointCloud(XYZ, attributes={name: np.zeros(2)}))


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        (
            {"vertices": XYZ, "label": np.zeros(2)},
            "no coordinates: expected an array coords, .*; found vertices, label",
        ),
        ({"xyz": XYZ, "points": XYZ}, "several arrays of coordinates: xyz, points"),
        ({"xyz": XYZ, "rgb": XYZ, "color": XYZ}, "several arrays of colours"),
        ({"xyz": XYZ[:, :2]}, r"'xyz' has shape \[2, 2\]"),
        ({"xyz": np.full((2, 3), "a")}, "'xyz' is <U1"),
        ({"xyz": XYZ, "rgb": XYZ[:1]}, r"'rgb' has shape \[1, 3\]; expected \[2, 3\]"),
        ({"xyz": XYZ, "rgb": XYZ - 1}, "colours range"),
        ({"xyz": XYZ[:0]}, "no points"),
    ],
)
def test_archives_that_are_no_cloud_are_refused(read, arrays, reason):
    with pytest.raises(PointCloudError, match=r"a\.npz: .*" + reason):
        read(**arrays)


def test_objects_are_never_unpickled(read_entries):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    for entries in (
        [("xyz.npy", npy_bytes(np.array([[Trap()] * 3], dtype=object)))],
        [("xyz.npy", npy_bytes(XYZ)), ("a.npy", npy_bytes(np.array([Trap(), Trap()], dtype=object)))],
    ):
        with pytest.raises(PointCloudError, match="Python objects, which are never unpickled"):
            read_entries(entries)


def test_a_zip_bomb_is_refused_without_unpacking(tmp_path):
    count = 10_000_000
    with (
        zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("xyz.npy", "w", force_zip64=True) as entry,
    ):
        layout = {"descr": "<f8", "fortran_order": False, "shape": (count, 3)}
        np.lib.format.write_array_header_1_0(entry, layout)
        for _ in range(24):
            entry.write(bytes(count))
    assert (tmp_path / "a.npz").stat().st_size < 2_000_000
    tracemalloc.start()
    started = time.perf_counter()
    with pytest.raises(PointCloudError, match="bytes would unpack to 240000000; at most 200 times"):
        read_pointcloud(tmp_path / "a.npz")
    assert time.perf_counter() - started < 0.5
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_array_headers_that_disagree_with_the_archive_are_refused(read_entries):
    data = npy_bytes(np.zeros((2, 3)))
    lie = data.replace(b"(2, 3)", b"(9, 3)")
    for entry in (lie, data[:-1], data + b"\0"):
        with pytest.raises(PointCloudError, match=r"array 'xyz': its header announces shape \[\d, 3\]"):
            read_entries([("xyz.npy", entry)])


def test_a_flipped_bit_is_noticed_by_the_checksum(read_entries):
    def flip(data):
        where = data.index(np.float64(5).tobytes())
        return data[:where] + b"\x01" + data[where + 1 :]

    with pytest.raises(PointCloudError, match="not an intact NPZ archive: Bad CRC-32"):
        read_entries([("xyz.npy", npy_bytes(XYZ))], edit=flip)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("entries", "compression", "reason"),
    [
        ([("xyz.npy", npy_bytes(XYZ))] * 2, zipfile.ZIP_STORED, "'xyz' is in the archive twice"),
        ([("xyz.npy", npy_bytes(XYZ))], zipfile.ZIP_LZMA, "compressed by method 14"),
        ([(f"{i}.npy", b"") for i in range(1100)], zipfile.ZIP_STORED, "1100 entries"),
        ([("readme.txt", b"hello")], zipfile.ZIP_STORED, "no coordinates.*found none"),
        ([("xyz.npy", b"garbage!")], zipfile.ZIP_STORED, "'xyz': does not begin with the NPY magic"),
        ([], zipfile.ZIP_STORED, "no coordinates"),
    ],
)
def test_strange_archives_are_refused(read_entries, entries, compression, reason):
    with pytest.raises(PointCloudError, match=reason):
        read_entries(entries, compression)
