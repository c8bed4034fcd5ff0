"""Weights: where they come from, whether they are whole, which architecture they are, and writing them back."""

from point_sam.checkpoints.architecture import infer_config
from point_sam.checkpoints.errors import CheckpointError
from point_sam.checkpoints.files import read_weights, write_tensors
from point_sam.checkpoints.loading import load_model, save_model, use_fused_layernorm
from point_sam.checkpoints.sources import MODELS, ModelSource, locate

__all__ = [
    "MODELS",
    "CheckpointError",
    "ModelSource",
    "infer_config",
    "load_model",
    "locate",
    "read_weights",
    "save_model",
    "use_fused_layernorm",
    "write_tensors",
]
