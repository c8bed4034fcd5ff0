"""Checkpoints: whole or not at all, pruned, and refused where they do not fit. The folder and the log of a run."""

import json
import os
import resource
import sys
from contextlib import closing
from dataclasses import replace

import pytest
import torch

from point_sam.training.checkpointing import (
    Counts,
    TrainState,
    check_resumable,
    checkpoint_path,
    checkpoints_in,
    prune,
    read_checkpoint,
    restore,
    save_checkpoint,
    sweep,
)
from point_sam.training.config import Schedule
from point_sam.training.model import average_of, make_model
from point_sam.training.optimizer import make_optimizer
from point_sam.training.runfolder import RunFolder, RunLog, check_tensorboard


@pytest.fixture
def state(tiny_run) -> TrainState:
    model = make_model(tiny_run, torch.device("cpu"))
    state = TrainState(model, average_of(model), make_optimizer(model, tiny_run), counts=Counts(step=4))
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    state.optimizer.step()
    return state


def test_a_restored_state_is_the_saved_one(tmp_path, tiny_run, state):
    path = save_checkpoint(tmp_path, tiny_run, "data", state)
    model = make_model(replace(tiny_run, seed=9), torch.device("cpu"))
    other = TrainState(model, average_of(model), make_optimizer(model, tiny_run))

    restore(read_checkpoint(path), other)

    assert other.counts == state.counts
    pairs = [
        (other.model.state_dict(), state.model.state_dict()),
        (other.result.state_dict(), state.result.state_dict()),
    ]
    for ours, theirs in pairs:
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    moments = [s.optimizer.state_dict()["members"][0]["state"][0]["exp_avg"] for s in (other, state)]
    assert torch.equal(*moments)


def test_the_last_and_the_best_are_kept(tmp_path):
    for step in range(1, 8):
        checkpoint_path(tmp_path, step).touch()
    (tmp_path / "step_notes.pt").touch()

    prune(tmp_path, keep=2, best=3)

    assert list(checkpoints_in(tmp_path)) == [3, 6, 7]
    assert (tmp_path / "step_notes.pt").exists()


def test_what_a_killed_run_left_unfinished_is_swept(tmp_path):
    (tmp_path / ".step_00000002.pt.0123.tmp").touch()
    checkpoint_path(tmp_path, 1).touch()

    sweep(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["step_00000001.pt"]


@pytest.mark.skipif(os.name != "posix", reason="limits as on Unix")
def test_full_disk_leaves_the_older_checkpoint(tmp_path, tiny_run, state):
    older = save_checkpoint(tmp_path, tiny_run, "data", state)
    content = older.read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(content) // 2, before[1]))
    try:
        for step in (4, 5):
            state.counts.step = step
            with pytest.raises(OSError, match=r"could not be written \(.*\); free space and resume from step 4"):
                save_checkpoint(tmp_path, tiny_run, "data", state)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert os.listdir(tmp_path) == [older.name]
    assert older.read_bytes() == content


def test_damaged_checkpoint_is_named(tmp_path, tiny_run, state):
    path = save_checkpoint(tmp_path, tiny_run, "data", state)
    path.write_bytes(path.read_bytes()[:-500])

    with pytest.raises(ValueError, match=r"step_00000004\.pt: not a readable checkpoint of a training run"):
        read_checkpoint(path)


def test_other_settings_or_data_are_refused_by_name(tmp_path, tiny_run, state):
    path = save_checkpoint(tmp_path, tiny_run, "3 clouds (a)", state)
    content = read_checkpoint(path)

    check_resumable(path, content, replace(tiny_run, steps=99, workers=3), "3 clouds (a)")
    with pytest.raises(ValueError, match=r"seed: 0, now 1; the training clouds: 3 clouds \(a\), now 4 clouds \(b\)"):
        check_resumable(path, content, replace(tiny_run, seed=1), "4 clouds (b)")


def test_a_cosine_cannot_be_made_longer(tmp_path, tiny_run, state):
    config = replace(tiny_run, schedule=Schedule(shape="cosine"))
    content = read_checkpoint(save_checkpoint(tmp_path, config, "", state))

    with pytest.raises(ValueError, match=r"steps: 6, now 7 \(a cosine depends on where it ends\)"):
        check_resumable(tmp_path, content, replace(config, steps=7), "")


def test_one_run_in_one_folder(tmp_path, tiny_run):
    folder = RunFolder(tmp_path / "run")
    folder.check(resume=False)
    with pytest.raises(FileNotFoundError, match="holds no checkpoint to resume from"):
        folder.check(resume=True)

    folder.begin(tiny_run)
    checkpoint_path(folder.checkpoints, 2).touch()
    checkpoint_path(folder.checkpoints, 10).touch()

    assert folder.latest() == checkpoint_path(folder.checkpoints, 10)
    folder.check(resume=True)
    with pytest.raises(FileExistsError, match="holds a run already; continue it with --resume"):
        folder.check(resume=False)
    with pytest.raises(FileExistsError, match="is a file"):
        RunFolder(folder.config).check(resume=False)


def test_the_log_goes_on_where_the_checkpoint_is(tmp_path, tiny_run):
    folder = RunFolder(tmp_path)
    folder.begin(tiny_run)
    with closing(RunLog(folder, step=0, tensorboard=False)) as log:
        for step in (1, 2, 3):
            log.write(step, "train", {"loss": [0.5, float("nan")]})
    with folder.log.open("a") as file:
        file.write('{"step": 4, "kind": "tr')

    with closing(RunLog(folder, step=2, tensorboard=False)) as log:
        log.write(3, "train", {"loss": [9.0]})

    lines = [json.loads(line) for line in folder.log.read_text().splitlines()]
    assert lines == [
        {"step": 1, "kind": "train", "loss": [0.5, None]},
        {"step": 2, "kind": "train", "loss": [0.5, None]},
        {"step": 3, "kind": "train", "loss": [9.0]},
    ]


def test_tensorboard_gets_a_scalar_for_each_round(tmp_path, tiny_run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = RunFolder(tmp_path)
    folder.begin(tiny_run)
    with closing(RunLog(folder, step=0, tensorboard=True)) as log:
        log.write(1, "train", {"loss": [0.5, 0.25], "norm": 3.0})

    events = EventAccumulator(str(folder.tensorboard)).Reload()
    assert events.Tags()["scalars"] == ["train/loss/1", "train/loss/2", "train/norm"]
    assert [(event.step, event.value) for event in events.Scalars("train/loss/2")] == [(1, 0.25)]


def test_missing_tensorboard_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)

    with pytest.raises(ImportError, match=r"pip install 'point-sam\[train\]', or set output\.tensorboard = false"):
        check_tensorboard()
