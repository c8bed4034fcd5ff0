"""The result of an evaluation: raw scores per mask, and every summary computed from them.

Only settings and raw scores are stored, so that two reports can be joined, read back and summarised anew.
"""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float64

from point_sam.evaluation import statistics
from point_sam.evaluation.tables import flat_settings, or_dash, share_or_dash, table, with_interval

_FORMAT = 1


@dataclass(frozen=True, eq=False)
class ObjectResult:
    """Scores of the M masks of one object after each of K clicks.

    Attributes:
        name: of the object.
        num_points: of its cloud.
        iou: true IoU of the chosen masks.
        iou_scores: predicted IoU of the chosen masks, None if the model predicts none.
        first_iou, first_iou_scores: the same of each of the first click's C candidates; NaN where a mask had fewer.
        seconds: that the model took, the simulation of the clicks not counted.
        family, package: what the object's dataset says of it, to be summarised by; empty where it says nothing.
        fingerprint: of the coordinates, colours and masks that were evaluated; empty where nobody took it.
    """

    name: str
    num_points: int
    iou: Float64[np.ndarray, "M K"]
    iou_scores: Float64[np.ndarray, "M K"] | None
    first_iou: Float64[np.ndarray, "M C"]
    first_iou_scores: Float64[np.ndarray, "M C"] | None
    seconds: float
    family: str = ""
    package: str = ""
    fingerprint: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON values; None for NaN."""
        return {name: _listed(value) if isinstance(value, np.ndarray) else value for name, value in vars(self).items()}

    @staticmethod
    def from_dict(values: dict[str, Any]) -> ObjectResult:
        """What `to_dict` gave."""
        arrays = ("iou", "iou_scores", "first_iou", "first_iou_scores")
        read: dict[str, Any] = {
            k: np.array(v, dtype=float) if k in arrays and v is not None else v for k, v in values.items()
        }
        return ObjectResult(**read)


def _listed(values: Float64[np.ndarray, "M K"]) -> list[list[float | None]]:
    return [[None if math.isnan(value) else value for value in row] for row in values.tolist()]


@dataclass(frozen=True, eq=False)
class Report:
    """An evaluation.

    Attributes:
        settings: all that the figures depend on: model, clicks, protocol, seed, confidence, resamples, version.
        objects: one result per sample, in the order of the samples; all with the same number of clicks.
    """

    settings: dict[str, Any]
    objects: tuple[ObjectResult, ...]

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self.settings["model"])

    @property
    def clicks(self) -> int:
        """Clicks per mask, the cap of `noc`."""
        return int(self.settings["clicks"])

    @cached_property
    def num_masks(self) -> int:
        """Masks of all objects."""
        return len(self._iou)

    @cached_property
    def iou_at(self) -> list[float]:
        """Mean IoU over all masks; index 0 is after one click."""
        return list(self._iou.mean(0).tolist())

    @cached_property
    def iou_at_by_object(self) -> list[float]:
        """Mean over objects of the mean over their masks: an object of many parts weighs no more than another."""
        return list(np.mean([result.iou.mean(0) for result in self.objects], axis=0).tolist())

    @cached_property
    def iou_interval(self) -> list[tuple[float, float]]:
        """Bootstrap interval of each `iou_at`, objects drawn with replacement."""
        return self._interval([result.iou for result in self.objects])

    def noc(self, threshold: float) -> float:
        """Mean number of clicks until the IoU first reaches `threshold` in (0, 1]; never counts as `clicks`."""
        return float(np.mean(np.concatenate(self._clicks_needed(threshold))))

    def noc_interval(self, threshold: float) -> tuple[float, float]:
        """Bootstrap interval of `noc`."""
        return self._interval([needed[:, None].astype(float) for needed in self._clicks_needed(threshold)])[0]

    def reached(self, threshold: float) -> float:
        """Share of the masks whose IoU reached `threshold` at any click."""
        return float((self._iou >= threshold).any(1).mean())

    @cached_property
    def lost(self) -> float | None:
        """Share of the clicks after the first that cost more than 0.05 IoU; None where there is none."""
        return statistics.lost_share(self._iou)

    @cached_property
    def score_correlation(self) -> float | None:
        """Pearson correlation of predicted and true IoU over all masks and clicks; None without predictions."""
        if any(result.iou_scores is None for result in self.objects):
            return None
        scores = np.concatenate([result.iou_scores for result in self.objects if result.iou_scores is not None])
        return statistics.correlation(scores.ravel(), self._iou.ravel())

    @cached_property
    def candidate_correlation(self) -> float | None:
        """Pearson correlation over the candidates of the first click; None without predictions."""
        scores, iou = self._candidates
        there = ~np.isnan(iou)
        return None if scores is None else statistics.correlation(scores[there], iou[there])

    @cached_property
    def choice_loss(self) -> float:
        """IoU lost at the first click by taking the candidate of best predicted IoU instead of the truly best."""
        return float((np.nanmax(self._candidates[1], axis=1) - self._iou[:, 0]).mean())

    @cached_property
    def rank_correlation(self) -> float | None:
        """Mean over the masks of Spearman's correlation among the candidates of the first click; None without any.

        Unlike `candidate_correlation` it does not reward a score that merely knows which masks are easy.
        """
        scores, iou = self._candidates
        return None if scores is None else statistics.mean_rank_correlation(scores, iou)

    @cached_property
    def best_chosen(self) -> float:
        """Share of the masks for which no candidate of the first click was better than the one taken."""
        return float((self._iou[:, 0] >= np.nanmax(self._candidates[1], axis=1)).mean())

    def groups(self, by: str) -> dict[str, Report]:
        """A report on each "family" or "package", by its name, ascending.

        Raises:
            ValueError: `by` is neither.
        """
        if by not in ("family", "package"):
            raise ValueError(f"by is {by!r}; objects are grouped by family or package")
        members: dict[str, list[ObjectResult]] = {}
        for result in self.objects:
            members.setdefault(getattr(result, by), []).append(result)
        return {name: Report(self.settings, tuple(members[name])) for name in sorted(members)}

    def summary(self) -> dict[str, Any]:
        """Every figure, as JSON values."""
        return {
            "objects": len(self.objects),
            "masks": self.num_masks,
            "points": [min(r.num_points for r in self.objects), max(r.num_points for r in self.objects)],
            "iou_at": self.iou_at,
            "iou_interval": [list(pair) for pair in self.iou_interval],
            "iou_at_by_object": self.iou_at_by_object,
            "noc_cap": self.clicks,
            "noc": {f"{t:.2f}": self.noc(t) for t in statistics.NOC_THRESHOLDS},
            "noc_interval": {f"{t:.2f}": list(self.noc_interval(t)) for t in statistics.NOC_THRESHOLDS},
            "reached": {f"{t:.2f}": self.reached(t) for t in statistics.NOC_THRESHOLDS},
            "lost": self.lost,
            "score_correlation": self.score_correlation,
            "candidate_correlation": self.candidate_correlation,
            "rank_correlation": self.rank_correlation,
            "choice_loss": self.choice_loss,
            "best_chosen": self.best_chosen,
        }

    def to_json(self) -> str:
        """Settings, summary and raw scores; `from_json` reads it back."""
        objects = [result.to_dict() for result in self.objects]
        values = {"format": _FORMAT, "settings": self.settings, "summary": self.summary(), "objects": objects}
        return json.dumps(values, indent=1, allow_nan=False)

    @staticmethod
    def from_json(text: str) -> Report:
        """The report in a text that `to_json` wrote; its summary is computed anew.

        Raises:
            ValueError: the text is no such report.
        """
        try:
            values = json.loads(text)
            if values["format"] != _FORMAT:
                raise ValueError(f"the report has format {values['format']}; this version reads format {_FORMAT}")
            objects = tuple(ObjectResult.from_dict(each) for each in values["objects"])
            return Report(values["settings"], objects)
        except (KeyError, TypeError, json.JSONDecodeError) as err:
            raise ValueError(f"not an evaluation report written by to_json: {err!r}") from err

    def to_csv(self) -> str:
        """Per object: name, family, package, points, masks, mean IoU after each click, mean clicks needed, seconds."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        ious = [f"iou_at_{k + 1}" for k in range(self.clicks)]
        nocs = [f"noc_{t * 100:.0f}" for t in statistics.NOC_THRESHOLDS]
        writer.writerow(["name", "family", "package", "num_points", "masks", *ious, *nocs, "seconds"])
        for result in self.objects:
            needed = [statistics.clicks_needed(result.iou, t).mean() for t in statistics.NOC_THRESHOLDS]
            means = [f"{value:.6f}" for value in (*result.iou.mean(0), *needed)]
            about = [result.name, result.family, result.package, result.num_points, len(result.iou)]
            writer.writerow([*about, *means, f"{result.seconds:.3f}"])
        return text.getvalue()

    def to_markdown(self) -> str:
        """IoU after every click, NoC, predicted against true IoU, settings."""
        ious = [
            [str(k + 1), with_interval(self.iou_at[k], self.iou_interval[k], 3), f"{self.iou_at_by_object[k]:.3f}"]
            for k in range(self.clicks)
        ]
        nocs = [
            [f"{t:.2f}", with_interval(self.noc(t), self.noc_interval(t), 2), f"{self.reached(t):.1%}"]
            for t in statistics.NOC_THRESHOLDS
        ]
        scores = [
            ["correlation of predicted and true IoU, all clicks", or_dash(self.score_correlation)],
            ["the same, candidates of the first click", or_dash(self.candidate_correlation)],
            ["rank correlation within the candidates of a first click", or_dash(self.rank_correlation)],
            ["first clicks whose best candidate is taken", f"{self.best_chosen:.1%}"],
            ["IoU lost to the best candidate of the first click", f"{self.choice_loss:.3f}"],
        ]
        parts = [
            f"# {self.model}",
            f"{self.num_masks} masks of {len(self.objects)} objects. In brackets: "
            f"{float(self.settings['confidence']):.0%} bootstrap intervals over objects.",
            table(["clicks", "IoU, mean over masks", "mean over objects"], ious),
            table(["IoU to reach", f"clicks needed (cap {self.clicks})", "masks that reach it"], nocs),
            f"Later clicks that cost more than {statistics.LOSS} IoU: {share_or_dash(self.lost)}.",
            table(["predicted IoU", ""], scores),
            table(["setting", "value"], [[key, str(value)] for key, value in flat_settings(self.settings).items()]),
        ]
        return "\n\n".join(parts) + "\n"

    @cached_property
    def _iou(self) -> Float64[np.ndarray, "masks clicks"]:
        return np.concatenate([result.iou for result in self.objects])

    @cached_property
    def _candidates(self) -> tuple[Float64[np.ndarray, "masks C"] | None, Float64[np.ndarray, "masks C"]]:
        """Predicted and true IoU of each candidate of the first click; None for what is not predicted everywhere."""
        scores = [result.first_iou_scores for result in self.objects if result.first_iou_scores is not None]
        iou = statistics.join_ragged([result.first_iou for result in self.objects])
        return statistics.join_ragged(scores) if len(scores) == len(self.objects) else None, iou

    def _clicks_needed(self, threshold: float) -> list[np.ndarray]:
        if not 0 < threshold <= 1 or math.isnan(threshold):
            raise ValueError(f"threshold is {threshold}; an IoU to reach lies in (0, 1]")
        return [statistics.clicks_needed(result.iou, threshold) for result in self.objects]

    def _interval(self, values: list[np.ndarray]) -> list[tuple[float, float]]:
        return statistics.bootstrap_interval(
            values,
            seed=int(self.settings["seed"]),
            confidence=float(self.settings["confidence"]),
            resamples=int(self.settings["resamples"]),
        )
