"""A cloud after encoding: everything that prompts need, immutable, savable."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, UInt8
from safetensors import SafetensorError, safe_open
from torch import Tensor

from point_sam.checkpoints import write_tensors
from point_sam.messages import first_line
from point_sam.model import Geometry, Grouping

_FORMAT = "point_sam.EncodedCloud.2"
# What a file says beside its tensors: attributes, and the numbers of the grouping.
_GROUPING = tuple(field.name for field in fields(Grouping))
_SETTINGS = ("center", "scale", "normalized", *_GROUPING, "model_fingerprint", "cloud_fingerprint", "precision")


@dataclass(frozen=True, eq=False)
class EncodedCloud:
    """One encoded cloud. Several threads, sessions and servers may share it; nothing changes it.

    Attributes:
        geometry: centres, groups and interpolation, for a batch of one.
        embeddings: cloud tokens, float32.
        center, scale: coords_in_the_unit_ball = (coords - center) / scale.
        normalized: whether the cloud came with normalize=True, so that prompts are in its own units.
        grouping: as it was asked for.
        model_fingerprint: of the weights that encoded it. Other weights refuse it.
        cloud_fingerprint: of the coordinates and colours.
        rgb: colours, rounded; None where the cloud came without. A focus encodes a part of the cloud again with them.
        precision: of the matrix products that encoded it, "float32" or "bfloat16".
    """

    geometry: Geometry
    embeddings: Float[Tensor, "1 G 256"]
    center: Float64[np.ndarray, "3"]
    scale: float
    normalized: bool
    grouping: Grouping
    model_fingerprint: str
    cloud_fingerprint: str
    rgb: UInt8[np.ndarray, "N 3"] | None = None
    precision: str = "float32"

    def __post_init__(self) -> None:
        self.center.flags.writeable = False
        if self.rgb is not None:
            self.rgb.flags.writeable = False

    @property
    def num_points(self) -> int:
        """N."""
        return self.geometry.coords.shape[1]

    @property
    def num_groups(self) -> int:
        """Of the grouping."""
        return self.grouping.num_groups

    @property
    def group_size(self) -> int | None:
        """Of the grouping."""
        return self.grouping.group_size

    @property
    def max_encoder_points(self) -> int | None:
        """Of the grouping."""
        return self.grouping.max_encoder_points

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.embeddings.device

    @property
    def num_bytes(self) -> int:
        """Of the tensors and colours."""
        tensors = (self.embeddings, *vars(self.geometry).values())
        colors = 0 if self.rgb is None else self.rgb.nbytes
        return colors + sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def to(self, device: torch.device | str) -> "EncodedCloud":
        """The same on another device."""
        if self.device == torch.device(device):
            return self
        return replace(self, geometry=self.geometry.to(device), embeddings=self.embeddings.to(device))

    def is_of(self, coords: Any, rgb: Any = None) -> bool:
        """Whether it encodes these very coordinates and colours."""
        return self.cloud_fingerprint == fingerprint_cloud(coords, rgb)

    @property
    def coords(self) -> Float32[np.ndarray, "N 3"]:
        """The points in the unit ball."""
        unit: np.ndarray = self.geometry.coords[0].cpu().numpy()
        return unit

    def units(self) -> Float64[np.ndarray, "N 3"]:
        """The points in the units of prompts, which are the cloud's own."""
        return self.coords.astype(np.float64) * self.scale + self.center

    def _repr_png_(self) -> bytes:
        """For Jupyter: the cloud in its colours."""
        from point_sam.display import show

        return show(self.units(), self.rgb)._repr_png_()

    def save(self, path: str | Path) -> None:
        """Write one safetensors file, complete or not at all.

        It holds all that prompts and a focus need, 39 bytes per point and the tokens: who has it needs no other file.

        Raises:
            FileNotFoundError: the folder does not exist.
            OSError: it cannot be written, as on a full disk.
        """
        tensors = {
            name: (value.int() if value.dtype == torch.int64 else value).cpu().contiguous()
            for name, value in vars(self.geometry).items()
        }
        tensors["embeddings"] = self.embeddings.cpu()
        if self.rgb is not None:
            tensors["rgb"] = torch.tensor(self.rgb)
        settings = {name: getattr(self, name) for name in _SETTINGS}
        settings["center"] = self.center.tolist()
        metadata = {"format": _FORMAT, "settings": json.dumps(settings)}
        path = Path(path).expanduser()
        try:
            write_tensors(path, tensors, metadata)
        except SafetensorError as err:
            raise OSError(f"{path}: cannot be written: {_reason(err)}") from err

    @staticmethod
    def load(path: str | Path, *, device: torch.device | str = "cpu") -> "EncodedCloud":
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: no such file.
            ValueError: the file is damaged, or is no encoded cloud.
        """
        with _reading(path) as (file, settings):
            encoded = _assemble({name: _own(file.get_tensor(name)) for name in file.keys()}, settings)  # noqa: SIM118
        return encoded.to(device)


def read_settings(path: str | Path) -> dict[str, Any]:
    """What a file of `EncodedCloud.save` says of itself, without its tensors: milliseconds at any size.

    Returns:
        The attributes that are numbers and texts, by name, "center" as a list; also "num_points" and "color" (bool).

    Raises:
        FileNotFoundError, ValueError: as `EncodedCloud.load`.
    """
    with _reading(path) as (file, settings):
        settings["num_points"] = file.get_slice("coords").get_shape()[1]
        settings["color"] = "rgb" in file.keys()  # noqa: SIM118
        return settings


def is_encoded_file(path: str | Path) -> bool:
    """Whether the header of the file says that `EncodedCloud.save` wrote it, in this version or another."""
    try:
        with safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get("format", "").startswith(_FORMAT.rstrip("0123456789"))
    except (SafetensorError, OSError):
        return False


def fingerprint_cloud(coords: Any, rgb: Any = None) -> str:
    """Of coordinates and colours by value: the same for lists, numpy and torch, and for any integer colour type."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(np.ascontiguousarray(as_numpy(coords), np.float64).data)
    if rgb is not None:
        digest.update(b"rgb")
        digest.update(np.ascontiguousarray(as_numpy(rgb), np.float32).data)
    return digest.hexdigest()


def as_numpy(values: Any) -> np.ndarray:
    """Lists, numpy arrays and torch tensors of any device, as numpy."""
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        values = values.float() if values.dtype == torch.bfloat16 else values
        return values.numpy()
    return np.asarray(values)


@contextmanager
def _reading(path: str | Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The opened file and its settings; what goes wrong in the block is told as the file's fault."""
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != _FORMAT:
                raise ValueError(f"its format is {metadata.get('format')!r}, not {_FORMAT!r}")
            settings = json.loads(metadata["settings"])
            if set(settings) != set(_SETTINGS):
                raise ValueError("its settings are damaged")
            yield file, settings
    except (SafetensorError, ValueError, KeyError, TypeError) as err:
        raise ValueError(f"{path}: not a readable encoded cloud ({first_line(err)}); encode the cloud again") from err


def _own(value: Tensor) -> Tensor:
    """A copy, so that nothing that happens to the file later reaches the encoding; indices as torch wants them."""
    return value.long() if value.dtype == torch.int32 else value.clone()


def _reason(err: SafetensorError) -> str:
    """The system's words in place of the library's, which quotes them as "... (os error 28)"."""
    code = re.search(r"(?:os error|code:) (\d+)", str(err))
    return first_line(err) if code is None else os.strerror(int(code[1]))


def _assemble(tensors: dict[str, Tensor], settings: dict[str, Any]) -> EncodedCloud:
    embeddings = tensors.pop("embeddings")
    colors = tensors.pop("rgb", None)
    rgb = None if colors is None else colors.numpy()
    geometry = Geometry(**tensors)
    num_points, num_centers = geometry.coords.shape[1], geometry.centers.shape[1]
    knn = geometry.group_index.ndim == 3
    kind = {"coords": num_points, "interp_weight": num_points, "centers": num_centers}
    for name, count in kind.items():
        value = tensors[name]
        if value.dtype != torch.float32 or value.shape[:2] != (1, count) or not torch.isfinite(value).all():
            raise ValueError(f"{name} is damaged")
    neighbors = min(3, num_centers)
    wanted = {
        "center_index": ((1, num_centers), num_points),
        "interp_index": ((1, num_points, neighbors), num_centers),
        "group_index": ((1, num_centers, geometry.group_index.shape[-1]), num_points)
        if knn
        else ((1, num_points), num_centers),
    }
    for name, (shape, limit) in wanted.items():
        value = tensors[name]
        if value.dtype != torch.int64 or value.shape != shape or not ((value >= 0) & (value < limit)).all():
            raise ValueError(f"{name} is damaged")
    shapes = (geometry.coords.shape[2:], geometry.centers.shape[2:], geometry.interp_weight.shape[2:])
    if shapes != ((3,), (3,), (neighbors,)) or embeddings.shape != (1, num_centers, 256):
        raise ValueError("its shapes do not fit each other")
    if rgb is not None and (rgb.dtype != np.uint8 or rgb.shape != (num_points, 3)):
        raise ValueError("rgb is damaged")
    if embeddings.dtype != torch.float32 or not torch.isfinite(embeddings).all():
        raise ValueError("embeddings are damaged")
    center, scale = np.array(settings.pop("center"), np.float64), float(settings.pop("scale"))
    if center.shape != (3,) or not np.isfinite(center).all() or not (np.isfinite(scale) and scale > 0):
        raise ValueError("its center or scale is damaged")
    grouping = Grouping(**{name: settings.pop(name) for name in _GROUPING})
    return EncodedCloud(geometry, embeddings, center, scale, rgb=rgb, grouping=grouping, **settings)
