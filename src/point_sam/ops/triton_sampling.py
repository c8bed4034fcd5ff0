"""Farthest point sampling on a CUDA GPU in one launch, one program per cloud, where Triton is installed."""

import functools
import importlib.util

import torch
from jaxtyping import Float, Int
from torch import Tensor

# Points that a program looks at together, eight for each of its threads.
_BLOCK, _WARPS = 8192, 32
# One program is one of a GPU's many multiprocessors. Beyond so many points a launch per sample on all of them should
# take less time; an estimate from their share of the memory bandwidth, not measured.
_MOST_POINTS = 1 << 18


def triton_available(points: Tensor) -> bool:
    """Whether `sample_triton` takes these points, and is the way to sample them."""
    return points.device.type == "cuda" and points.shape[1] <= _MOST_POINTS and _installed()


def sample_triton(points: Float[Tensor, "B N 3"], num_samples: int) -> Int[Tensor, "B G"]:
    """As `farthest_point_sample`."""
    from point_sam.ops.triton_kernels import sample_farthest

    batch, num_points, _ = points.shape
    columns = points.transpose(1, 2).contiguous()
    closest = torch.full((batch, num_points), torch.inf, dtype=points.dtype, device=points.device)
    chosen = torch.zeros((batch, num_samples), dtype=torch.int64, device=points.device)
    # Fused multiply-adds would round differently from the CPU, and choose other points where two are about equally far.
    settings = {"BLOCK": _BLOCK, "num_warps": _WARPS, "enable_fp_fusion": False}
    with torch.cuda.device_of(points):  # Triton launches on the current one
        sample_farthest[(batch,)](columns, closest, chosen, num_points, num_samples, **settings)
    return chosen


@functools.cache
def _installed() -> bool:
    return importlib.util.find_spec("triton") is not None
