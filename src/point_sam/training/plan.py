"""Everything about a run that can be known, and be wrong, before its first step."""

import hashlib
from dataclasses import dataclass

import torch

from point_sam.datasets import LabeledDataset, open_dataset
from point_sam.evaluation import Sample
from point_sam.hardware import choose_precision
from point_sam.model import ModelConfig
from point_sam.training.config import MIN_POINTS, Stage, TrainConfig
from point_sam.training.data import CloudSource, Skipped
from point_sam.training.model import architecture_of
from point_sam.training.validation import choose_samples

# Points for each of a model's groups where a stage names no sizes: what `tiny` is trained with.
_POINTS_PER_GROUP = 4
_TORCH_PRECISION = {"auto": "auto", "bf16": "bfloat16", "no": "float32"}


@dataclass(frozen=True, eq=False)
class Plan:
    """A checked run.

    Attributes:
        config: as asked for.
        architecture: of the network.
        source: of the training clouds.
        sizes: of each stage; (points, groups, points per group), or without the last for a Voronoi model.
        samples: to validate on; empty where validation is off.
        skipped: clouds that could not be validated on.
        data: identity of the training clouds: their number and a digest of their names.
        precision: of matrix products, as `PointSAM` takes it.
    """

    config: TrainConfig
    architecture: ModelConfig
    source: CloudSource
    sizes: tuple[tuple[tuple[int, ...], ...], ...]
    samples: tuple[Sample, ...]
    skipped: tuple[Skipped, ...]
    data: str
    precision: str


def make_plan(
    config: TrainConfig, *, dataset: LabeledDataset | None = None, processes: int = 1, device: torch.device
) -> Plan:
    """Check a run.

    Args:
        config: of the run.
        dataset: in place of opening `config.data`.
        processes: that will share every step.
        device: that the run will be on.

    Raises:
        FileNotFoundError: the data or the model are not there.
        ValueError: the data hold nothing to train on, or to validate on, the stages do not fit the model, or there are
            fewer clouds in a step than processes.
    """
    for stage in config.stages:
        if stage.clouds < processes:
            raise ValueError(
                f"clouds is {stage.clouds} for {processes} processes; a step needs at least one cloud for each of them"
            )
    architecture = architecture_of(config)
    sizes = tuple(stage_sizes(stage, architecture) for stage in config.stages)
    if dataset is None:
        if not config.data:
            raise ValueError("no data are named; give a folder of labelled clouds (data = ..., --data DIR)")
        dataset = open_dataset(config.data, layout=config.layout)
    name = config.data or "the dataset"
    rows = _rows(dataset, config.split, name)
    source = CloudSource(dataset, rows)
    # The first cloud of the run: data without a single usable label are found out here.
    source.draw(config.seed, 0, 0, config.stages[0], sizes[0][0][0])
    samples: list[Sample] = []
    skipped: list[Skipped] = []
    if config.validation.every:
        held_out = _rows(dataset, config.validation.split, name, "; or validation.every = 0 goes without")
        samples, skipped = choose_samples(dataset, held_out, config.validation, config.seed)
    dtype = choose_precision(_TORCH_PRECISION[config.precision], device)
    return Plan(
        config,
        architecture,
        source,
        sizes,
        tuple(samples),
        tuple(skipped),
        _identity([dataset.names[row] for row in rows]),
        "bfloat16" if dtype == torch.bfloat16 else "float32",
    )


def stage_sizes(stage: Stage, architecture: ModelConfig) -> tuple[tuple[int, ...], ...]:
    """The sizes of a stage; where it names none, the model's own groups and four points for each.

    Raises:
        ValueError: a size is a KNN model's and the model is a Voronoi one, or the other way round.
    """
    voronoi = architecture.tokenizer == "voronoi"
    if not stage.sizes:
        groups, members = architecture.num_groups, architecture.group_size
        points = max(_POINTS_PER_GROUP * groups, MIN_POINTS)
        return ((points, groups) if members is None else (points, groups, min(members, points)),)
    for size in stage.sizes:
        if len(size) != (2 if voronoi else 3):
            wanted = "[points, groups]" if voronoi else "[points, groups, points per group]"
            raise ValueError(f"sizes holds {list(size)}; a {architecture.tokenizer} model needs {wanted}")
    return stage.sizes


def _rows(dataset: LabeledDataset, split: str, name: str, way_out: str = "") -> list[int]:
    try:
        rows = dataset.split(split)
    except ValueError as err:
        raise ValueError(f"{err}{way_out}") from err
    if not rows:
        raise ValueError(
            f"{name} has no clouds in the split {split!r}, of {len(dataset)} altogether; split.json says which are in "
            f"it (docs/datasets.md){way_out}"
        )
    return rows


def _identity(names: list[str]) -> str:
    digest = hashlib.blake2b("\0".join(names).encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()
    return f"{len(names)} clouds ({digest})"
