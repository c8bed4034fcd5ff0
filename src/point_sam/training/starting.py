"""The network that a run starts from, and how the trainer runs it."""

import contextlib
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from point_sam.checkpoints import MODELS, CheckpointError, infer_config, load_model, locate, read_weights
from point_sam.model import PRESETS, Geometry, ModelConfig, PointSAMModel, without_values
from point_sam.training.affinity import AffinitySpaces
from point_sam.training.config import TrainConfig
from point_sam.training.initialize import initialize
from point_sam.training.optimizer import freeze


class Trainee(PointSAMModel):
    """The network as the trainer runs it; names and values of its weights are `PointSAMModel`'s.

    `run_rounds` computes in bfloat16 and differentiates the embeddings. Here that is undone where the run asks for
    float32, and a frozen encoder is left out of differentiation.

    Attributes:
        float32: whether matrix products run in float32.
        encoder_frozen: whether the encoder keeps its weights.
    """

    float32 = False
    encoder_frozen = False

    def encode(self, geometry: Geometry, rgb: Float[Tensor, "B N 3"]) -> Float[Tensor, "B G 256"]:
        """See `PointSAMModel.encode`."""
        with self._precision(rgb.device.type):
            if not self.encoder_frozen:
                return super().encode(geometry, rgb)
            with torch.no_grad():
                embeddings = super().encode(geometry, rgb)
        # A leaf: the gradient of the rounds ends here.
        return embeddings.requires_grad_()

    def decode(
        self,
        geometry: Geometry,
        embeddings: Float[Tensor, "B G 256"],
        prompt_points: Float[Tensor, "B K 3"],
        prompt_labels: Int[Tensor, "B K"],
        mask_input: Float[Tensor, "B N"] | None,
        **options: Any,
    ) -> tuple[Float[Tensor, "B C P"], Float[Tensor, "B C"]]:
        """See `PointSAMModel.decode`."""
        with self._precision(embeddings.device.type):
            return super().decode(geometry, embeddings, prompt_points, prompt_labels, mask_input, **options)

    def _precision(self, device: str) -> contextlib.AbstractContextManager[Any]:
        return torch.autocast(device, enabled=False) if self.float32 else contextlib.nullcontext()


def make_trainee(config: TrainConfig, device: torch.device, *, bfloat16: bool) -> Trainee:
    """The starting network on `device`, with what stays frozen.

    Raises:
        FileNotFoundError, CheckpointError: the starting weights are not there or not usable.
    """
    started = start_model(config)
    trainee = without_values(lambda: Trainee(started.config))
    trainee.load_state_dict(started.state_dict(), assign=True)
    trainee.requires_grad_(True)
    freeze(trainee, config.freeze)
    trainee.float32 = not bfloat16
    trainee.encoder_frozen = config.freeze != "none"
    return trainee.to(device).train()


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


def _refuse_unpublished(name: str) -> None:
    source = MODELS.get(name)
    if name in PRESETS and (source is None or (source.embedded is None and source.published is None)):
        raise CheckpointError(
            f"{name!r} has no published weights to start from; start from new ones (scratch = true, --scratch)"
        )
