import pytest

from point_sam.model import Grouping, ModelConfig


def test_only_what_is_given_is_adjusted():
    grouping = Grouping(32, 8, 100)
    assert grouping.adjusted(num_groups=16) == Grouping(16, 8, 100)
    assert grouping.adjusted(max_encoder_points=0) == Grouping(32, 8, None)
    assert grouping.adjusted() == grouping


@pytest.mark.parametrize(
    ("numbers", "complaint"),
    [
        ((0, 8), "num_groups is 0; it must be a positive whole number"),
        ((None, 8), "num_groups is None"),
        ((32, True), "group_size is True"),
        ((32, 8, 0), "max_encoder_points is 0"),
        ((32, None, 100), "max_encoder_points 100 does not apply: in a Voronoi model every point has one centre"),
    ],
)
def test_numbers_are_checked(numbers, complaint, monkeypatch):
    monkeypatch.setattr("jaxtyping.config.jaxtyping_disable", True)  # users run without beartype
    with pytest.raises(ValueError, match=complaint):
        Grouping(*numbers)


def test_an_architecture_brings_its_own():
    assert ModelConfig.preset("tiny").grouping == Grouping(1024, 16, 8192)
    assert ModelConfig.preset("voronoi_small").grouping == Grouping(256, None)
