"""The vision transformer over tokens: EVA-02 and EVA giant blocks (Fang et al. 2023), without position tables.

Parameter names are timm's, so that published files load.
"""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from point_sam.model.config import ModelConfig
from point_sam.model.linear import Linear, multiply

_EPS = 1e-6
# Queries of a tile of attention: 512 x 2048 scores in bfloat16 are 2 MiB, the second-level caches of two cores.
_TILE = 512


class FusedAttention(nn.Module):
    """Self-attention with one qkv matrix and biases for q and v only."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = Linear(width, 3 * width, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(width))
        self.v_bias = nn.Parameter(torch.zeros(width))
        self.proj = Linear(width, width)

    def forward(self, x: Float[Tensor, "B G D"]) -> Float[Tensor, "B G D"]:
        bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        q, k, v = multiply(x, self.qkv.weight, bias).chunk(3, dim=-1)
        return cast(Tensor, self.proj(_attend(q, k, v, self.num_heads)))


class SplitAttention(nn.Module):
    """Self-attention with separate q, k and v; k has no bias."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q_proj = Linear(width, width)
        self.k_proj = Linear(width, width, bias=False)
        self.v_proj = Linear(width, width)
        self.proj = Linear(width, width)

    def forward(self, x: Float[Tensor, "B G D"]) -> Float[Tensor, "B G D"]:
        attended = _attend(self.q_proj(x), self.k_proj(x), self.v_proj(x), self.num_heads)
        return cast(Tensor, self.proj(attended))


def _attend(q: Tensor, k: Tensor, v: Tensor, num_heads: int) -> Tensor:
    if q.device.type == "cpu" and not torch.is_grad_enabled() and not torch.compiler.is_compiling():
        return _attend_in_tiles(q, k, v, num_heads)
    q, k, v = (t.unflatten(-1, (num_heads, -1)).transpose(1, 2) for t in (q, k, v))
    if q.device.type == "cpu" and torch.is_grad_enabled():
        # torch's fused CPU kernel saves memory that short training sequences do not need, and its backward takes
        # more than twice as long as that of the plain formula (measured at 256 to 768 tokens).
        attended = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).softmax(-1).to(v.dtype) @ v
    else:
        attended = F.scaled_dot_product_attention(q, k, v)
    return attended.transpose(1, 2).flatten(2)


def _attend_in_tiles(q: Tensor, k: Tensor, v: Tensor, num_heads: int) -> Tensor:
    """Attention head by head, a tile of queries at a time, by plain products of matrices.

    torch's fused CPU kernel takes over twice as long in bfloat16 and over one and a half times in float32
    (docs/performance.md), because its own products are slower than the library's.
    """
    attended = torch.empty_like(q)
    width = q.shape[-1] // num_heads
    q = q * width**-0.5
    for row in range(len(q)):
        for start in range(0, q.shape[-1], width):
            head = slice(start, start + width)
            keys, values = k[row, :, head].contiguous(), v[row, :, head].contiguous().t()
            for first in range(0, q.shape[1], _TILE):
                tile = slice(first, first + _TILE)
                scores = multiply(q[row, tile, head].contiguous(), keys)
                attended[row, tile, head] = multiply(torch.softmax(scores, -1, out=scores), values)
    return attended


class NormalizedSwiGLU(nn.Module):
    """EVA-02's MLP: fc2(norm(silu(fc1_g(x)) * fc1_x(x)))."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1_g = Linear(width, hidden)
        self.fc1_x = Linear(width, hidden)
        self.norm = nn.LayerNorm(hidden, eps=_EPS)
        self.fc2 = Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.fc2(self.norm(F.silu(self.fc1_g(x)) * self.fc1_x(x))))


class FusedSwiGLU(nn.Module):
    """The MLP of timm's small EVA-02 models: fc2(silu(a) * b), a and b the halves of fc1(x)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = Linear(width, 2 * hidden)
        self.fc2 = Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.fc1(x).chunk(2, dim=-1)
        return cast(Tensor, self.fc2(F.silu(gate) * value))


class GeluMLP(nn.Module):
    """EVA giant's MLP: fc2(gelu(fc1(x)))."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = Linear(width, hidden)
        self.fc2 = Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.fc2(F.gelu(self.fc1(x))))


_PARTS = {
    "eva02": (SplitAttention, NormalizedSwiGLU),
    "eva02_fused": (FusedAttention, FusedSwiGLU),
    "eva": (FusedAttention, GeluMLP),
}


class Block(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        attention, mlp = _PARTS[config.trunk]
        self.norm1 = nn.LayerNorm(config.width, eps=_EPS)
        self.attn = attention(config.width, config.num_heads)
        self.norm2 = nn.LayerNorm(config.width, eps=_EPS)
        self.mlp = mlp(config.width, config.mlp_width)

    def forward(self, x: Float[Tensor, "B G D"]) -> Float[Tensor, "B G D"]:
        x = x + self.attn(self.norm1(x))
        return cast(Tensor, x + self.mlp(self.norm2(x)))


class Transformer(nn.Module):
    """All blocks, then `fc_norm`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.fc_norm = nn.LayerNorm(config.width, eps=_EPS)

    def forward(self, x: Float[Tensor, "B G D"]) -> Float[Tensor, "B G D"]:
        for block in self.blocks:
            x = block(x)
        return cast(Tensor, self.fc_norm(x))
