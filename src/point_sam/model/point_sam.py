"""Point-SAM (Zhou et al., ICLR 2025): point-cloud encoder, prompt encoder, mask decoder, as one nn.Module."""

from typing import cast

from jaxtyping import Float, Int
from torch import Tensor, nn

from point_sam.model.config import ModelConfig
from point_sam.model.encoder import PointCloudEncoder
from point_sam.model.geometry import Geometry
from point_sam.model.mask_decoder import MaskDecoder
from point_sam.model.prompt_encoder import MASK_ENCODERS, PointEncoder


class PointSAMModel(nn.Module):
    """The network over batched tensors. `point_sam.PointSAM` is the class for people.

    Parameter names are upstream's; the trunk's are timm's.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.pc_encoder = PointCloudEncoder(config)
        self.point_encoder = PointEncoder()
        self.mask_encoder = MASK_ENCODERS[config.tokenizer](config)
        self.mask_decoder = MaskDecoder()

    def compile_parts(self) -> None:
        """Have torch.compile translate what repeats: each block of the trunk, and the decoder's transformer.

        The rest is loops over chunks, or differs from cloud to cloud.
        """
        for block in self.pc_encoder.transformer.blocks:
            block.compile()
        self.mask_decoder.transformer.compile()

    def encode(self, geometry: Geometry, rgb: Float[Tensor, "B N 3"]) -> Float[Tensor, "B G 256"]:
        """Cloud tokens.

        Args:
            geometry: of the clouds.
            rgb: colours in 0..255; they enter the network as rgb / 255 * 2 - 1.
        """
        return cast(Tensor, self.pc_encoder(geometry, rgb / 127.5 - 1))

    def decode(
        self,
        geometry: Geometry,
        embeddings: Float[Tensor, "B G 256"],
        prompt_points: Float[Tensor, "B K 3"],
        prompt_labels: Int[Tensor, "B K"],
        mask_input: Float[Tensor, "B N"] | None,
        *,
        multimask_output: bool,
        mask_group_size: int | None = None,
    ) -> tuple[Float[Tensor, "B C P"], Float[Tensor, "B C"]]:
        """Mask logits and predicted IoUs for one prompt per row.

        Args:
            geometry, embeddings: of one cloud per row (expand one cloud to several rows for several prompts).
            prompt_points: clicks in the unit ball.
            prompt_labels: 1 positive, 0 negative.
            mask_input: logits of an earlier answer, or None.
            multimask_output: three candidates instead of one mask.
            mask_group_size: members of each group that `mask_input` is read at; None: all. KNN only.
        """
        if mask_input is None:
            dense = self.mask_encoder.no_mask()
        else:
            dense = self.mask_encoder(geometry, mask_input, mask_group_size)
        centers_pe = self.point_encoder.pe_layer(geometry.centers)
        prompts = self.point_encoder(prompt_points, prompt_labels)
        return cast(
            tuple[Tensor, Tensor],
            self.mask_decoder(
                geometry,
                embeddings + dense,
                centers_pe,
                prompts,
                multimask_output=multimask_output,
            ),
        )
