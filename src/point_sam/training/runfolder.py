"""The folder of a run: where everything is, and the log."""

import json
import math
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from point_sam.atomic import write_atomically
from point_sam.training.checkpointing import checkpoints_in
from point_sam.training.config import TrainConfig, write_config


class RunFolder:
    """Paths in a run's folder.

    Attributes:
        path: the folder.
        config: the settings as used.
        log: one JSON object per line: steps, validations, clouds that could not be used.
        checkpoints: folder of `step_*.pt`.
        tensorboard: folder of events.
        best, final: models for `from_pretrained`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        self.config = self.path / "config.toml"
        self.log = self.path / "log.jsonl"
        self.checkpoints = self.path / "checkpoints"
        self.tensorboard = self.path / "tensorboard"
        self.best = self.path / "best"
        self.final = self.path / "final"

    def latest(self) -> Path | None:
        """The checkpoint of the highest step."""
        return next(reversed(checkpoints_in(self.checkpoints).values()), None)

    def check(self, *, resume: bool) -> Path | None:
        """The checkpoint to resume from, None for a new run; refuses to mix runs, or to resume what is not there.

        Raises:
            FileNotFoundError: there is nothing to resume.
            FileExistsError: there is a run already, or the path is a file.
        """
        if self.path.exists() and not self.path.is_dir():
            raise FileExistsError(f"{self.path}: is a file; a run needs a folder of its own")
        latest = self.latest()
        if resume and latest is None:
            raise FileNotFoundError(f"{self.path}: holds no checkpoint to resume from; leave out --resume to start")
        if not resume and (latest is not None or self.log.exists()):
            raise FileExistsError(
                f"{self.path}: holds a run already; continue it with --resume, or choose another name"
            )
        return latest

    def begin(self, config: TrainConfig) -> None:
        """Make the folder and write the settings."""
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        text = write_config(config).encode()
        write_atomically(self.config, lambda file: file.write(text))


class RunLog:
    """`log.jsonl` and TensorBoard's events, continued after `step`: lines of later steps are taken away first.

    Args:
        folder: of the run, already begun.
        step: steps done.
        tensorboard: whether to write events; `check_tensorboard` tells whether it can be.
    """

    def __init__(self, folder: RunFolder, *, step: int, tensorboard: bool) -> None:
        self._events: Any = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._events = SummaryWriter(folder.tensorboard, purge_step=step + 1 if step else None)
        if folder.log.exists():
            kept = "".join(line for line in folder.log.read_text().splitlines(True) if _step_of(line) <= step).encode()
            write_atomically(folder.log, lambda file: file.write(kept))
        self._file = folder.log.open("a", encoding="utf-8")

    def write(self, step: int, kind: str, values: Mapping[str, Any]) -> None:
        """One line; its numbers also as scalars `kind/name`, lists as `kind/name/1`, `/2`, and so on."""
        line = {"step": step, "kind": kind, **{name: _finite(value) for name, value in values.items()}}
        self._file.write(json.dumps(line, allow_nan=False) + "\n")
        self._file.flush()
        if self._events is None:
            return
        for name, value in values.items():
            for tag, number in _scalars(f"{kind}/{name}", value):
                self._events.add_scalar(tag, number, step)

    def close(self) -> None:
        """Nothing more will come."""
        self._file.close()
        if self._events is not None:
            self._events.close()


def check_tensorboard() -> None:
    """Refuse before the work.

    Raises:
        ImportError: tensorboard is not installed.
    """
    if find_spec("tensorboard") is None:
        raise ImportError(
            "TensorBoard events need tensorboard: pip install 'point-sam[train]', or set output.tensorboard = false"
        )


def _step_of(line: str) -> float:
    """The step of a line; a line cut short by a crash belongs after everything."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf


def _finite(value: Any) -> Any:
    """JSON knows neither NaN nor infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value


def _scalars(tag: str, value: Any) -> list[tuple[str, float]]:
    if isinstance(value, list | tuple):
        return [pair for number, one in enumerate(value, 1) for pair in _scalars(f"{tag}/{number}", one)]
    return [(tag, float(value))] if isinstance(value, int | float) else []
