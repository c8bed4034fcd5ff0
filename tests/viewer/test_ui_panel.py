import math

import pytest

from point_sam.viewer.ui_panel import one_of, within


def test_what_is_offered_is_taken() -> None:
    assert one_of("leg", {"arm": 1, "leg": 2}, "object") == 2
    assert one_of("none", {"none": None}, "object") is None


@pytest.mark.parametrize("value", ["", "Leg", "leg ", "a" * 10_000, 1, None, ["leg"]])
def test_what_is_not_offered_is_refused_in_one_short_line(value: object) -> None:
    with pytest.raises(ValueError, match=r"^object ['\"].*['\"] is not offered; choose one of the list$") as refused:
        one_of(value, {"leg": 2}, "object")
    assert len(str(refused.value)) < 160


def test_numbers_at_the_ends_are_taken() -> None:
    assert [within(value, 0.25, 4.0, "size") for value in (0.25, 1, 4.0)] == [0.25, 1.0, 4.0]


@pytest.mark.parametrize("value", [math.nan, math.inf, -1, 4.01, True, "1", None])
def test_other_numbers_and_no_numbers_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"^size is .*; it must be from 0\.25 to 4$"):
        within(value, 0.25, 4.0, "size")
