"""What distinguishes one Point-SAM from another: tokenizer, trunk and their sizes."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from point_sam.model.grouping import Grouping, check_count

Tokenizer = Literal["knn", "voronoi"]
# eva02: separate q, k, v and a normalised SwiGLU. eva02_fused: one qkv and a plain SwiGLU (timm's small EVA-02 models).
# eva: one qkv and a GELU MLP (EVA giant).
Trunk = Literal["eva02", "eva02_fused", "eva"]


@dataclass(frozen=True)
class ModelConfig:
    """One architecture.

    Attributes:
        tokenizer: "knn" (PointNet over the nearest neighbours of each centre) or "voronoi" (every point belongs to
            its nearest centre).
        trunk: kind of transformer block.
        width, depth, num_heads: of the trunk; `width` is a multiple of `num_heads`.
        mlp_width: hidden width of the trunk's MLP.
        num_groups, group_size, max_encoder_points: see `Grouping`; group_size is None for "voronoi".
        patch_widths: widths of the patch encoder. KNN: the two hidden widths of the PointNet and its output.
            Voronoi: the width of the residual blocks and the output.
        mask_widths: the same of the mask encoder; its output is always 256, the width of the decoder.
    """

    tokenizer: Tokenizer
    trunk: Trunk
    width: int
    depth: int
    num_heads: int
    mlp_width: int
    num_groups: int
    group_size: int | None
    patch_widths: tuple[int, ...] = (128, 512, 512)
    mask_widths: tuple[int, ...] = (128, 512, 256)
    max_encoder_points: int | None = None

    def __post_init__(self) -> None:
        if self.tokenizer not in ("knn", "voronoi"):
            raise ValueError(f'tokenizer is {self.tokenizer!r}; it must be "knn" or "voronoi"')
        if self.trunk not in ("eva02", "eva02_fused", "eva"):
            raise ValueError(f'trunk is {self.trunk!r}; it must be "eva02", "eva02_fused" or "eva"')
        for name in ("width", "depth", "num_heads", "mlp_width"):
            check_count(name, getattr(self, name), least=1)
        if self.width % self.num_heads:
            raise ValueError(f"width {self.width} is not a multiple of num_heads {self.num_heads}")
        if (self.group_size is None) != (self.tokenizer == "voronoi"):
            raise ValueError("group_size belongs to the knn tokenizer, and only to it")
        _ = self.grouping  # checks itself
        wanted = 3 if self.tokenizer == "knn" else 2
        for name in ("patch_widths", "mask_widths"):
            widths = getattr(self, name)
            if len(widths) != wanted or not all(isinstance(width, int) and width >= 1 for width in widths):
                raise ValueError(f"{name} of a {self.tokenizer} tokenizer is {wanted} positive whole numbers")

    @property
    def grouping(self) -> Grouping:
        """Of a cloud, unless the caller says otherwise."""
        return Grouping(self.num_groups, self.group_size, self.max_encoder_points)

    @staticmethod
    def preset(name: str) -> "ModelConfig":
        """The architecture of that name.

        Raises:
            ValueError: no preset has that name.
        """
        if name not in PRESETS:
            raise ValueError(f"no model variant is called {name!r}; known: {', '.join(PRESETS)}")
        return PRESETS[name]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as written to config.json."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "ModelConfig":
        """The inverse of `to_dict`.

        Raises:
            ValueError: a key is unknown or missing, or a value is out of range.
        """
        known = {field.name for field in fields(ModelConfig)}
        if set(values) - known:
            raise ValueError(f"unknown model settings: {', '.join(sorted(set(values) - known))}")
        try:
            settings: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
            return ModelConfig(**settings)
        except TypeError as err:
            raise ValueError(f"incomplete model settings: {err}") from err


_VORONOI_PATCH, _VORONOI_MASK = (256, 512), (1024, 256)
_BASE: tuple[Trunk, int, int, int, int] = ("eva02", 768, 12, 12, 2048)
_LARGE: tuple[Trunk, int, int, int, int] = ("eva02", 1024, 24, 16, 2730)
_GIANT: tuple[Trunk, int, int, int, int] = ("eva", 1408, 40, 16, 6144)

PRESETS: dict[str, ModelConfig] = {
    # Ours; narrower PointNets than upstream's, because its tokens see 16 points each and clicks must be quick. 16 of
    # more than some ten thousand points are a smaller patch than it was trained with (docs/tiny.md).
    "tiny": ModelConfig(
        "knn",
        "eva02_fused",
        192,
        8,
        3,
        512,
        1024,
        16,
        patch_widths=(128, 256, 256),
        mask_widths=(64, 128, 256),
        max_encoder_points=8192,
    ),
    "base": ModelConfig("knn", *_BASE, 512, 64),
    "large": ModelConfig("knn", *_LARGE, 1024, 256),
    "giant": ModelConfig("knn", *_GIANT, 512, 64),
    "voronoi_large": ModelConfig("voronoi", *_LARGE, 1024, None, _VORONOI_PATCH, _VORONOI_MASK),
    "voronoi_giant": ModelConfig("voronoi", *_GIANT, 1024, None, _VORONOI_PATCH, _VORONOI_MASK),
    # Upstream with timm's eva02_tiny trunk: small enough to compare with the original in every test run.
    "knn_small": ModelConfig("knn", "eva02_fused", 192, 12, 3, 512, 256, 32),
    "voronoi_small": ModelConfig("voronoi", "eva02_fused", 192, 12, 3, 512, 256, None, _VORONOI_PATCH, _VORONOI_MASK),
}
