"""The PointNet that turns a group of points into one token (KNN tokenizer and mask encoder)."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from point_sam.model.execution import cast_linear, chunk_points, matrix_dtype
from point_sam.model.linear import Linear, multiply

# Points per chunk on a CPU: at 512 channels of float32 a chunk of activations takes 4 MiB, near the cache of two cores.
_CHUNK = 2048


class PointNet(nn.Module):
    """Shared MLP, max over the group, concatenated to every point, shared MLP, max (PointNet, Qi et al. 2017).

    `conv1` and `conv2` are named as upstream, where they are 1x1 convolutions.
    """

    def __init__(self, in_channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        first, second, out = widths
        self.conv1 = nn.Sequential(Linear(in_channels, first), nn.LayerNorm(first), nn.GELU(), Linear(first, first))
        self.conv2 = nn.Sequential(Linear(2 * first, second), nn.LayerNorm(second), nn.GELU(), Linear(second, out))

    def forward(self, x: Float[Tensor, "B G K C"]) -> Float[Tensor, "B G D"]:
        concat, norm, gelu, last = self.conv2
        weight = cast(Linear, concat).weight
        x = self.conv1(x)
        # Linear(concat[max, x]) = W_max max + W_x x: the first half is computed once per group, not once per point.
        w_max, w_x = weight.chunk(2, dim=1)
        pooled = F.linear(max_pool(x)[..., None, :], w_max, cast(Linear, concat).bias)
        return max_pool(last(gelu(norm(F.linear(x, w_x) + pooled))))

    def prepare(self, dtype: torch.dtype) -> Callable[[Float[Tensor, "B G K C"]], Float[Tensor, "B G D"]]:
        """`forward` without gradients for many chunks: weights are cast once, activations overwritten in place."""
        first, norm1, _, second = self.conv1
        concat, norm2, _, last = self.conv2
        (w1, b1), (w2, b2), (w3, b3), (w4, b4) = (cast_linear(layer, dtype) for layer in (first, second, concat, last))
        w_max, w_x = (half.contiguous() for half in w3.chunk(2, dim=1))

        def apply(x: Tensor) -> Tensor:
            x = norm1(multiply(x.to(dtype), w1, b1))
            x = multiply(torch.ops.aten.gelu_(x), w2, b2)
            y = multiply(x, w_x).add_(multiply(x.amax(dim=-2, keepdim=True), w_max, b3))
            return multiply(torch.ops.aten.gelu_(norm2(y)), w4, b4).amax(dim=-2)

        return apply


def max_pool(x: Float[Tensor, "... K D"]) -> Float[Tensor, "... D"]:
    """Maximum over the points of a group."""
    return cast(Tensor, _MaxPool.apply(x)) if torch.is_grad_enabled() else x.amax(dim=-2)


class _MaxPool(torch.autograd.Function):
    """amax whose backward is one pass; torch's also counts ties, which takes four times longer. Ties all get it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        largest = x.amax(dim=-2)
        ctx.save_for_backward(x, largest)
        return largest

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        x, largest = ctx.saved_tensors
        return torch.where(x == largest[..., None, :], grad[..., None, :], grad.new_zeros(()))


def encode_groups(
    net: PointNet, gather: Callable[[Int[Tensor, "B g K"], slice], Tensor], group_index: Int[Tensor, "B G K"]
) -> Float[Tensor, "B G D"]:
    """`net` over all groups, in chunks that keep activations in the cache and memory independent of G.

    Args:
        net: the PointNet.
        gather: (members of some groups [B, g, K], which groups) -> their features [B, g, K, C].
        group_index: members of each group.
    """
    batch, num_groups, size = group_index.shape
    if torch.is_grad_enabled():
        # Every activation is kept anyway, and chunks would only cost time.
        return cast(Tensor, net(gather(group_index, slice(0, num_groups))))
    device = group_index.device.type
    apply = net.prepare(matrix_dtype(device))
    step = max(1, chunk_points(_CHUNK, device) // (batch * size))
    parts = [slice(start, start + step) for start in range(0, num_groups, step)]
    return torch.cat([apply(gather(group_index[:, part], part)) for part in parts], dim=1)
