"""Evaluating models on a labelled dataset: several processes, resumable, bad objects counted instead of fatal."""

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from point_sam.clouds import PointCloudError
from point_sam.datasets import LabeledDataset
from point_sam.evaluation.data import DataChoice, digest, identify_files, packages_of
from point_sam.evaluation.environment import describe_environment
from point_sam.evaluation.evaluator import Sample, evaluate_object, protocol_settings
from point_sam.evaluation.journal import Journal
from point_sam.evaluation.models import ModelChoice
from point_sam.evaluation.report import ObjectResult, Report
from point_sam.evaluation.samples import SampleRule, fingerprint_sample, make_sample
from point_sam.evaluation.segmenters import Segmenter
from point_sam.evaluation.workers import cores_for_each, run_tasks

JOURNAL = "objects.jsonl"

# Called with the model's name, the objects done and the number of objects.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Evaluation:
    """What came out.

    Attributes:
        reports: one per model, in the order given, all on the same objects.
        problems: object -> why it could not be used.
        unusable: objects without a mask that the rule allows.
        resumed: results that were on disk already, over all models.
    """

    reports: tuple[Report, ...]
    problems: dict[str, str] = field(default_factory=dict)
    unusable: tuple[str, ...] = ()
    resumed: int = 0


def evaluate_dataset(
    data: DataChoice,
    models: Sequence[ModelChoice],
    out: Path,
    *,
    rule: SampleRule | None = None,
    clicks: int = 10,
    confidence: float = 0.95,
    resamples: int = 2000,
    jobs: int = 1,
    threads: int = 1,
    resume: bool = True,
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate models on labelled clouds, each finished object on disk at once.

    Args:
        data: the objects.
        models: at least one.
        out: a folder, made if need be; `NAME/objects.jsonl` in it is the journal of the model NAME.
        rule: which points and masks of each object.
        clicks, confidence, resamples: as `evaluate`; the bootstrap's seed is the rule's.
        jobs: processes; the scores do not depend on it.
        threads: of torch in each process, at most its share of the cores; with another number sums are rounded
            otherwise.
        resume: go on with the journals in `out`; False starts them anew.
        progress: called at the start of each model, with what is resumed, and after each object.

    Raises:
        ValueError: a setting is out of its range, a journal was begun with other settings, no object can be used; or
            as `open_dataset` and `ModelChoice.build`.
        FileNotFoundError: the data or weights do not exist.
        OSError: `out` cannot be written, or a process died.
    """
    rule = SampleRule() if rule is None else rule
    threads = min(threads, cores_for_each(jobs))
    protocol = protocol_settings(clicks=clicks, seed=rule.seed, confidence=confidence, resamples=resamples)
    _make_folder(out)
    dataset = data.open()
    split, numbers = data.choose(dataset)
    names = [dataset.names[number] for number in numbers]
    about = {
        "layout": data.layout_name,
        "split": split,
        "packages": list(data.packages),
        "limit": data.limit,
        "objects": len(names),
        "names": digest(names),
        "files": identify_files(data.path, without=out),
    }
    decisive = [  # of every model, before any work
        {**model.build().settings, **protocol, "threads": threads, "rule": rule.to_dict(), "data": about}
        for model in models
    ]
    environment = describe_environment()
    found = _Found()
    reports = []
    for model, settings in zip(models, decisive, strict=True):
        (out / model.name).mkdir(exist_ok=True)
        with Journal(out / model.name / JOURNAL, settings, resume=resume) as journal:
            _evaluate_model(_Work(data, model, rule, clicks), dataset, numbers, journal, found, jobs, threads, progress)
            results = tuple(journal.results[name] for name in names if name in journal.results)
        if not results:
            raise ValueError(_nothing_left(data.path, found.problems, len(names)))
        evaluated = digest([f"{result.name} {result.fingerprint}" for result in results])
        recorded = {
            **settings,
            "weights": model.source,
            "data": {"path": str(data.path.resolve()), **about, "evaluated": evaluated},
            "environment": environment,
        }
        reports.append(Report(recorded, results))
    _check_same(reports)
    return Evaluation(tuple(reports), found.problems, tuple(found.unusable), found.resumed)


def read_sample(dataset: LabeledDataset, number: int, rule: SampleRule) -> Sample | None:
    """The sample of one object, as `evaluate_dataset` makes it; None if it has no mask to use.

    Raises:
        PointCloudError, OSError: it cannot be read.
    """
    return make_sample(dataset[number], dataset.names[number], rule)


@dataclass
class _Found:
    """What is counted over all models."""

    problems: dict[str, str] = field(default_factory=dict)
    unusable: dict[str, None] = field(default_factory=dict)
    resumed: int = 0


@dataclass(frozen=True)
class _Work:
    """What a process needs to evaluate objects."""

    data: DataChoice
    model: ModelChoice
    rule: SampleRule
    clicks: int

    def prepare(self) -> Callable[[int], ObjectResult | str | None]:
        """The function that evaluates one object: scores, why it is bad, or None for nothing to evaluate."""
        dataset, segmenter = self.data.open(), self.model.build()
        return lambda number: self._evaluate(dataset, segmenter, number)

    def _evaluate(self, dataset: LabeledDataset, segmenter: Segmenter, number: int) -> ObjectResult | str | None:
        try:
            sample = read_sample(dataset, number, self.rule)
        except (PointCloudError, OSError) as err:
            return str(err)
        if sample is None:
            return None
        result = evaluate_object(segmenter, sample, clicks=self.clicks)
        return replace(
            result,
            family=dataset.families[number],
            package=packages_of(dataset)[number],
            fingerprint=fingerprint_sample(sample),
        )


def _evaluate_model(
    work: _Work,
    dataset: LabeledDataset,
    numbers: Sequence[int],
    journal: Journal,
    found: _Found,
    jobs: int,
    threads: int,
    progress: Progress | None,
) -> None:
    left = [number for number in numbers if dataset.names[number] not in journal.results]
    resumed = len(numbers) - len(left)
    found.resumed += resumed
    _tell(progress, work, resumed, numbers)
    with closing(run_tasks(work.prepare, left, jobs=jobs, threads=threads)) as outcomes:
        for done, (number, outcome) in enumerate(outcomes, resumed + 1):
            name = dataset.names[number]
            if isinstance(outcome, ObjectResult):
                journal.add(outcome)
            elif outcome is None:
                found.unusable[name] = None
            else:
                found.problems[name] = outcome
            _tell(progress, work, done, numbers)


def _tell(progress: Progress | None, work: _Work, done: int, numbers: Sequence[int]) -> None:
    if progress is not None:
        progress(work.model.name, done, len(numbers))


def _check_same(reports: Sequence[Report]) -> None:
    """Objects repaired or damaged between two models, or between a run and its resumption, make no comparison."""
    evaluated: list[Any] = [report.settings["data"]["evaluated"] for report in reports]
    for report, digits in zip(reports, evaluated, strict=True):
        if digits != evaluated[0]:
            raise ValueError(
                f"{report.model} and {reports[0].model} saw different objects; the data changed meanwhile: "
                "evaluate both anew (resume=False)"
            )


def _nothing_left(path: Path, problems: dict[str, str], count: int) -> str:
    if problems:
        name, reason = next(iter(problems.items()))
        return f"{path}: none of {count} objects can be used; {len(problems)} cannot be read, first {name}: {reason}"
    return f"{path}: none of {count} objects has a mask that the rule allows; lower min_points or raise max_share"


def _make_folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f"{out}: is a file; give a folder for the results")
    out.mkdir(parents=True, exist_ok=True)
    if not os.access(out, os.W_OK | os.X_OK):
        raise PermissionError(f"{out}: the folder cannot be written to")
