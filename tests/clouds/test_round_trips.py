"""What is written is read back: every writer with its reader, and every layout that only other programs write."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from point_sam.clouds import PointCloud, read_pointcloud, write_pointcloud

fast = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

NARROW = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "float16", "float32", "float64"]
WIDE = [*NARROW, "int64", "uint64"]
names = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=2, max_size=8).filter(str.isprintable)
reserved = {
    "red",
    "green",
    "blue",
    "rgb",
    "rgba",
    "coords",
    "xyz",
    "points",
    "pos",
    "colors",
    "colours",
    "color",
    "colour",
}


@st.composite
def clouds(draw, dtypes=WIDE, with_attributes=True):
    count = draw(st.integers(1, 12))
    xyz = draw(hnp.arrays(np.float64, (count, 3), elements=st.floats(allow_nan=False, allow_infinity=False)))
    rgb = draw(st.none() | hnp.arrays(np.uint8, (count, 3)))
    attributes = {}
    if with_attributes:
        wanted = draw(st.lists(names, max_size=3, unique_by=str.lower))
        for name in (n for n in wanted if n.lower() not in reserved):
            shape = (count,) if draw(st.booleans()) else (count, draw(st.integers(1, 3)))
            attributes[name] = draw(hnp.arrays(draw(st.sampled_from(dtypes)), shape))
    return PointCloud(xyz, rgb, attributes)


def assert_same(got, wanted, *, dtypes=True):
    assert got.xyz.tobytes() == wanted.xyz.tobytes()  # to the last bit and sign
    assert (got.rgb is None) == (wanted.rgb is None)
    np.testing.assert_array_equal(got.rgb, wanted.rgb)
    assert set(got.attributes) == set(wanted.attributes)
    for name, values in wanted.attributes.items():
        if dtypes:
            assert got.attributes[name].dtype == values.dtype
        np.testing.assert_array_equal(got.attributes[name], values)


@pytest.mark.parametrize("suffix", [".npz", ".pcd", ".xyz", ".txt"])
@fast
@given(cloud=clouds())
def test_everything_comes_back(tmp_path, suffix, cloud):
    write_pointcloud(tmp_path / f"a{suffix}", cloud)
    assert_same(read_pointcloud(tmp_path / f"a{suffix}"), cloud)


@fast
@given(cloud=clouds(dtypes=NARROW))
def test_everything_comes_back_from_ply(tmp_path, cloud):
    write_pointcloud(tmp_path / "a.ply", cloud)
    assert_same(read_pointcloud(tmp_path / "a.ply"), cloud)


@fast
@given(cloud=clouds())
def test_csv_keeps_the_values_in_columns_of_their_own(tmp_path, cloud):
    write_pointcloud(tmp_path / "a.csv", cloud)
    flat = {}
    for name, values in cloud.attributes.items():
        flat.update({name: values} if values.ndim == 1 else {f"{name}_{i}": v for i, v in enumerate(values.T)})
    assert_same(read_pointcloud(tmp_path / "a.csv"), PointCloud(cloud.xyz, cloud.rgb, flat), dtypes=False)


@fast
@given(cloud=clouds(with_attributes=False).filter(lambda c: c.rgb is None or c.rgb.max() != 1))
def test_coordinates_and_colours_come_back_from_npy(tmp_path, cloud):
    write_pointcloud(tmp_path / "a.npy", cloud)
    assert_same(read_pointcloud(tmp_path / "a.npy"), cloud)


PLY_TYPES = {
    "b": "char",
    "B": "uchar",
    "h": "short",
    "H": "ushort",
    "i": "int",
    "I": "uint",
    "f": "float",
    "d": "double",
}
PCD_TYPES = {
    "b": "1 I",
    "B": "1 U",
    "h": "2 I",
    "H": "2 U",
    "i": "4 I",
    "I": "4 U",
    "q": "8 I",
    "Q": "8 U",
    "f": "4 F",
    "d": "8 F",
}


@st.composite
def tables(draw, types):
    """Columns as another program might write them: shuffled names, each with a struct code, and rows that fit."""
    others = [f"a{i}" for i in range(draw(st.integers(0, 3)))]
    columns = draw(st.permutations(["x", "y", "z", *draw(st.sampled_from([[], ["red", "green", "blue"]])), *others]))
    codes = []
    for name in columns:
        allowed = "fd" if name in "xyz" else "B" if name in ("red", "green", "blue") else "".join(types)
        codes.append(draw(st.sampled_from(allowed)))
    bound = {"f": st.floats(-(2.0**100), 2.0**100, width=32), "d": st.floats(-(2.0**1000), 2.0**1000)}
    cells = [bound[c] if c in bound else st.integers(int(np.iinfo(c).min), int(np.iinfo(c).max)) for c in codes]
    return columns, codes, draw(st.lists(st.tuples(*cells), min_size=1, max_size=6))


def assert_holds(path: Path, columns, codes, rows):
    cloud = read_pointcloud(path)
    got = dict(zip("xyz", cloud.xyz.T, strict=True)) | cloud.attributes
    if cloud.rgb is not None:
        got |= dict(zip(("red", "green", "blue"), cloud.rgb.T, strict=True))
    assert sorted(got) == sorted(columns)
    for i, (name, code) in enumerate(zip(columns, codes, strict=True)):
        assert got[name].tolist() == [row[i] for row in rows]
        if name not in "xyz":
            assert got[name].dtype == np.dtype(code)


@pytest.mark.parametrize("encoding", ["ascii", "binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@fast
@given(table=tables(PLY_TYPES))
def test_ply_of_other_programs(tmp_path, encoding, newline, table):
    columns, codes, rows = table
    lines = ["ply", f"format {encoding} 1.0", f"element vertex {len(rows)}"]
    lines += [f"property {PLY_TYPES[code]} {name}" for name, code in zip(columns, codes, strict=True)] + [
        "end_header",
        "",
    ]
    if encoding == "ascii":
        body = "".join(" ".join(map(repr, row)) + newline for row in rows).encode()
    else:
        order = "<" if "little" in encoding else ">"
        body = b"".join(struct.pack(order + "".join(codes), *row) for row in rows)
    (tmp_path / "a.ply").write_bytes(newline.join(lines).encode() + body)
    assert_holds(tmp_path / "a.ply", columns, codes, rows)


@pytest.mark.parametrize("encoding", ["ascii", "binary", "binary_compressed"])
@fast
@given(table=tables(PCD_TYPES))
def test_pcd_of_other_programs(tmp_path, encoding, table):
    columns, codes, rows = table
    sizes, types = zip(*(PCD_TYPES[code].split() for code in codes), strict=True)
    lines = ["VERSION 0.7", "FIELDS " + " ".join(columns), "SIZE " + " ".join(sizes), "TYPE " + " ".join(types)]
    lines += ["COUNT " + " ".join("1" * len(codes)), f"WIDTH {len(rows)}", "HEIGHT 1", f"POINTS {len(rows)}"]
    if encoding == "ascii":
        body = "".join(" ".join(map(repr, row)) + "\n" for row in rows).encode()
    elif encoding == "binary":
        body = b"".join(struct.pack("<" + "".join(codes), *row) for row in rows)
    else:
        plain = b"".join(struct.pack(f"<{len(rows)}{c}", *(row[i] for row in rows)) for i, c in enumerate(codes))
        packed = b"".join(bytes([len(plain[i : i + 32]) - 1]) + plain[i : i + 32] for i in range(0, len(plain), 32))
        body = struct.pack("<II", len(packed), len(plain)) + packed
    (tmp_path / "a.pcd").write_bytes("\n".join([*lines, f"DATA {encoding}", ""]).encode() + body)
    assert_holds(tmp_path / "a.pcd", columns, codes, rows)
