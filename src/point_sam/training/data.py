"""What every step trains on: clouds drawn from labelled data, augmented, with masks, prepared in the background.

Every cloud of every step is drawn by a generator of its own, seeded by the run's seed, the step and the cloud's slot in
the batch. What a step trains on therefore does not depend on how many processes share the batch, on how many workers
prepare it, or on whether the run was resumed.
"""

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from point_sam.clouds import PointCloudError
from point_sam.datasets import LabeledCloud, LabeledDataset
from point_sam.messages import first_line, printable
from point_sam.model import Grouping
from point_sam.training.augment import augment, random_mask
from point_sam.training.config import MIN_POINTS, Stage, TrainConfig

# Colour of every point of a cloud without colours; PointSAM.set_pointcloud does the same.
_NEUTRAL = 128
# A slot that stays empty after as many draws ends the run.
_MAX_DRAWS = 64
# What the generators of a step are for; a slot's number is added to the last.
_STEP, _ROUNDS, _SLOTS = 0, 1, 2


class Skipped(NamedTuple):
    """A cloud that was drawn and could not be used."""

    name: str
    reason: str


class TrainingError(ValueError):
    """A run that cannot go on; the message says why and what to do."""


@dataclass(frozen=True)
class Batch:
    """Clouds, the masks to be found in them, and their parts.

    Attributes:
        coords: in the unit ball, points in random order.
        rgb: 0..255.
        targets: 1 inside the mask, 0 outside.
        labels: of every point, coarse and fine; negative where nobody labelled it.
        skipped: what was drawn for them and could not be used.
    """

    coords: Float[Tensor, "B N 3"]
    rgb: Float[Tensor, "B N 3"]
    targets: Float[Tensor, "B M N"]
    labels: Int[Tensor, "B 2 N"]
    skipped: tuple[Skipped, ...] = ()

    @classmethod
    def joined(cls, batches: Sequence["Batch"]) -> "Batch":
        """The clouds of all of them."""
        columns = zip(*(batch._tensors() for batch in batches), strict=True)
        coords, rgb, targets, labels = (torch.cat(column) for column in columns)
        return cls(coords, rgb, targets, labels, tuple(cloud for batch in batches for cloud in batch.skipped))

    def pieces(self, count: int) -> Iterator["Batch"]:
        """The clouds in up to `count` batches of nearly equal sizes."""
        coords, rgb, targets, labels = (tensor.tensor_split(min(count, len(self.coords))) for tensor in self._tensors())
        return map(Batch, coords, rgb, targets, labels)

    def to(self, device: torch.device) -> "Batch":
        """The same on another device."""
        coords, rgb, targets, labels = (tensor.to(device) for tensor in self._tensors())
        return Batch(coords, rgb, targets, labels, self.skipped)

    def _tensors(self) -> tuple[Tensor, ...]:
        return self.coords, self.rgb, self.targets, self.labels


class CloudSource:
    """Where training clouds come from: rows of a dataset.

    Each family is drawn as often as the square root of its size says: neither do large families crowd out small ones,
    nor is a family of one object seen as often as one of a hundred.

    Args:
        dataset: labelled clouds.
        rows: those to draw from, at least one.
    """

    def __init__(self, dataset: LabeledDataset, rows: Sequence[int]) -> None:
        self.dataset = dataset
        self.rows = np.asarray(rows, dtype=np.int64)
        _, family, sizes = np.unique([dataset.families[row] for row in rows], return_inverse=True, return_counts=True)
        chance = 1 / np.sqrt(sizes[family])
        self._upto = np.cumsum(chance / chance.sum())

    def draw(self, seed: int, step: int, slot: int, stage: Stage, num_points: int) -> Batch:
        """The cloud of one slot of one step, as a batch of one.

        Raises:
            TrainingError: many draws in a row failed.
        """
        rng = np.random.default_rng((seed, step, _SLOTS + slot))
        skipped: list[Skipped] = []
        while len(skipped) < _MAX_DRAWS:
            rng.random()  # passed over, so that runs of version 0.1 resume as the same runs
            row = self.rows[np.searchsorted(self._upto, rng.random() * self._upto[-1], side="right")]
            try:
                cloud = usable(self.dataset[int(row)])
            except (PointCloudError, OSError) as err:
                skipped.append(Skipped(self.dataset.names[row], printable(str(err), 300)))
                continue
            cloud = augment(rng, cloud, num_points, stage.strength)
            masks = [mask for mask in (random_mask(rng, cloud) for _ in range(stage.masks)) if mask is not None]
            if not masks:
                skipped.append(Skipped(self.dataset.names[row], "no part has a usable size"))
                continue
            rgb = np.full((num_points, 3), _NEUTRAL) if cloud.rgb is None else cloud.rgb
            targets = np.stack([masks[i % len(masks)] for i in range(stage.masks)])
            granularities = list(cloud.labels.values())
            labels = np.stack([granularities[0], granularities[-1]])
            return Batch(
                torch.from_numpy(cloud.xyz)[None],
                torch.from_numpy(rgb.astype(np.float32))[None],
                torch.from_numpy(targets.astype(np.float32))[None],
                torch.from_numpy(labels.astype(np.int64))[None],
                tuple(skipped),
            )
        last = skipped[-1]
        raise TrainingError(
            f"{len(skipped)} clouds in a row could not be used, the last of them {last.name}: {last.reason}; "
            f"point-sam data check names everything that is wrong"
        )


def usable(cloud: LabeledCloud) -> LabeledCloud:
    """The cloud itself.

    Raises:
        PointCloudError: it has too few points, or coordinates that are not finite.
    """
    if len(cloud.xyz) < MIN_POINTS:
        raise PointCloudError(f"the cloud has {len(cloud.xyz)} points; at least {MIN_POINTS} are needed")
    if not np.isfinite(cloud.xyz).all():
        raise PointCloudError("coordinates are NaN or infinite")
    return cloud


@dataclass(frozen=True, eq=False)
class Steps(Dataset[Batch | TrainingError]):
    """One process's clouds of every step, by step; an error in their place is returned.

    (An exception that leaves a worker arrives as a traceback in text.)

    Attributes:
        config: of the run.
        source: of the clouds.
        sizes: of each stage, none empty.
        rank, world: which process this is, and of how many.
    """

    config: TrainConfig
    source: CloudSource
    sizes: Sequence[Sequence[tuple[int, ...]]]
    rank: int = 0
    world: int = 1

    def __getitem__(self, step: int) -> Batch | TrainingError:
        stage = self.config.stage(step)
        num_points, _ = self.size(step)
        mine = np.array_split(np.arange(stage.clouds), self.world)[self.rank]
        try:
            return Batch.joined(
                [self.source.draw(self.config.seed, step, int(slot), stage, num_points) for slot in mine]
            )
        except TrainingError as err:
            return err

    def size(self, step: int) -> tuple[int, Grouping]:
        """Points of each cloud of a step and their grouping, the same in every process: none waits for another's."""
        sizes = self.sizes[self.config.stages.index(self.config.stage(step))]
        rng = np.random.default_rng((self.config.seed, step, _STEP))
        num_points, num_groups, *group_size = sizes[int(rng.integers(len(sizes)))]
        return num_points, Grouping(num_groups, *group_size or (None,))

    def load(self, start: int) -> Iterator[Batch]:
        """The steps from `start` on, in order, prepared by the workers that the settings ask for.

        Raises:
            TrainingError: nothing could be used, or a worker ended.
        """
        steps = range(start, self.config.steps)
        loader: Any = DataLoader(
            self,
            batch_size=None,
            sampler=steps,
            num_workers=min(self.config.workers, len(steps)),
            collate_fn=_as_it_is,
            worker_init_fn=_start_worker,
        )
        try:
            for batch in loader:
                if isinstance(batch, TrainingError):
                    raise batch
                yield batch
        except RuntimeError as err:  # a worker was killed
            raise TrainingError(
                f"a process that prepares clouds ended ({first_line(err)}); it may have run out of memory: "
                f"lower workers"
            ) from err


def rounds_generator(seed: int, step: int) -> np.random.Generator:
    """For `run_rounds`, the same in every process and for every piece of a batch."""
    return np.random.default_rng((seed, step, _ROUNDS))


def _as_it_is(batch: Any) -> Any:
    return batch


def _start_worker(_: int) -> None:
    # Ctrl-C reaches every process of the terminal; the trainer decides when its workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
