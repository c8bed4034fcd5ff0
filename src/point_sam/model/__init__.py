"""The network: nn.Modules and their configuration. No files, no globals, no numpy."""

from point_sam.model.config import PRESETS, ModelConfig
from point_sam.model.geometry import Geometry, build_geometry
from point_sam.model.grouping import Grouping
from point_sam.model.point_sam import PointSAMModel
from point_sam.model.skeleton import without_values

__all__ = ["PRESETS", "Geometry", "Grouping", "ModelConfig", "PointSAMModel", "build_geometry", "without_values"]
