"""Everything that decides a training run: `TrainConfig`, as TOML and back.

`point-sam train --print-config` prints the defaults with the explanations that stand here.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from point_sam.training.settings import check_limits, from_mapping, setting, to_toml

FREEZE = ("none", "encoder", "all_but_decoder")
PRECISIONS = ("auto", "bf16", "no")
# Fewer say nothing about a shape.
MIN_POINTS = 64
_MAX_FILE = 1 << 20  # bytes


@dataclass(frozen=True)
class Stage:
    """What a step consists of, up to some step."""

    until: int = setting(0, "The stage ends before this step; 0, in the last stage only: it goes on to the end.", low=0)
    clouds: int = setting(8, "Clouds per step, of all processes together.", low=1)
    masks: int = setting(4, "Masks per cloud.", low=1)
    sizes: tuple[tuple[int, ...], ...] = setting(
        (),
        "One of these is drawn for every step: [points, groups, points per group], or [points, groups] for a Voronoi "
        "model. None: the model's own groups, and four points for each.",
    )
    rounds: int = setting(
        4,
        "Rounds of prediction on every mask; the first answers one click with three candidates. 0: none, only the "
        "encoder learns, by affinity.",
        low=0,
    )
    affinity: float = setting(
        0.0,
        "Weight of the affinity loss, by which the encoder learns to tell all parts of a cloud apart: a cheap start "
        "for new weights.",
        low=0,
    )
    clickless: int = setting(
        1, "How many of the later rounds bring no new click, only the last answer to refine.", low=0
    )
    strength: float = setting(
        0.5, "Strength of the augmentation; 0 leaves a turn about the vertical and a loss of colour.", low=0, high=1
    )

    def __post_init__(self) -> None:
        check_limits(self)
        if not self.rounds and not self.affinity:
            raise ValueError("rounds and affinity are both 0; nothing would be learnt")
        if self.clickless > max(self.rounds - 1, 0):
            raise ValueError(
                f"clickless is {self.clickless} of {self.rounds} rounds; the first round always clicks, "
                f"so it is at most {max(self.rounds - 1, 0)}"
            )
        for size in self.sizes:
            if len(size) not in (2, 3) or min(size) < 1 or size[0] < MIN_POINTS or max(size[1:]) > size[0]:
                raise ValueError(
                    f"sizes holds {list(size)}; wanted [points, groups, points per group] with at least {MIN_POINTS} "
                    f"points and neither of the others above them"
                )


@dataclass(frozen=True)
class Optimizer:
    """What turns gradients into steps."""

    name: str = setting(
        "adamw",
        "The method: adamw, or muon (torch 2.9), for new weights (docs/tiny.md compares them); muon takes the inner "
        "matrices of trunk and decoder, AdamW the rest.",
        choices=("adamw", "muon"),
    )
    learning_rate: float = setting(2e-4, "The highest that the schedule reaches.", above=0)
    weight_decay: float = setting(0.05, "Of matrices; biases, norms and vectors have none.", low=0)
    beta1: float = setting(0.9, "Memory of the gradient.", low=0, high=0.9999)
    beta2: float = setting(
        0.98,
        "Memory of its square; 0.98 and not 0.999 because the loss changes its scale fast in the first hundreds of "
        "steps.",
        low=0,
        high=0.99999,
    )
    clip_norm: float = setting(1.0, "Gradients longer than this are shortened to it.", above=0)

    def __post_init__(self) -> None:
        check_limits(self)


@dataclass(frozen=True)
class Schedule:
    """The learning rate over the steps."""

    shape: str = setting(
        "constant", "After warm-up: constant with a linear decay at the end, or cosine.", choices=("constant", "cosine")
    )
    warmup_steps: int = setting(20, "Steps in which the rate rises linearly to its highest.", low=0)
    decay_share: float = setting(
        0.3, "constant: the last share of the steps, in which the rate falls linearly.", low=0, high=1, changeable=True
    )
    final_share: float = setting(0.0, "Share of the highest rate that is left at the end.", low=0, high=1)

    def __post_init__(self) -> None:
        check_limits(self)


@dataclass(frozen=True)
class Validation:
    """What is measured on held-out clouds meanwhile."""

    every: int = setting(50, "Steps between two; 0: never.", low=0, changeable=True)
    split: str = setting("val", "Of the data.", choices=("val", "test", "train", "all"), changeable=True)
    objects: int = setting(20, "At most so many clouds, a seeded choice.", low=1, changeable=True)
    masks: int = setting(4, "At most so many masks of each, a seeded choice.", low=1, changeable=True)
    points: int = setting(4096, "At most so many points of each, a seeded choice.", low=MIN_POINTS, changeable=True)
    clicks: int = setting(5, "Clicks on every mask.", low=1, changeable=True)

    def __post_init__(self) -> None:
        check_limits(self)


@dataclass(frozen=True)
class Output:
    """What a run writes."""

    checkpoint_every: int = setting(100, "Steps between two checkpoints.", low=1, changeable=True)
    keep: int = setting(3, "Latest checkpoints kept, besides the best one.", low=1, changeable=True)
    tensorboard: bool = setting(True, "Write TensorBoard events.", changeable=True)

    def __post_init__(self) -> None:
        check_limits(self)


@dataclass(frozen=True)
class TrainConfig:
    """A training run.

    Raises:
        ValueError: a value is of the wrong type or out of range.
    """

    data: str = setting("", "Labelled clouds, see docs/datasets.md.", changeable=True)
    layout: str = setting("auto", "How they lie on disk; auto recognises it.", changeable=True)
    split: str = setting("train", "The split to train on.", choices=("train", "all"))
    model: str = setting(
        "tiny", "Where to start: tiny, large, a hub id, or a local file or folder. With scratch also a preset's name."
    )
    scratch: bool = setting(False, "Start from new weights: only the model's architecture is used.")
    freeze: str = setting("none", "What keeps its weights. encoder is quick and keeps what is known.", choices=FREEZE)
    steps: int = setting(500, "Steps of the whole run.", low=1, changeable=True)
    seed: int = setting(0, "Of every random choice.", low=0)
    precision: str = setting(
        "auto", "Of matrix products: bf16, no (float32), or what the hardware is built for.", choices=PRECISIONS
    )
    accumulate: int = setting(
        1,
        "Pieces in which every process works on its clouds, one after the other: less memory, the same step.",
        low=1,
        changeable=True,
    )
    workers: int = setting(
        1,
        "Processes that prepare clouds in the background, for each training process; 0 prepares them in between. The "
        "result does not depend on it.",
        low=0,
        changeable=True,
    )
    ema_decay: float = setting(
        0.99,
        "The weights that are validated and written follow the trained ones as an average over about 1 / (1 - decay) "
        "steps; 0 switches this off.",
        low=0,
        high=0.99999,
    )
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule = field(default_factory=Schedule)
    validation: Validation = field(default_factory=Validation)
    output: Output = field(default_factory=Output)
    stages: tuple[Stage, ...] = (Stage(),)

    def __post_init__(self) -> None:
        check_limits(self)
        if not self.stages:
            raise ValueError("stages is empty; a run needs at least one [[stages]]")
        ends = [stage.until for stage in self.stages[:-1]]
        last = self.stages[-1].until
        if 0 in ends or ends != sorted(set(ends)) or (last and ends and last <= ends[-1]):
            raise ValueError(f"until is {[*ends, last]} over the stages; it must rise, and be 0 in the last one only")
        if self.freeze != "none" and any(stage.affinity for stage in self.stages):
            raise ValueError(f"affinity teaches the encoder, which freeze = {self.freeze!r} keeps as it is")

    def stage(self, step: int) -> Stage:
        """The stage that `step` belongs to; the last one goes on for ever."""
        return next((stage for stage in self.stages if step < stage.until), self.stages[-1])


def read_config(path: str | Path) -> TrainConfig:
    """The settings in a TOML file; what it leaves out has its default.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is no TOML, names an unknown setting, or a value is refused; the message names the file.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; point-sam train --print-config > {path.name} makes one")
    if path.stat().st_size > _MAX_FILE:
        raise ValueError(f"{path}: larger than {_MAX_FILE} bytes, so no training settings")
    try:
        return parse_config(path.read_text(encoding="utf-8"))
    except ValueError as err:
        raise ValueError(f"{path}: {err}") from err


def parse_config(text: str) -> TrainConfig:
    """The settings in a TOML text; raises as `read_config`."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        try:
            import tomli as tomllib
        except ImportError as err:
            raise ImportError("reading TOML on Python 3.10 needs tomli: pip install 'point-sam[train]'") from err
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise ValueError(f"not TOML ({err})") from err
    return config_from(values)


def config_from(values: dict[str, Any]) -> TrainConfig:
    """The settings in nested plain values; raises as `read_config`.

    What version 0.1 wrote says in every stage which share of the clouds are composed solids; none is what remains.
    """
    stages = values.get("stages")
    for stage in stages if isinstance(stages, list) else ():
        if isinstance(stage, dict) and stage.pop("solid_share", 0.0) != 0:
            raise ValueError("solid_share is no setting any more; recipes/solids mixes composed solids with the data")
    return from_mapping(TrainConfig, values)


def write_config(config: TrainConfig) -> str:
    """The settings as commented TOML."""
    return "# Settings of `point-sam train`. What is left out has the value that `--print-config` shows.\n\n" + to_toml(
        config
    )
