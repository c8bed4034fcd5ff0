"""The mask decoder: two-way transformer, upscaling to every point, one hypernetwork per mask, IoU head."""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from point_sam.model.encoder import DECODER_WIDTH
from point_sam.model.execution import cast_linear, chunk_points, matrix_dtype
from point_sam.model.geometry import Geometry
from point_sam.model.linear import Linear, multiply
from point_sam.model.two_way import TwoWayTransformer
from point_sam.ops import interpolate

# Points per chunk of the upscaling on a CPU: 256 channels of float32 are 4 MiB.
_CHUNK = 4096
NUM_MASKS = 4


class ThreeLayerMLP(nn.Module):
    """Three Linear with ReLU between."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Linear(width, width), Linear(width, width), Linear(width, out)])

    def forward(self, x: Tensor) -> Tensor:
        first, second, last = self.layers
        return cast(Tensor, last(F.relu(second(F.relu(first(x))))))


class MaskDecoder(nn.Module):
    """Masks and predicted IoUs from cloud tokens and prompts. Mask 0 is the single answer, 1..3 the candidates."""

    def __init__(self) -> None:
        super().__init__()
        width = DECODER_WIDTH
        self.transformer = TwoWayTransformer(width)
        self.iou_token = nn.Embedding(1, width)
        self.mask_tokens = nn.Embedding(NUM_MASKS, width)
        self.output_upscaling = nn.Sequential(
            Linear(width, width), nn.LayerNorm(width), nn.GELU(), Linear(width, width), nn.GELU()
        )
        self.output_hypernetworks_mlps = nn.ModuleList(ThreeLayerMLP(width, width) for _ in range(NUM_MASKS))
        self.iou_prediction_head = ThreeLayerMLP(width, NUM_MASKS)

    def forward(
        self,
        geometry: Geometry,
        cloud: Float[Tensor, "B G 256"],
        cloud_pe: Float[Tensor, "B G 256"],
        prompts: Float[Tensor, "B K 256"],
        *,
        multimask_output: bool,
    ) -> tuple[Float[Tensor, "B C P"], Float[Tensor, "B C"]]:
        learned = torch.cat([self.iou_token.weight, self.mask_tokens.weight]).expand(len(prompts), -1, -1)
        tokens, cloud = self.transformer(cloud, cloud_pe, torch.cat([learned, prompts], dim=1))
        wanted = slice(1, NUM_MASKS) if multimask_output else slice(0, 1)
        iou_scores = self.iou_prediction_head(tokens[:, 0])[:, wanted]
        kernels = torch.stack(
            [self.output_hypernetworks_mlps[i](tokens[:, 1 + i]) for i in range(*wanted.indices(NUM_MASKS))], dim=1
        )
        return self._masks(geometry, cloud, kernels), iou_scores.float()

    def _masks(self, geometry: Geometry, cloud: Tensor, kernels: Float[Tensor, "B C D"]) -> Float[Tensor, "B C P"]:
        first, norm, _, second, _ = self.output_upscaling
        # Linear commutes with interpolation (weights sum to one), so it runs per centre instead of per point.
        lifted = first(cloud)
        index, weight = geometry.interp_index, geometry.interp_weight
        if torch.is_grad_enabled():
            points = F.gelu(second(F.gelu(norm(_interpolate_dense(lifted, index, weight)))))
            return (points @ kernels.to(points.dtype).transpose(1, 2)).float().transpose(1, 2)
        device = cloud.device.type
        dtype = matrix_dtype(device)
        matrix, bias = cast_linear(second, dtype)
        kernels = kernels.to(dtype)
        num_points = index.shape[1]
        masks = torch.empty(*kernels.shape[:2], num_points, device=cloud.device)
        step = chunk_points(_CHUNK, device)
        for row, values in enumerate(lifted.float()):
            for start in range(0, num_points, step):
                part = slice(start, start + step)
                points = norm(interpolate(values, index[row, part], weight[row, part])).to(dtype)
                points = torch.ops.aten.gelu_(multiply(torch.ops.aten.gelu_(points), matrix, bias))
                masks[row, :, part] = (points @ kernels[row].t()).t()
        return masks


def _interpolate_dense(
    values: Float[Tensor, "B G D"], index: Tensor, weight: Float[Tensor, "B n k"]
) -> Float[Tensor, "B n D"]:
    """For training, on small clouds: the backward of a matrix product is far faster than scattered additions."""
    weight = weight.to(values.dtype)
    dense = weight.new_zeros(*index.shape[:2], values.shape[1]).scatter_add_(2, index, weight)
    return dense @ values
