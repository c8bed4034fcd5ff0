"""From a file of weights to a model that has exactly those weights, and back."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from point_sam.atomic import write_atomically
from point_sam.checkpoints.architecture import infer_config, is_leftover, without_leftovers
from point_sam.checkpoints.errors import CheckpointError
from point_sam.checkpoints.files import read_weights, write_tensors
from point_sam.checkpoints.sources import CONFIG_FILE, WEIGHTS_FILE, WeightFiles
from point_sam.model import ModelConfig, PointSAMModel, without_values

_LISTED = 10  # names an error shows of each kind
SAVED_DTYPES = {"float32": torch.float32, "float16": torch.float16}


def load_model(files: WeightFiles, config: ModelConfig | None = None) -> PointSAMModel:
    """The model with these weights, float32, on the CPU, in evaluation mode.

    Parameters are never initialised first: memory holds the weights once.

    Args:
        files: weights and settings, see `locate`.
        config: the architecture; None reads it off the tensors and the settings.

    Raises:
        CheckpointError: the file is damaged, or tensors are missing, unexpected or of another shape.
    """
    path = files.weights
    shapes, values = read_weights(path)
    try:
        config = infer_config(shapes, files.settings) if config is None else config
    except CheckpointError as err:
        raise CheckpointError(f"{path}: {err}") from err
    architecture = config
    model = without_values(lambda: PointSAMModel(architecture))
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    _check_shapes(path, expected, without_leftovers(shapes))
    weights = {name: value for name, value in values if not is_leftover(name)}
    model.load_state_dict(weights, strict=True, assign=True)
    return model.eval()


def save_model(model: PointSAMModel, folder: str | Path, *, dtype: Literal["float32", "float16"] = "float32") -> None:
    """Write model.safetensors and config.json into `folder` (made if need be), each complete or not at all.

    Raises:
        ValueError: dtype is unknown, or a weight does not fit into float16.
        OSError: the folder cannot be made or written.
    """
    if dtype not in SAVED_DTYPES:
        raise ValueError(f"dtype is {dtype!r}; weights are saved as {' or '.join(map(repr, SAVED_DTYPES))}")
    weights: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        weights[name] = value.detach().to("cpu", SAVED_DTYPES[dtype]).contiguous()
        if not torch.isfinite(weights[name]).all():
            raise ValueError(f"{name} holds NaN, infinity or a value too large for {dtype}; not saved")
    folder = Path(folder).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / WEIGHTS_FILE, weights, {"format": "pt"})
    config = json.dumps(model.config.to_dict(), indent=2) + "\n"
    write_atomically(folder / CONFIG_FILE, lambda file: file.write(config.encode()))


def use_fused_layernorm(model: nn.Module) -> None:
    """Replace every LayerNorm by apex's FusedLayerNorm, in place and with the same parameters.

    Raises:
        ImportError: apex is not installed.
    """
    try:
        from apex.normalization import FusedLayerNorm  # type: ignore[import-not-found,unused-ignore]
    except ImportError as err:
        raise ImportError(
            "fused_layernorm=True needs NVIDIA apex built with its CUDA extensions: see "
            "https://github.com/NVIDIA/apex#installation, or leave it out (torch's own LayerNorm gives the same)"
        ) from err
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.LayerNorm):
                fused = FusedLayerNorm(child.normalized_shape, eps=child.eps)
                fused.weight, fused.bias = child.weight, child.bias
                setattr(parent, name, fused.train(child.training))


def _check_shapes(path: Path, expected: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    problems = {
        "missing": [name for name in expected if name not in found],
        "unexpected": [name for name in found if name not in expected],
        "of another shape": [
            f"{name} {list(found[name])} instead of {list(shape)}"
            for name, shape in expected.items()
            if name in found and found[name] != shape
        ],
    }
    if any(problems.values()):
        told = "; ".join(f"{len(names)} {kind}: {_some(names)}" for kind, names in problems.items() if names)
        raise CheckpointError(f"{path}: the tensors do not fit the architecture: {told}")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
