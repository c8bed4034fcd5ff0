import numpy as np
import pytest

from point_sam.clouds import PointCloudError
from point_sam.clouds.colors import MASK_COLOR, paint_mask, to_uint8


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.array([[0, 128, 255]], np.uint8), [0, 128, 255]),
        (np.array([[0, 1, 1]], np.int32), [0, 1, 1]),  # integers are never fractions
        (np.array([[0.0, 0.5, 1.0]]), [0, 128, 255]),
        (np.array([[0.0, 0.5, 2.0]]), [0, 0, 2]),
        (np.array([[0.0, 127.6, 255.0]], np.float32), [0, 128, 255]),
        (np.array([[0, 257 * 128, 65535]], np.uint16), [0, 128, 255]),
        (np.array([[1, 2, 255]], np.uint16), [1, 2, 255]),  # 8-bit values in 16-bit fields, as some scanners write
    ],
)
def test_every_scale_becomes_0_to_255(given, expected):
    result = to_uint8(given)
    assert result.dtype == np.uint8
    assert result[0].tolist() == expected


@pytest.mark.parametrize("bad", [-1.0, 256.0, np.nan, np.inf])
def test_colours_out_of_range_are_refused(bad):
    with pytest.raises(PointCloudError, match="colours range"):
        to_uint8(np.array([[0.0, 0.0, bad]]))


def test_paint_changes_masked_points_only_and_towards_orange():
    rgb = np.full((3, 3), 100, np.uint8)
    painted = paint_mask(rgb, np.array([False, True, False]))
    assert painted[[0, 2]].tolist() == rgb[[0, 2]].tolist()
    distance = np.abs(painted[1].astype(int) - MASK_COLOR).sum()
    assert distance < np.abs(rgb[1].astype(int) - MASK_COLOR).sum()
    assert (rgb == 100).all()


def test_paint_without_colours_uses_grey():
    painted = paint_mask(None, np.array([False, True]))
    assert len(set(painted[0].tolist())) == 1
    assert painted[1].tolist() != painted[0].tolist()
