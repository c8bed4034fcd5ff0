import pickle

import numpy as np
import pytest

from point_sam.clouds import PointCloud, PointCloudError

XYZ = np.arange(12.0).reshape(4, 3)


def test_coordinates_become_float64_and_colours_stay():
    cloud = PointCloud(XYZ.astype(np.float32), np.full((4, 3), 7, np.uint8), {"label": np.arange(4, dtype=np.int16)})
    assert cloud.xyz.dtype == np.float64
    assert len(cloud) == 4
    assert cloud.rgb is not None
    assert cloud.rgb.dtype == np.uint8
    assert cloud.attributes["label"].dtype == np.int16


def test_the_cloud_keeps_its_own_dictionary():
    given = {"label": np.arange(4)}
    cloud = PointCloud(XYZ, attributes=given)
    given["other"] = np.arange(4)
    assert list(cloud.attributes) == ["label"]


def test_big_endian_attributes_become_native():
    cloud = PointCloud(XYZ, attributes={"a": np.arange(4, dtype=">f4")})
    assert cloud.attributes["a"].dtype == np.dtype("f4")
    assert cloud.attributes["a"].dtype.isnative
    assert cloud.attributes["a"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("xyz", "reason"),
    [
        (np.zeros((0, 3)), "no points"),
        (np.zeros((4, 2)), r"shape \[4, 2\]; expected \[N, 3\]"),
        (np.zeros(3), r"shape \[3\]"),
        (np.zeros((4, 3), dtype=complex), "complex128"),
        (np.full((4, 3), "a"), "expected real numbers"),
    ],
)
def test_coordinates_of_the_wrong_kind_are_refused(xyz, reason):
    with pytest.raises(PointCloudError, match=reason):
        PointCloud(xyz)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_coordinates_are_counted_and_located(bad):
    xyz = XYZ.copy()
    xyz[2, 1] = xyz[3, 0] = bad
    with pytest.raises(PointCloudError, match=r"2 of 4 points .* first at index 2; .*drop_invalid=True"):
        PointCloud(xyz)


@pytest.mark.parametrize(
    ("rgb", "reason"),
    [
        (np.zeros((3, 3), np.uint8), r"rgb has shape \[3, 3\]; expected \[4, 3\]"),
        (np.zeros((4, 4), np.uint8), r"expected \[4, 3\]"),
        (np.zeros((4, 3)), "rgb is float64; expected uint8"),
    ],
)
def test_colours_that_do_not_fit_are_refused(rgb, reason):
    with pytest.raises(PointCloudError, match=reason):
        PointCloud(XYZ, rgb)


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("a", np.zeros(3), r"'a' has shape \[3\]; expected \[4\] or \[4, k\]"),
        ("a", np.zeros((4, 0)), r"shape \[4, 0\]"),
        ("a", np.zeros((4, 2, 2)), r"shape \[4, 2, 2\]"),
        ("a", np.array([None] * 4), "is object"),
        ("", np.zeros(4), "not a non-empty string"),
    ],
)
def test_attributes_that_do_not_fit_are_refused(name, values, reason):
    with pytest.raises(PointCloudError, match=reason):
        PointCloud(XYZ, attributes={name: values})


def test_an_error_is_one_bounded_line_whatever_it_quotes():
    message = str(PointCloudError("found 'a\nb\x1b[31m' " + "x" * 100_000))
    assert "\n" not in message
    assert "\x1b" not in message
    assert r"a\nb\x1b[31m" in message
    assert len(message) <= 600


def test_an_error_keeps_its_advice_under_a_place_and_gives_it_in_others_words():
    with pytest.raises(PointCloudError) as caught:
        PointCloud([[0, 0, np.nan]])
    inner = caught.value.within("scan.ply").within("folder")
    reason = "folder: scan.ply: 1 of 1 points have NaN or infinite coordinates, the first at index 0"
    assert inner.advice == "drop_invalid"
    assert str(inner) == f"{reason}; drop them (read_pointcloud(..., drop_invalid=True) does) or repair the source"
    assert inner.advise({"drop_invalid": "untick it"}) == f"{reason}; untick it"
    assert PointCloudError("no advice").advise({}) == "no advice"


def test_an_error_keeps_its_advice_through_another_process():
    error = pickle.loads(pickle.dumps(PointCloudError("bad", advice="drop_invalid").within("a")))
    assert error.advise({"drop_invalid": "mend it"}) == "a: bad; mend it"
