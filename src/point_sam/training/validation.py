"""Held-out clouds during training: the evaluation's own protocol on a fixed choice of clouds, points and masks."""

from collections.abc import Sequence

import numpy as np

from point_sam import PointSAM
from point_sam.clouds import PointCloudError
from point_sam.datasets import LabeledDataset
from point_sam.evaluation import Report, Sample, evaluate_object
from point_sam.evaluation.samples import SampleRule, make_sample
from point_sam.messages import printable
from point_sam.model import PointSAMModel
from point_sam.training.config import Validation
from point_sam.training.data import Skipped, usable
from point_sam.training.processes import Processes, gather


def choose_samples(
    dataset: LabeledDataset, rows: Sequence[int], settings: Validation, seed: int
) -> tuple[list[Sample], list[Skipped]]:
    """A seeded choice of clouds, of points of each, and of masks among its parts; and what could not be used.

    The choice of one cloud's points and masks depends on the seed and its name alone.

    Args:
        dataset: labelled clouds.
        rows: of the split.
        settings: how many of each.
        seed: of the choice.

    Raises:
        ValueError: no cloud can be used.
    """
    rule = SampleRule(max_points=settings.points, max_masks=settings.masks, seed=seed)
    samples: list[Sample] = []
    skipped: list[Skipped] = []
    for row in np.random.default_rng((seed, len(rows))).permutation(np.asarray(rows, dtype=np.int64)):
        if len(samples) == settings.objects:
            break
        try:
            cloud = usable(dataset[int(row)])
        except (PointCloudError, OSError) as err:
            skipped.append(Skipped(dataset.names[row], printable(str(err), 300)))
            continue
        sample = make_sample(cloud, dataset.names[row], rule)
        if sample is None:
            skipped.append(Skipped(dataset.names[row], "no part has a usable size"))
        else:
            samples.append(sample)
    if not samples:
        told = f"; the last of {len(skipped)}: {skipped[-1].name}: {skipped[-1].reason}" if skipped else ""
        raise ValueError(f"no cloud of the split {settings.split!r} can be validated on{told}")
    return samples, skipped


def validate(
    model: PointSAMModel, samples: Sequence[Sample], processes: Processes, *, clicks: int, precision: str
) -> Report:
    """The evaluation of `model` on `samples`, shared among the processes; every process gets the whole report.

    Args:
        model: in evaluation mode, on this process's device.
        samples: the same in every process.
        processes: of the run.
        clicks: per mask.
        precision: as `PointSAM` takes it.
    """
    predictor = PointSAM(model, precision=precision)
    mine = range(processes.process_index, len(samples), processes.num_processes)
    results = [(index, evaluate_object(predictor, samples[index], clicks=clicks)) for index in mine]
    together = sorted(gather(processes, results), key=lambda pair: pair[0])
    settings = {"model": "training", "clicks": clicks, "seed": 0, "confidence": 0.95, "resamples": 1000}
    return Report(settings, tuple(result for _, result in together))
