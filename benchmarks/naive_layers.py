"""The layers of the naive Point-SAM, written as the papers give them; names are those of the published weights.

Nothing here is imported from `point_sam`, so that a faster layer there never makes the baseline faster.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from point_sam import ModelConfig


class PointNet(nn.Module):
    """Shared MLP, max, the max concatenated to every point, shared MLP, max."""

    def __init__(self, in_channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        first, second, out = widths
        self.conv1 = nn.Sequential(
            nn.Linear(in_channels, first), nn.LayerNorm(first), nn.GELU(), nn.Linear(first, first)
        )
        self.conv2 = nn.Sequential(
            nn.Linear(2 * first, second), nn.LayerNorm(second), nn.GELU(), nn.Linear(second, out)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, G, K, C] -> [B, G, D]."""
        x = self.conv1(x)
        pooled = x.max(dim=2, keepdim=True).values.expand_as(x)
        return self.conv2(torch.cat([pooled, x], dim=-1)).max(dim=2).values


class SelfAttention(nn.Module):
    """Attention of a trunk block: separate q, k, v (EVA-02), or one matrix with biases for q and v."""

    def __init__(self, width: int, num_heads: int, *, fused: bool) -> None:
        super().__init__()
        self.num_heads, self.fused = num_heads, fused
        if fused:
            self.qkv = nn.Linear(width, 3 * width, bias=False)
            self.q_bias = nn.Parameter(torch.zeros(width))
            self.v_bias = nn.Parameter(torch.zeros(width))
        else:
            self.q_proj = nn.Linear(width, width)
            self.k_proj = nn.Linear(width, width, bias=False)
            self.v_proj = nn.Linear(width, width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        if self.fused:
            bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
            q, k, v = F.linear(x, self.qkv.weight, bias).chunk(3, dim=-1)
        else:
            q, k, v = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        return self.proj(attend(q, k, v, self.num_heads))


class GatedMLP(nn.Module):
    """EVA-02's MLP: SwiGLU with a norm inside."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1_g = nn.Linear(width, hidden)
        self.fc1_x = nn.Linear(width, hidden)
        self.norm = nn.LayerNorm(hidden, eps=1e-6)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.norm(F.silu(self.fc1_g(x)) * self.fc1_x(x)))


class PlainMLP(nn.Module):
    """SwiGLU from one matrix (small EVA-02 trunks), or GELU (EVA giant)."""

    def __init__(self, width: int, hidden: int, *, gated: bool) -> None:
        super().__init__()
        self.gated = gated
        self.fc1 = nn.Linear(width, 2 * hidden if gated else hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc1(x)
        if self.gated:
            gate, value = x.chunk(2, dim=-1)
            return self.fc2(F.silu(gate) * value)
        return self.fc2(F.gelu(x))


class Block(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width, eps=1e-6)
        self.attn = SelfAttention(config.width, config.num_heads, fused=config.trunk != "eva02")
        self.norm2 = nn.LayerNorm(config.width, eps=1e-6)
        if config.trunk == "eva02":
            self.mlp: nn.Module = GatedMLP(config.width, config.mlp_width)
        else:
            self.mlp = PlainMLP(config.width, config.mlp_width, gated=config.trunk == "eva02_fused")

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    """All blocks, then a norm."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.fc_norm = nn.LayerNorm(config.width, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return self.fc_norm(x)


class CrossAttention(nn.Module):
    """Attention of the two-way transformer."""

    def __init__(self, width: int, num_heads: int, inner: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q_proj = nn.Linear(width, inner)
        self.k_proj = nn.Linear(width, inner)
        self.v_proj = nn.Linear(width, inner)
        self.out_proj = nn.Linear(inner, width)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return self.out_proj(attend(self.q_proj(q), self.k_proj(k), self.v_proj(v), self.num_heads))


class TokenMLP(nn.Module):
    """Linear, ReLU, Linear."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(width, hidden)
        self.lin2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.lin2(F.relu(self.lin1(x)))


class TwoWayLayer(nn.Module):
    """SAM's decoder layer: tokens to tokens, tokens to cloud, MLP, cloud to tokens."""

    def __init__(self, width: int, *, is_first: bool) -> None:
        super().__init__()
        self.is_first = is_first
        self.self_attn = CrossAttention(width, 8, width)
        self.cross_attn_token_to_image = CrossAttention(width, 8, width // 2)
        self.cross_attn_image_to_token = CrossAttention(width, 8, width // 2)
        self.mlp = TokenMLP(width, 2048)
        self.norm1, self.norm2, self.norm3, self.norm4 = (nn.LayerNorm(width) for _ in range(4))

    def forward(self, queries: Tensor, keys: Tensor, query_pe: Tensor, key_pe: Tensor) -> tuple[Tensor, Tensor]:
        if self.is_first:
            queries = self.self_attn(queries, queries, queries)
        else:
            q = queries + query_pe
            queries = queries + self.self_attn(q, q, queries)
        queries = self.norm1(queries)
        queries = self.norm2(queries + self.cross_attn_token_to_image(queries + query_pe, keys + key_pe, keys))
        queries = self.norm3(queries + self.mlp(queries))
        keys = self.norm4(keys + self.cross_attn_image_to_token(keys + key_pe, queries + query_pe, queries))
        return queries, keys


class TwoWayTransformer(nn.Module):
    """Two layers, then one more attention of the tokens to the cloud."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TwoWayLayer(width, is_first=i == 0) for i in range(2))
        self.final_attn_token_to_image = CrossAttention(width, 8, width // 2)
        self.norm_final_attn = nn.LayerNorm(width)

    def forward(self, cloud: Tensor, cloud_pe: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        queries, keys = tokens, cloud
        for layer in self.layers:
            queries, keys = layer(queries, keys, tokens, cloud_pe)
        attended = self.final_attn_token_to_image(queries + tokens, keys + cloud_pe, keys)
        return self.norm_final_attn(queries + attended), keys


class ThreeLayerMLP(nn.Module):
    """Three Linear with ReLU between."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, out)])

    def forward(self, x: Tensor) -> Tensor:
        return self.layers[2](F.relu(self.layers[1](F.relu(self.layers[0](x)))))


def attend(q: Tensor, k: Tensor, v: Tensor, num_heads: int) -> Tensor:
    """Scaled dot-product attention of [B, S, D] tensors, by torch's own fused kernel."""
    q, k, v = (x.unflatten(-1, (num_heads, -1)).transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
