"""Prompts as embeddings: clicks (Fourier features plus a sign) and an earlier mask (one embedding per centre)."""

import math
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from point_sam.model.config import ModelConfig
from point_sam.model.encoder import DECODER_WIDTH
from point_sam.model.geometry import Geometry
from point_sam.model.linear import Linear
from point_sam.model.pointnet import PointNet, encode_groups
from point_sam.model.tokenizers import cell_offsets, max_over_cells
from point_sam.ops import gather_points

# Points per chunk of the Voronoi mask encoder: 1024 channels of float32 are 8 MiB.
_CHUNK = 2048


class FourierEncoding(nn.Module):
    """[sin, cos](2 pi x B) with a Gaussian matrix B (Tancik et al. 2020), in float32 whatever the precision around."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(3, DECODER_WIDTH // 2))

    def forward(self, coords: Float[Tensor, "... 3"]) -> Float[Tensor, "... 256"]:
        with torch.autocast(coords.device.type, enabled=False):
            angle = 2 * math.pi * (coords.float() @ self.positional_encoding_gaussian_matrix.float())
            return torch.cat([angle.sin(), angle.cos()], dim=-1)


class PointEncoder(nn.Module):
    """Clicks: Fourier encoding of the place plus a learned vector for negative (0) or positive (1)."""

    def __init__(self) -> None:
        super().__init__()
        self.pe_layer = FourierEncoding()
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, DECODER_WIDTH) for _ in range(2))

    def forward(self, points: Float[Tensor, "B K 3"], labels: Int[Tensor, "B K"]) -> Float[Tensor, "B K 256"]:
        negative, positive = (cast(nn.Embedding, embedding).weight for embedding in self.point_embeddings)
        return cast(Tensor, self.pe_layer(points) + torch.where(labels[..., None] > 0, positive, negative))


class MaskEncoder(nn.Module):
    """What the mask encoders share: the embedding that says that no mask was given."""

    def __init__(self) -> None:
        super().__init__()
        self.no_mask_embed = nn.Embedding(1, DECODER_WIDTH)

    def no_mask(self) -> Float[Tensor, "1 1 256"]:
        """Embedding of every centre when there is no mask prompt."""
        return self.no_mask_embed.weight[None]


class KNNMaskEncoder(MaskEncoder):
    """[xyz - centre, logit] of the group -> PointNet.

    With `group_size` only so many members of each group are looked at, which is an approximation.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.patch_encoder = PointNet(4, config.mask_widths)

    def forward(
        self, geometry: Geometry, logits: Float[Tensor, "B N"], group_size: int | None = None
    ) -> Float[Tensor, "B G 256"]:
        values = logits[..., None]
        members = geometry.group_index
        if group_size is not None and group_size < members.shape[-1]:
            # Members come nearest first: an even choice covers the group, and always holds the centre.
            kept = torch.arange(group_size, device=members.device) * members.shape[-1] // group_size
            members = members[..., kept]

        def gather(members: Tensor, groups: slice) -> Tensor:
            offset = gather_points(geometry.coords, members) - geometry.centers[:, groups, None]
            return torch.cat([offset, gather_points(values, members)], dim=-1)

        return encode_groups(self.patch_encoder, gather, members)


class NormedResidual(nn.Module):
    """x + GELU(LN(Linear(x)))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(Linear(width, width), nn.LayerNorm(width), nn.GELU())

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, x + self.mlp(x))


class CellMLP(nn.Module):
    """The Voronoi mask encoder's second network, one row per cell."""

    def __init__(self, width: int) -> None:
        super().__init__()
        blocks = (NormedResidual(width) for _ in range(3))
        self.mlp = nn.Sequential(
            Linear(width, width), nn.LayerNorm(width), nn.GELU(), *blocks, Linear(width, DECODER_WIDTH)
        )

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.mlp(x))


class VoronoiMaskEncoder(MaskEncoder):
    """[logit, offset, distance] of every point -> Linear -> max over its cell, at least zero -> MLP.

    Upstream pools all masks of a batch into the same cells, which is right for one mask only; here each mask has
    its own.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.first_nn = Linear(5, config.mask_widths[0])
        self.second_nn = CellMLP(config.mask_widths[0])

    def forward(
        self, geometry: Geometry, logits: Float[Tensor, "B N"], group_size: None = None
    ) -> Float[Tensor, "B G 256"]:
        def encode(start: int, stop: int) -> Tensor:
            offset, distance = cell_offsets(geometry, start, stop)
            return cast(Tensor, self.first_nn(torch.cat([logits[:, start:stop, None], offset, distance], dim=-1)))

        pooled = max_over_cells(encode, geometry.group_index, geometry.centers.shape[1], chunk=_CHUNK)
        return cast(Tensor, self.second_nn(pooled.clamp_min(0.0)))


MASK_ENCODERS: dict[str, type[KNNMaskEncoder] | type[VoronoiMaskEncoder]] = {
    "knn": KNNMaskEncoder,
    "voronoi": VoronoiMaskEncoder,
}
