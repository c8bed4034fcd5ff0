"""Checkpoints: everything that a run needs to go on, complete or not there at all; old ones taken away."""

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from point_sam.atomic import write_atomically
from point_sam.messages import first_line
from point_sam.model import ModelConfig, PointSAMModel
from point_sam.training.affinity import AffinitySpaces
from point_sam.training.config import TrainConfig, config_from
from point_sam.training.optimizer import Optimizers
from point_sam.training.settings import differences, to_mapping

_FORMAT = 1
_NAME = re.compile(r"step_(\d{8})\.pt")


@dataclass
class Counts:
    """What a run has been through.

    Attributes:
        step: steps done.
        draws: clouds drawn, by all processes.
        skipped: those that could not be used.
        bad_steps: steps whose loss or gradient was not finite.
        bad_in_a_row: of them, the last ones without a good step after them.
        best_step: step of the best validation, 0 before the first.
        best_iou: its mean IoU over the clicks.
    """

    step: int = 0
    draws: int = 0
    skipped: int = 0
    bad_steps: int = 0
    bad_in_a_row: int = 0
    best_step: int = 0
    best_iou: float = -1.0


@dataclass
class TrainState:
    """What a checkpoint holds.

    Attributes:
        model: the trained weights.
        average: their average, None where the run keeps none.
        optimizer: of `model` and `spaces`.
        spaces: of the affinity loss, None where no stage has one.
        counts: what the run has been through.
    """

    model: PointSAMModel
    average: PointSAMModel | None
    optimizer: Optimizers
    spaces: AffinitySpaces | None = None
    counts: Counts = field(default_factory=Counts)

    @property
    def result(self) -> PointSAMModel:
        """The weights to validate and to write."""
        return self.model if self.average is None else self.average


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step is."""
    return folder / f"step_{step:08d}.pt"


def checkpoints_in(folder: Path) -> dict[int, Path]:
    """The checkpoints there are, by step, ascending."""
    found = {int(match[1]): path for path in folder.glob("step_*.pt") if (match := _NAME.fullmatch(path.name))}
    return dict(sorted(found.items()))


def save_checkpoint(folder: Path, config: TrainConfig, data: str, state: TrainState) -> Path:
    """Write the state; an older file of the same step stays until the new one is complete.

    Args:
        folder: exists.
        config: of the run.
        data: identity of the training data, held against the data of a resumed run.
        state: what is written.

    Raises:
        OSError: it cannot be written, the disk is full; the message names the checkpoint to go on from.
    """
    path = checkpoint_path(folder, state.counts.step)
    content = {
        "format": _FORMAT,
        "config": json.dumps(to_mapping(config)),
        "architecture": json.dumps(state.model.config.to_dict()),
        "data": data,
        "counts": asdict(state.counts),
        "model": state.model.state_dict(),
        "average": None if state.average is None else state.average.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "spaces": None if state.spaces is None else state.spaces.state_dict(),
    }
    try:
        write_atomically(path, lambda file: torch.save(content, file))
    except (OSError, RuntimeError) as err:  # torch wraps what the disk says into a RuntimeError of its own
        reason = (err.strerror if isinstance(err, OSError) else None) or first_line(err)
        older = checkpoints_in(folder)
        way_out = f"free space and resume from step {max(older)}" if older else "free space and start again"
        raise OSError(f"{path}: the checkpoint could not be written ({reason}); {way_out}") from err
    return path


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint, its tensors on the CPU.

    Raises:
        ValueError: the file is damaged or no checkpoint of a run.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        if content["format"] != _FORMAT:
            raise ValueError(f"its format is {content['format']!r}, this version reads {_FORMAT}")
        content["config"] = config_from(json.loads(content["config"]))
        content["architecture"] = ModelConfig.from_dict(json.loads(content["architecture"]))
    except OSError:
        raise
    # A damaged archive surfaces as almost any exception, depending on where the damage is.
    except Exception as err:
        raise ValueError(
            f"{path}: not a readable checkpoint of a training run ({first_line(err)}); "
            f"take it away to resume from an earlier one"
        ) from err
    return dict(content)


def check_resumable(path: Path, content: dict[str, Any], config: TrainConfig, data: str) -> None:
    """Refuse to go on with other settings or data than the run began with.

    Raises:
        ValueError: what differs, by name.
    """
    old: TrainConfig = content["config"]
    changed = differences(old, config)
    if config.schedule.shape == "cosine" and old.steps != config.steps:
        changed.append(f"steps: {old.steps}, now {config.steps} (a cosine depends on where it ends)")
    if content["data"] != data:
        changed.append(f"the training clouds: {content['data']}, now {data}")
    if changed:
        raise ValueError(f"{path}: the run cannot go on with other settings: {'; '.join(changed)}")


def restore(content: dict[str, Any], state: TrainState) -> None:
    """Put what `read_checkpoint` read into a state made for the same settings."""
    state.model.load_state_dict(content["model"])
    if state.average is not None:
        state.average.load_state_dict(content["average"])
    state.optimizer.load_state_dict(content["optimizer"])
    if state.spaces is not None:
        state.spaces.load_state_dict(content["spaces"])
    state.counts = Counts(**content["counts"])


def prune(folder: Path, *, keep: int, best: int) -> None:
    """Take away all but the last `keep` checkpoints and that of step `best`."""
    there = checkpoints_in(folder)
    for step in list(there)[:-keep]:
        if step != best:
            there[step].unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Take away what a killed run left of files that it had not finished."""
    for path in folder.glob(".step_*.tmp"):
        path.unlink(missing_ok=True)
