import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from point_sam import MaskGenerator
from point_sam.automatic import generator, screening
from point_sam.automatic.packed import areas_of, pack, suppress
from point_sam.automatic.proposals import Proposals

OPEN = {"iou_threshold": -1e9, "stability_threshold": 0.0}


def proposals(masks: np.ndarray) -> Proposals:
    """Masks with falling predicted IoU, each of a prompt of its own."""
    count = len(masks)
    bits = pack(masks)
    scores = np.linspace(1, 0, count, dtype=np.float32)
    return Proposals(bits, areas_of(bits), scores, np.ones(count, np.float32), np.arange(count), np.ones(count, bool))


def run(*lengths: tuple[int, int], total: int = 2000) -> np.ndarray:
    """Masks as runs of points."""
    masks = np.zeros((len(lengths), total), bool)
    for row, (start, stop) in enumerate(lengths):
        masks[row, start:stop] = True
    return masks


def test_a_mask_surely_like_a_better_one_is_given_up():
    found = proposals(run((0, 1000), (0, 990), (1500, 2000)))

    assert screening._may_stay(found, np.ones(3, bool), 0.7).tolist() == [0, 2]


def test_close_calls_stay_open_and_give_nothing_else_up():
    # 0 and 1 share 710 of 1000 points; whoever is like 1 must wait for what becomes of 1.
    found = proposals(run((0, 1000), (290, 1000), (290, 1000)))

    assert screening._may_stay(found, np.ones(3, bool), 0.7).tolist() == [0, 1, 2]


def test_what_may_fail_the_filters_gives_nothing_up():
    found = proposals(run((0, 1000), (0, 990)))

    assert screening._may_stay(found, np.array([False, True]), 0.7).tolist() == [0, 1]


def test_masks_of_few_points_are_not_surely_alike():
    assert screening._may_stay(proposals(run((0, 4), (0, 4))), np.ones(2, bool), 0.7).tolist() == [0, 1]


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_nearly_all_that_suppression_leaves_is_kept(seed):
    rng = np.random.default_rng(seed)
    ends = np.sort(rng.integers(0, 20_000, (40, 2)), axis=1) + np.array([0, 200])
    masks = run(*ends.tolist(), total=20_200)
    full = proposals(masks)
    some = masks[:, rng.choice(20_200, 2000, replace=False)]

    kept = screening._may_stay(proposals(some), np.ones(40, bool), 0.7)

    left = suppress(full.bits, full.areas, full.order(), 0.7)
    assert np.isin(left, kept).mean() >= 0.9
    assert len(kept) <= 40


def test_screened_clouds_have_the_same_masks_for_fewer_answers(model, monkeypatch):
    coords = np.random.default_rng(0).uniform(-0.5, 0.5, (3000, 3)).astype(np.float32)
    encoded = model.encode(coords)
    answered = []
    propose = generator.propose

    def counted(model, encoded, prompts, **more):
        answered.append(len(prompts))
        return propose(model, encoded, prompts, **more)

    monkeypatch.setattr(generator, "propose", counted)
    told = []

    options = {"points_per_cloud": 40, "nms_threshold": 0.4, **OPEN}
    full = MaskGenerator(model, screening_points=0, **options).generate(encoded=encoded)
    screened = MaskGenerator(model, screening_points=1000, **options).generate(
        encoded=encoded, progress=lambda done, total: told.append((done, total))
    )

    assert [record["point_index"] for record in screened] == [record["point_index"] for record in full]
    for one, other in zip(screened, full, strict=True):
        np.testing.assert_array_equal(one["segmentation"], other["segmentation"])
    assert answered[0] == 40
    assert 0 < answered[1] < 40
    assert told[0] == (0, 40)  # while clicks are screened
    assert (40 - answered[1], 40) in told
    assert told[-1] == (40, 40)
    assert told == sorted(told)


def test_a_screening_that_leaves_nothing(model):
    coords = np.random.default_rng(0).uniform(-0.5, 0.5, (500, 3)).astype(np.float32)

    strict = MaskGenerator(model, points_per_cloud=4, iou_threshold=1e9, screening_points=100)

    assert strict.generate(coords) == []


def test_clouds_up_to_twice_as_large_are_not_screened(model, monkeypatch):
    monkeypatch.setattr(generator, "screen", lambda *_, **__: pytest.fail("screened"))

    assert MaskGenerator(model, points_per_cloud=2, screening_points=100, **OPEN).generate(
        np.random.default_rng(0).uniform(-0.5, 0.5, (200, 3))
    )
