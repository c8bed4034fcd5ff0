import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from point_sam.picture.colors import MASK_COLOR
from point_sam.viewer.objects import MAX_NAME, SegmentedObject, check_name, label_image


@given(hnp.arrays(bool, st.integers(1, 300)).filter(np.any))
def test_the_mask_comes_back(mask: np.ndarray) -> None:
    item = SegmentedObject.of(3, mask)
    np.testing.assert_array_equal(item.mask, mask)
    assert (item.area, item.num_points, item.name) == (int(mask.sum()), len(mask), "object 3")


def test_where_objects_overlap_the_later_counts() -> None:
    first = SegmentedObject.of(5, np.array([True, True, False, False]), visible=False)
    second = SegmentedObject.of(2, np.array([False, True, True, False]))
    labels = label_image([first, second], 4)
    assert labels.dtype == np.int32
    assert labels.tolist() == [5, 2, 2, 0]


def test_neighbouring_objects_have_other_colours_than_each_other_and_the_mask() -> None:
    colors = [MASK_COLOR] + [SegmentedObject.of(i, np.ones(1, bool)).color for i in range(1, 9)]
    apart = [np.abs(np.subtract(a, b)).max() for i, a in enumerate(colors) for b in colors[:i]]
    assert min(apart) > 30


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(ValueError, match="object 1 is empty"):
        SegmentedObject.of(1, np.zeros(4, bool))
    with pytest.raises(ValueError, match="id 0 is below 1"):
        SegmentedObject.of(0, np.ones(4, bool))


@pytest.mark.parametrize(
    ("name", "words"),
    [("", "empty"), (" \t", "empty"), ("x" * (MAX_NAME + 1), "81 characters"), ("a\nb", "cannot be printed")],
)
def test_names_that_make_no_line_are_refused(name: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_name(name)


def test_white_space_around_a_name_goes() -> None:
    assert check_name("  left leg ") == "left leg"
