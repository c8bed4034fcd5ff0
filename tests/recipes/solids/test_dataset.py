"""Solids among the clouds of a dataset, up to a run from the command line."""

from dataclasses import replace

import numpy as np
import pytest

from point_sam.datasets import open_dataset
from point_sam.training.config import Output, Stage, TrainConfig, Validation, read_config, write_config
from point_sam.training.data import CloudSource
from recipes.solids.__main__ import main
from recipes.solids.dataset import WithSolids


def test_solids_come_as_often_as_asked(objects_file):
    drawn = []

    class Counting(WithSolids):
        def __getitem__(self, index):
            drawn.append(index)
            return super().__getitem__(index)

    dataset = Counting(open_dataset(objects_file), 0.6, num_points=256)
    source = CloudSource(dataset, dataset.split("train"))

    for slot in range(100):
        source.draw(0, 0, slot, Stage(masks=1), 96)

    # The standard deviation of the share is 0.05, and the number of solids is a whole one.
    assert np.mean([index >= 4 for index in drawn]) == pytest.approx(0.6, abs=0.16)


def test_a_solid_is_always_the_same_and_has_a_name_of_its_own(objects_file):
    dataset = WithSolids(open_dataset(objects_file), 0.5)

    one, again, other = dataset[4], dataset[4], dataset[5]

    np.testing.assert_array_equal(one.xyz, again.xyz)
    assert not np.array_equal(one.xyz, other.xyz)
    assert len(set(dataset.names)) == len(dataset.names) == len(dataset.families) == len(dataset) > 5


def test_held_out_clouds_are_the_data_s_alone(objects_file):
    data = open_dataset(objects_file)

    dataset = WithSolids(data, 0.5)

    assert dataset.split("val") == data.split("val")
    assert dataset.split("train")[: len(data.split("train"))] == data.split("train")
    assert dataset.split("all") == list(range(len(dataset)))
    assert len(WithSolids(data, 0.0)) == len(data)


def test_a_share_that_leaves_nothing_of_the_data_is_refused(objects_file):
    with pytest.raises(ValueError, match=r"share is 1.0; it must lie in \[0, 0.9\]"):
        WithSolids(open_dataset(objects_file), 1.0)


def test_a_run_from_the_command_line(objects_file, tmp_path, model, capsys):
    model.save_pretrained(tmp_path / "model")
    stage = Stage(clouds=2, masks=1, sizes=((96, 24, 8),), rounds=1, clickless=0)
    config = TrainConfig(
        model=str(tmp_path / "model"),
        steps=2,
        workers=0,
        validation=Validation(every=0),
        output=Output(tensorboard=False),
        stages=(stage,),
    )
    (tmp_path / "train.toml").write_text(write_config(config))
    command = ["--config", str(tmp_path / "train.toml"), "--data", str(objects_file), "--out", str(tmp_path / "run")]

    main(command)

    assert capsys.readouterr().out == f"{tmp_path / 'run'}: step 2 of 2\n"
    assert read_config(tmp_path / "run/config.toml") == replace(config, data=str(objects_file))
    with pytest.raises(ValueError, match=r"the training clouds: \d+ clouds .*, now \d+ clouds"):
        main([*command, "--share", "0.8", "--resume"])
