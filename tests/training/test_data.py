"""What a step trains on depends on the seed and its number, and on nothing else."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from point_sam.model import Grouping
from point_sam.training.config import Stage
from point_sam.training.data import Batch, CloudSource, Steps, TrainingError, rounds_generator

STAGE = Stage(clouds=5, masks=3, sizes=((96, 24, 8),))


def steps_of(config, dataset, **which) -> Steps:
    source = CloudSource(dataset, dataset.split("train"))
    return Steps(config, source, [stage.sizes for stage in config.stages], **which)


def tensors(batch: Batch) -> list[torch.Tensor]:
    return [batch.coords, batch.rgb, batch.targets, batch.labels]


def test_a_slot_is_the_same_whenever_it_is_filled(dataset):
    source = CloudSource(dataset, dataset.split("train"))
    source.draw(0, 7, 1, STAGE, 96)

    first, again, other = (source.draw(0, 7, slot, STAGE, 96) for slot in (2, 2, 3))

    np.testing.assert_array_equal(first.coords, again.coords)
    np.testing.assert_array_equal(first.targets, again.targets)
    assert first.coords.shape == (1, 96, 3)
    assert first.targets.shape == (1, 3, 96)
    assert not np.array_equal(first.coords, other.coords)


def test_processes_share_the_clouds_of_one(tiny_run, dataset):
    config = replace(tiny_run, stages=(STAGE,))
    whole = tensors(steps_of(config, dataset)[4])

    parts = [tensors(steps_of(config, dataset, rank=rank, world=3)[4]) for rank in range(3)]

    assert [len(part[0]) for part in parts] == [2, 2, 1]
    for all_clouds, *some in zip(whole, *parts, strict=True):
        assert torch.equal(all_clouds, torch.cat(some))


def test_pieces_are_the_clouds_of_the_whole_batch(tiny_run, dataset):
    config = replace(tiny_run, stages=(STAGE,))

    batch = steps_of(config, dataset)[0]

    pieces = list(batch.pieces(2))

    assert [len(piece.coords) for piece in pieces] == [3, 2]
    assert [len(piece.coords) for piece in batch.pieces(9)] == [1] * 5
    for whole, *some in zip(tensors(batch), *map(tensors, pieces), strict=True):
        assert torch.equal(whole, torch.cat(some))


def test_workers_prepare_the_same_in_the_same_order(tiny_run, dataset):
    config = replace(tiny_run, steps=5)
    alone = list(steps_of(config, dataset).load(1))

    helped = list(steps_of(replace(config, workers=2), dataset).load(1))

    assert len(alone) == len(helped) == 4
    for one, other in zip(alone, helped, strict=True):
        for left, right in zip(tensors(one), tensors(other), strict=True):
            assert torch.equal(left, right)


def test_what_cannot_be_used_is_drawn_over_and_named(memory_dataset, ball_on_plate_of, broken):
    blank = replace(ball_on_plate_of(0), labels={"part": np.full(600, -1)})
    far = replace(ball_on_plate_of(0), xyz=np.full((600, 3), np.nan, np.float32))
    few = ball_on_plate_of(0, 9)
    source = CloudSource(memory_dataset([None, broken, blank, far, few, ball_on_plate_of(1)]), range(1, 6))

    slots = [source.draw(0, 0, slot, STAGE, 96) for slot in range(40)]

    assert set().union(*(slot.skipped for slot in slots)) == {
        ("cloud 1", "bad.ply: the file ends early"),
        ("cloud 2", "no part has a usable size"),
        ("cloud 3", "coordinates are NaN or infinite"),
        ("cloud 4", "the cloud has 9 points; at least 64 are needed"),
    }
    assert all(slot.targets.any(-1).all() for slot in slots)


def test_only_unusable_clouds_are_an_error_that_names_one(tiny_run, memory_dataset, broken):
    dataset = memory_dataset([None, broken])

    with pytest.raises(TrainingError, match="64 clouds in a row could not be used, the last of them cloud 1: bad"):
        CloudSource(dataset, [1]).draw(0, 0, 0, STAGE, 96)
    for workers in (0, 1):
        with pytest.raises(TrainingError, match=r"^64 clouds in a row .* bad\.ply"):
            next(steps_of(replace(tiny_run, workers=workers), dataset).load(0))


def test_families_are_drawn_by_the_root_of_their_size(memory_dataset, ball_on_plate_of):
    class Counting(memory_dataset):
        def __getitem__(self, index):
            drawn.append(self.families[index])
            return super().__getitem__(index)

    drawn: list[str] = []
    dataset = Counting([ball_on_plate_of(0, 64)] * 17, ["large"] * 16 + ["small"])
    source = CloudSource(dataset, range(17))

    for slot in range(200):
        source.draw(0, 0, slot, replace(STAGE, masks=1), 64)

    # 4 to 1; the standard deviation of the share is 0.03.
    assert drawn.count("small") / len(drawn) == pytest.approx(1 / 5, abs=0.09)


def test_sizes_and_rounds_are_those_of_the_step(tiny_run, dataset):
    config = replace(tiny_run, seed=3, stages=(replace(STAGE, sizes=((96, 24, 8), (64, 16))),))

    drawn = [steps_of(config, dataset).size(step) for step in range(30)]

    assert drawn == [steps_of(config, dataset, rank=1, world=2).size(step) for step in range(30)]
    assert set(drawn) == {(96, Grouping(24, 8)), (64, Grouping(16, None))}
    assert rounds_generator(3, 1).random() == rounds_generator(3, 1).random() != rounds_generator(3, 2).random()
