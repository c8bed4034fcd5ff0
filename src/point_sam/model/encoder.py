"""The point-cloud encoder: tokenizer, position MLP, transformer, projection to the decoder's width."""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from point_sam.model.config import ModelConfig
from point_sam.model.geometry import Geometry
from point_sam.model.linear import Linear
from point_sam.model.tokenizers import TOKENIZERS
from point_sam.model.trunk import Transformer

DECODER_WIDTH = 256


class PointCloudEncoder(nn.Module):
    """Tokens of a cloud: out_proj(transformer(patch_proj(tokens) + pos_embed(centres)))."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.patch_embed = TOKENIZERS[config.tokenizer](config)
        self.patch_proj = Linear(config.patch_widths[-1], config.width)
        self.pos_embed = nn.Sequential(Linear(3, 128), nn.GELU(), Linear(128, config.width))
        self.transformer = Transformer(config)
        self.out_proj = Linear(config.width, DECODER_WIDTH)

    def forward(self, geometry: Geometry, features: Float[Tensor, "B N 3"]) -> Float[Tensor, "B G 256"]:
        tokens = self.patch_proj(self.patch_embed(geometry, features))
        # Positions are never rounded to half precision: eight bits would move a centre by up to 1/512 of the ball.
        with torch.autocast(tokens.device.type, enabled=False):
            positions = self.pos_embed(geometry.centers)
        return cast(Tensor, self.out_proj(self.transformer(tokens + positions)))
