"""SAM's two-way transformer (Kirillov et al. 2023): prompt tokens and cloud tokens attend to each other."""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from point_sam.model.linear import Linear


class Attention(nn.Module):
    """Multi-head attention whose inner width may be narrower than its tokens."""

    def __init__(self, width: int, num_heads: int, inner: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q_proj = Linear(width, inner)
        self.k_proj = Linear(width, inner)
        self.v_proj = Linear(width, inner)
        self.out_proj = Linear(inner, width)

    def forward(
        self, q: Float[Tensor, "B Q D"], k: Float[Tensor, "B S D"], v: Float[Tensor, "B S D"]
    ) -> Float[Tensor, "B Q D"]:
        q, k, v = (
            t.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for t in (self.q_proj(q), self.k_proj(k), self.v_proj(v))
        )
        if not torch.is_grad_enabled():
            attended = F.scaled_dot_product_attention(q, k, v)
        else:
            # One side is a handful of prompt tokens: the scores are small, and torch's fused kernels (made for long
            # sequences and wide heads) take six times longer here with a backward pass, measured on a CPU.
            scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
            attended = scores.softmax(-1).to(v.dtype) @ v
        return cast(Tensor, self.out_proj(attended.transpose(1, 2).flatten(2)))


class TokenMLP(nn.Module):
    """Linear, ReLU, Linear."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.lin1 = Linear(width, hidden)
        self.lin2 = Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.lin2(F.relu(self.lin1(x))))


class TwoWayLayer(nn.Module):
    """Self-attention of the queries, queries to cloud, MLP, cloud to queries; a norm after each."""

    def __init__(self, width: int, num_heads: int, mlp_width: int, *, is_first: bool) -> None:
        super().__init__()
        self.is_first = is_first
        self.self_attn = Attention(width, num_heads, width)
        self.norm1 = nn.LayerNorm(width)
        self.cross_attn_token_to_image = Attention(width, num_heads, width // 2)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = TokenMLP(width, mlp_width)
        self.norm3 = nn.LayerNorm(width)
        self.norm4 = nn.LayerNorm(width)
        self.cross_attn_image_to_token = Attention(width, num_heads, width // 2)

    def forward(self, queries: Tensor, keys: Tensor, query_pe: Tensor, key_pe: Tensor) -> tuple[Tensor, Tensor]:
        if self.is_first:
            queries = self.self_attn(queries, queries, queries)
        else:
            placed = queries + query_pe
            queries = queries + self.self_attn(placed, placed, queries)
        queries = self.norm1(queries)
        placed_keys = keys + key_pe
        queries = self.norm2(queries + self.cross_attn_token_to_image(queries + query_pe, placed_keys, keys))
        queries = self.norm3(queries + self.mlp(queries))
        keys = self.norm4(keys + self.cross_attn_image_to_token(placed_keys, queries + query_pe, queries))
        return queries, keys


class TwoWayTransformer(nn.Module):
    """Two layers, then one more attention of the queries to the cloud."""

    def __init__(self, width: int, *, num_heads: int = 8, mlp_width: int = 2048, depth: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TwoWayLayer(width, num_heads, mlp_width, is_first=index == 0) for index in range(depth)
        )
        self.final_attn_token_to_image = Attention(width, num_heads, width // 2)
        self.norm_final_attn = nn.LayerNorm(width)

    def forward(
        self, cloud: Float[Tensor, "B G D"], cloud_pe: Float[Tensor, "B G D"], tokens: Float[Tensor, "B T D"]
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B G D"]]:
        queries, keys = tokens, cloud
        for layer in self.layers:
            queries, keys = layer(queries, keys, tokens, cloud_pe)
        attended = self.final_attn_token_to_image(queries + tokens, keys + cloud_pe, keys)
        return self.norm_final_attn(queries + attended), keys
