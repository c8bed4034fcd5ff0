"""How inference runs: the precision of matrix products, the size of chunks."""

from typing import cast

import torch
from torch import Tensor, nn

# A GPU has no cache to stay in and wants large products: chunks as many times longer than a CPU's.
_GPU_FACTOR = 32


def chunk_points(cpu_points: int, device_type: str) -> int:
    """Points per chunk on a device, from what suits the cache of a CPU."""
    return cpu_points if device_type == "cpu" else _GPU_FACTOR * cpu_points


def matrix_dtype(device_type: str) -> torch.dtype:
    """What autocast multiplies in on that kind of device; float32 without autocast.

    Loops over chunks cast their weights to it once: autocast would cast them again for every chunk.
    """
    if torch.is_autocast_enabled(device_type):
        return torch.get_autocast_dtype(device_type)
    return torch.float32


def cast_linear(layer: nn.Module, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Weight and bias of a Linear in that type."""
    linear = cast(nn.Linear, layer)
    return linear.weight.to(dtype), linear.bias.to(dtype)
