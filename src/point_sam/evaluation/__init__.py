"""Evaluation: simulated clicks on known masks, scores with their settings, baselines to compare with."""

from point_sam.evaluation.baselines import BestSphere, NearestClick
from point_sam.evaluation.comparison import comparison_table
from point_sam.evaluation.data import DataChoice
from point_sam.evaluation.evaluator import Sample, Trace, evaluate, evaluate_object, trace_object
from point_sam.evaluation.models import ModelChoice, choose_models
from point_sam.evaluation.report import ObjectResult, Report
from point_sam.evaluation.runs import Evaluation, evaluate_dataset
from point_sam.evaluation.samples import SampleRule, make_sample
from point_sam.evaluation.segmenters import (
    Answer,
    Interaction,
    PointSAMSegmenter,
    SeesTruth,
    Segmenter,
    SessionSegmenter,
)

__all__ = [
    "Answer",
    "BestSphere",
    "DataChoice",
    "Evaluation",
    "Interaction",
    "ModelChoice",
    "NearestClick",
    "ObjectResult",
    "PointSAMSegmenter",
    "Report",
    "Sample",
    "SampleRule",
    "SeesTruth",
    "Segmenter",
    "SessionSegmenter",
    "Trace",
    "choose_models",
    "comparison_table",
    "evaluate",
    "evaluate_dataset",
    "evaluate_object",
    "make_sample",
    "trace_object",
]
