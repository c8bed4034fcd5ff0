"""The network that a run starts from, and the average of its weights, which is what is validated and written."""

import copy
import math

import torch
from torch import nn

from point_sam.checkpoints import MODELS, CheckpointError, infer_config, load_model, locate, read_weights
from point_sam.model import PRESETS, ModelConfig, PointSAMModel
from point_sam.model.two_way import Attention
from point_sam.training.affinity import AffinitySpaces
from point_sam.training.config import TrainConfig

# By `TrainConfig.freeze`: the modules that keep their weights.
_FROZEN = {
    "none": (),
    "encoder": ("pc_encoder",),
    "all_but_decoder": ("pc_encoder", "point_encoder", "mask_encoder"),
}


def make_model(config: TrainConfig, device: torch.device) -> PointSAMModel:
    """The starting network on `device`, in training mode, without gradients where it stays frozen.

    Raises:
        FileNotFoundError, CheckpointError: the starting weights are not there or not usable.
    """
    model = start_model(config).requires_grad_(True)
    for module in _FROZEN[config.freeze]:
        getattr(model, module).requires_grad_(False)
    return model.to(device).train()


def make_spaces(config: TrainConfig, device: torch.device) -> AffinitySpaces | None:
    """What the affinity loss compares embeddings in, seeded; None where no stage has that loss."""
    if not any(stage.affinity for stage in config.stages):
        return None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return AffinitySpaces().to(device)


def start_model(config: TrainConfig) -> PointSAMModel:
    """Trained weights, or with `config.scratch` new ones, seeded.

    Raises:
        FileNotFoundError, CheckpointError: the starting weights are not there or not usable.
    """
    if config.scratch:
        architecture = architecture_of(config)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            model = PointSAMModel(architecture)
            initialize(model)
        return model
    _refuse_unpublished(config.model)
    return load_model(locate(config.model))


def architecture_of(config: TrainConfig) -> ModelConfig:
    """What the run trains, read off a preset or the header of the weights; raises as `start_model`."""
    if config.scratch and config.model in PRESETS:
        return PRESETS[config.model]
    _refuse_unpublished(config.model)
    files = locate(config.model)
    return infer_config(read_weights(files.weights)[0], files.settings)


def average_of(model: PointSAMModel) -> PointSAMModel:
    """A copy of the network, without gradients, in evaluation mode."""
    return copy.deepcopy(model).requires_grad_(False).eval()


@torch.no_grad()
def follow(average: PointSAMModel, model: PointSAMModel, *, decay: float, step: int) -> None:
    """Move `average` towards `model`.

    Args:
        average: changed in place.
        model: of the same architecture. What has no gradient never changed, and is passed over.
        decay: 0..1; 0 copies.
        step: number of the step, from 0. In the first ones the decay is (1 + step) / (10 + step) at most, so that the
            starting weights do not linger (the rule of TensorFlow's ExponentialMovingAverage).
    """
    decay = min(decay, (1 + step) / (10 + step))
    for ours, theirs in zip(average.parameters(), model.parameters(), strict=True):
        if theirs.requires_grad:
            ours.lerp_(theirs, 1 - decay)


@torch.no_grad()
def initialize(model: PointSAMModel) -> None:
    """ViT's truncated normal in the trunk, Xavier elsewhere, and cross-attention that starts by looking near a click.

    A click and the centres near it have similar Fourier encodings, but two independent random projections hide that,
    and training spends its first hundreds of steps finding it again. With equal query and key projections attention
    starts as a similarity kernel over places. The encoding's matrix (upstream: all columns of one scale) spans scales,
    because parts do.
    """
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            if name.startswith("pc_encoder.transformer"):
                nn.init.trunc_normal_(module.weight, std=0.02)
            else:
                nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.5)
    matrix = model.point_encoder.pe_layer.positional_encoding_gaussian_matrix
    # Standard deviations of the columns: kernels exp(-(2 pi s d)^2 / 2) that reach from a third of the ball to a
    # twentieth.
    matrix.mul_(torch.logspace(math.log10(0.5), math.log10(3.0), matrix.shape[1]))
    for name, module in model.named_modules():
        if isinstance(module, Attention) and "self_attn" not in name:
            nn.init.orthogonal_(module.q_proj.weight, gain=2.0)
            module.k_proj.weight.copy_(module.q_proj.weight)


def _refuse_unpublished(name: str) -> None:
    source = MODELS.get(name)
    if name in PRESETS and (source is None or (source.embedded is None and source.published is None)):
        raise CheckpointError(
            f"{name!r} has no published weights to start from; start from new ones (scratch = true, --scratch)"
        )
