"""The baseline: Point-SAM in straightforward PyTorch, as the paper (Zhou et al., ICLR 2025) reads.

The farthest points come from a loop of torch operations, neighbours from a full `torch.cdist` and `topk`, interpolation
is computed at every click, the mask PointNet runs over all groups with its concatenation, everything is float32 and
nothing is cut into chunks. A cloud is encoded once and kept between clicks. The weights are `point_sam`'s own, by name
(`load_weights`), and both give the same masks: tests/benchmarks/test_naive.py.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.naive_layers import PointNet, ThreeLayerMLP, Transformer, TwoWayTransformer
from point_sam import ModelConfig


class NaiveCloud(NamedTuple):
    """An encoded cloud: coords [1, N, 3], centers [1, G, 3], members of the groups [1, G, K], tokens [1, G, 256]."""

    coords: Tensor
    centers: Tensor
    groups: Tensor
    tokens: Tensor


class NaivePointSAM(nn.Module):
    """Point-SAM with the KNN tokenizer.

    Raises:
        ValueError: the configuration is of a Voronoi model.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        if config.tokenizer != "knn":
            raise ValueError(f"the naive model has no {config.tokenizer} tokenizer; use a knn variant")
        self.pc_encoder = CloudEncoder(config)
        self.point_encoder = PointEncoder()
        self.mask_encoder = MaskEncoder(config)
        self.mask_decoder = MaskDecoder()

    @torch.no_grad()
    def encode(self, coords: Tensor, rgb: Tensor, num_groups: int, group_size: int) -> NaiveCloud:
        """Encode coords [1, N, 3] in the unit ball with colours rgb [1, N, 3] in 0..255."""
        centers = gather(coords, farthest_points(coords, num_groups))
        groups = nearest_points(centers, coords, group_size)[1]
        tokens = self.pc_encoder(coords, rgb / 255 * 2 - 1, centers, groups)
        return NaiveCloud(coords, centers, groups, tokens)

    @torch.no_grad()
    def predict(
        self, cloud: NaiveCloud, points: Tensor, labels: Tensor, mask_logits: Tensor | None = None, *, multimask: bool
    ) -> tuple[Tensor, Tensor]:
        """Logits [M, C, N] and predicted IoUs [M, C] for M prompts.

        Args:
            cloud: what `encode` gave.
            points: clicks [M, K, 3] in the unit ball.
            labels: [M, K], 1 on the object, 0 off it.
            mask_logits: [M, N] of an earlier answer, or None.
            multimask: three candidates instead of one mask.
        """
        rows = len(points)
        tokens = cloud.tokens + (
            self.mask_encoder.no_mask_embed.weight[None]
            if mask_logits is None
            else self.mask_encoder(cloud, mask_logits)
        )
        centers_pe = self.point_encoder.pe_layer(cloud.centers).expand(rows, -1, -1)
        prompts = self.point_encoder(points, labels)
        logits, scores = self.mask_decoder(cloud, tokens.expand(rows, -1, -1), centers_pe, prompts)
        wanted = slice(1, 4) if multimask else slice(0, 1)
        return logits[:, wanted], scores[:, wanted]


def load_weights(config: ModelConfig, weights: dict[str, Tensor]) -> NaivePointSAM:
    """The naive model over the same tensors, without a copy.

    Args:
        config: the architecture.
        weights: `PointSAMModel(config).state_dict()`.

    Raises:
        RuntimeError: the weights do not fit the architecture.
    """
    with torch.device("meta"):
        model = NaivePointSAM(config)
    model.load_state_dict(weights, assign=True)
    return model.eval()


def farthest_points(coords: Tensor, count: int) -> Tensor:
    """Indices [B, count] of points of coords [B, N, 3], from point 0 on each the farthest from those before it."""
    count = min(count, coords.shape[1])
    chosen = torch.zeros(len(coords), count, dtype=torch.int64, device=coords.device)
    distance = torch.full(coords.shape[:2], torch.inf, device=coords.device)
    for step in range(1, count):
        last = gather(coords, chosen[:, step - 1 : step])
        distance = torch.minimum(distance, ((coords - last) ** 2).sum(-1))
        chosen[:, step] = distance.argmax(dim=1)
    return chosen


def nearest_points(query: Tensor, coords: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Distances and indices [B, M, k] of the k nearest of coords [B, N, 3] to each query [B, M, 3]."""
    found = torch.cdist(query, coords).topk(min(k, coords.shape[1]), largest=False)
    return found.values, found.indices


def interpolation(coords: Tensor, centers: Tensor) -> tuple[Tensor, Tensor]:
    """The three centres nearest to each point and their weights, one over the squared distance, summing to one."""
    distance, index = nearest_points(coords, centers, 3)
    weight = 1 / distance.square().clamp_min(1e-8)
    return index, weight / weight.sum(-1, keepdim=True)


def gather(values: Tensor, index: Tensor) -> Tensor:
    """values[b, index[b, ...]] of values [B, N, D]."""
    batch = torch.arange(len(values), device=values.device).view(-1, *[1] * (index.ndim - 1))
    return values[batch, index]


class PatchEmbed(nn.Module):
    """[xyz - centre, colour] of each group -> PointNet."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.patch_encoder = PointNet(6, config.patch_widths)

    def forward(self, coords: Tensor, colors: Tensor, centers: Tensor, groups: Tensor) -> Tensor:
        offsets = gather(coords, groups) - centers[:, :, None]
        return self.patch_encoder(torch.cat([offsets, gather(colors, groups)], dim=-1))


class CloudEncoder(nn.Module):
    """Tokenizer, positions, transformer, projection."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(config)
        self.patch_proj = nn.Linear(config.patch_widths[-1], config.width)
        self.pos_embed = nn.Sequential(nn.Linear(3, 128), nn.GELU(), nn.Linear(128, config.width))
        self.transformer = Transformer(config)
        self.out_proj = nn.Linear(config.width, 256)

    def forward(self, coords: Tensor, colors: Tensor, centers: Tensor, groups: Tensor) -> Tensor:
        tokens = self.patch_proj(self.patch_embed(coords, colors, centers, groups))
        return self.out_proj(self.transformer(tokens + self.pos_embed(centers)))


class FourierEncoding(nn.Module):
    """sin and cos of 2 pi x B."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(3, 128))

    def forward(self, coords: Tensor) -> Tensor:
        angle = 2 * math.pi * (coords @ self.positional_encoding_gaussian_matrix)
        return torch.cat([angle.sin(), angle.cos()], dim=-1)


class PointEncoder(nn.Module):
    """Clicks: the encoding of the place plus that of the sign."""

    def __init__(self) -> None:
        super().__init__()
        self.pe_layer = FourierEncoding()
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, 256) for _ in range(2))

    def forward(self, points: Tensor, labels: Tensor) -> Tensor:
        signs = torch.cat(
            [embedding(torch.zeros(1, dtype=torch.int64, device=points.device)) for embedding in self.point_embeddings]
        )
        return self.pe_layer(points) + signs[labels]


class MaskEncoder(nn.Module):
    """[xyz - centre, logit] of each group -> PointNet."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.no_mask_embed = nn.Embedding(1, 256)
        self.patch_encoder = PointNet(4, config.mask_widths)

    def forward(self, cloud: NaiveCloud, logits: Tensor) -> Tensor:
        offsets = gather(cloud.coords, cloud.groups) - cloud.centers[:, :, None]
        rows = len(logits)
        values = gather(logits[..., None], cloud.groups.expand(rows, -1, -1))
        return self.patch_encoder(torch.cat([offsets.expand(rows, -1, -1, -1), values], dim=-1))


class MaskDecoder(nn.Module):
    """Two-way transformer, interpolation to every point, upscaling, one hypernetwork per mask, IoU head."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer = TwoWayTransformer(256)
        self.iou_token = nn.Embedding(1, 256)
        self.mask_tokens = nn.Embedding(4, 256)
        self.output_upscaling = nn.Sequential(
            nn.Linear(256, 256), nn.LayerNorm(256), nn.GELU(), nn.Linear(256, 256), nn.GELU()
        )
        self.output_hypernetworks_mlps = nn.ModuleList(ThreeLayerMLP(256, 256) for _ in range(4))
        self.iou_prediction_head = ThreeLayerMLP(256, 4)

    def forward(self, cloud: NaiveCloud, tokens: Tensor, centers_pe: Tensor, prompts: Tensor) -> tuple[Tensor, Tensor]:
        learned = torch.cat([self.iou_token.weight, self.mask_tokens.weight]).expand(len(prompts), -1, -1)
        queries, keys = self.transformer(tokens, centers_pe, torch.cat([learned, prompts], dim=1))
        index, weight = interpolation(cloud.coords, cloud.centers)
        rows = len(prompts)
        features = (gather(keys, index.expand(rows, -1, -1)) * weight[..., None]).sum(dim=2)
        features = self.output_upscaling(features)
        kernels = torch.stack([mlp(queries[:, 1 + i]) for i, mlp in enumerate(self.output_hypernetworks_mlps)], dim=1)
        return kernels @ features.transpose(1, 2), self.iou_prediction_head(queries[:, 0])
