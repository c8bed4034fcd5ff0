"""Tokenizers: from coloured points to one token per centre (paper, section 3.2), by `ModelConfig.tokenizer`."""

from collections.abc import Callable
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from point_sam.model.config import ModelConfig
from point_sam.model.execution import chunk_points
from point_sam.model.geometry import Geometry
from point_sam.model.linear import Linear
from point_sam.model.pointnet import PointNet, encode_groups
from point_sam.ops import gather_points

# Points per chunk of the Voronoi tokenizer: 256 channels of float32 are 8 MiB.
_CHUNK = 8192
# Offsets to the cell's centre are divided by their length, no less than this (upstream).
_MIN_DISTANCE = 1e-8


class KNNTokenizer(nn.Module):
    """[xyz - centre, colour] of the K nearest neighbours -> PointNet."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.patch_encoder = PointNet(6, config.patch_widths)

    def forward(self, geometry: Geometry, features: Float[Tensor, "B N 3"]) -> Float[Tensor, "B G D"]:
        def gather(members: Tensor, groups: slice) -> Tensor:
            offset = gather_points(geometry.coords, members) - geometry.centers[:, groups, None]
            return torch.cat([offset, gather_points(features, members)], dim=-1)

        return encode_groups(self.patch_encoder, gather, geometry.group_index)


class ResidualBlock(nn.Module):
    """x + Linear(LN(GELU(Linear(norm(x)))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(Linear(width, width), nn.GELU(), nn.LayerNorm(width), Linear(width, width))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, x + self.mlp(self.norm(x)))


class VoronoiTokenizer(nn.Module):
    """[unit offset, distance, colour] of every point -> residual MLP -> max over its cell -> residual MLP."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, out = config.patch_widths
        self.in_proj = Linear(7, width)
        self.blocks1 = nn.Sequential(*(ResidualBlock(width) for _ in range(3)))
        self.blocks2 = nn.Sequential(*(ResidualBlock(width) for _ in range(3)))
        self.norm = nn.LayerNorm(width)
        self.out_proj = Linear(width, out)

    def forward(self, geometry: Geometry, features: Float[Tensor, "B N 3"]) -> Float[Tensor, "B G D"]:
        def encode(start: int, stop: int) -> Tensor:
            offset, distance = cell_offsets(geometry, start, stop)
            unit = offset / distance.clamp_min(_MIN_DISTANCE)
            return cast(
                Tensor, self.blocks1(self.in_proj(torch.cat([unit, distance, features[:, start:stop]], dim=-1)))
            )

        cells = geometry.group_index
        num_centers = geometry.centers.shape[1]
        pooled = max_over_cells(encode, cells, num_centers, chunk=_CHUNK)
        empty = torch.isneginf(pooled)
        tokens = self.blocks2(pooled.masked_fill(empty, 0.0))
        return cast(Tensor, self.out_proj(self.norm(tokens)))


def cell_offsets(geometry: Geometry, start: int, stop: int) -> tuple[Float[Tensor, "B n 3"], Float[Tensor, "B n 1"]]:
    """Offsets of the points start..stop to the centres of their cells, and the lengths of those offsets."""
    centers = gather_points(geometry.centers, geometry.group_index[:, start:stop])
    offset = geometry.coords[:, start:stop] - centers
    return offset, offset.norm(dim=-1, keepdim=True)


def max_over_cells(
    encode: Callable[[int, int], Tensor], cells: Tensor, num_cells: int, *, chunk: int
) -> Float[Tensor, "B G D"]:
    """Maximum of encode(start, stop) over the points of each cell, in chunks of points; -inf in empty cells."""
    num_points = cells.shape[1]
    step = num_points if torch.is_grad_enabled() else max(1, chunk_points(chunk, cells.device.type) // len(cells))
    pooled: Tensor | None = None
    for start in range(0, num_points, step):
        values = encode(start, min(start + step, num_points))
        if pooled is None:
            pooled = values.new_full((len(cells), num_cells, values.shape[-1]), -torch.inf)
        index = cells[:, start : start + step, None].expand(-1, -1, values.shape[-1])
        reduce = pooled.scatter_reduce if torch.is_grad_enabled() else pooled.scatter_reduce_
        pooled = reduce(1, index, values, "amax")
    return cast(Tensor, pooled)


TOKENIZERS: dict[str, type[KNNTokenizer] | type[VoronoiTokenizer]] = {"knn": KNNTokenizer, "voronoi": VoronoiTokenizer}
