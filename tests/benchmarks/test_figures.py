"""Growth, differences and stages are what they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.agreement import iou
from benchmarks.stages import WHOLE, StageClock
from benchmarks.summary import difference, growth, seconds_text


@given(exponent=st.floats(0, 3), factor=st.floats(1e-6, 1e3))
def test_growth_finds_the_exponent_of_a_power(exponent, factor):
    series = {points: factor * points**exponent for points in (10, 100, 1000, 10_000)}
    assert growth(series) == pytest.approx(exponent, abs=1e-6)


def test_one_size_has_no_growth():
    assert growth({10: 1.0}) is None


def test_difference_is_relative_to_the_second(tmp_path):
    np.save(tmp_path / "a.npy", np.full(4, 3.0))
    np.save(tmp_path / "b.npy", np.full(4, 2.0))
    assert difference(tmp_path / "a.npy", tmp_path / "b.npy") == 0.5
    assert difference(tmp_path / "a.npy", tmp_path / "none.npy") is None


def test_iou_of_masks():
    a, b = np.array([1, 1, 0, 0], bool), np.array([0, 1, 1, 0], bool)
    assert iou(a, b) == pytest.approx(1 / 3)
    assert iou(a & ~a, b & ~b) == 1


def test_a_stage_inside_another_is_counted_once():
    times = iter([0.0, 1.0, 3.0, 10.0])
    clock = StageClock(lambda: next(times))
    clock.begin("outer")
    clock.begin("inner")
    clock.end()
    clock.end()
    assert clock.spent == {"inner": 2.0, "outer": 8.0}


def test_the_neighbors_of_interpolation_belong_to_it():
    times = iter([0.0, 1.0, 3.0, 10.0])
    clock = StageClock(lambda: next(times))
    clock.begin(WHOLE)
    clock.begin("kNN")
    clock.end()
    clock.end()
    assert clock.spent == {WHOLE: 10.0}


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.00123, "1.23 ms"), (0.9996, "1 s"), (0.999, "999 ms"), (83.21, "83.2 s")]
)
def test_seconds_are_read_at_a_glance(seconds, text):
    assert seconds_text(seconds) == text
