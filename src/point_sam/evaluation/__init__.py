"""Evaluation: simulated clicks on known masks, scores with their settings, baselines to compare with."""

from point_sam.evaluation.baselines import BestSphere, NearestClick
from point_sam.evaluation.evaluator import Sample, evaluate, evaluate_object
from point_sam.evaluation.report import ObjectResult, Report
from point_sam.evaluation.segmenters import Answer, Interaction, PointSAMSegmenter, SeesTruth, Segmenter
from point_sam.evaluation.tables import comparison_table

__all__ = [
    "Answer",
    "BestSphere",
    "Interaction",
    "NearestClick",
    "ObjectResult",
    "PointSAMSegmenter",
    "Report",
    "Sample",
    "SeesTruth",
    "Segmenter",
    "comparison_table",
    "evaluate",
    "evaluate_object",
]
