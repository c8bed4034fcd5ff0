"""Linear layers, multiplied by the fastest library at hand."""

import functools

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class Linear(nn.Linear):
    """`nn.Linear`; without gradients by `multiply`."""

    def forward(self, x: Float[Tensor, "... I"]) -> Float[Tensor, "... O"]:
        return multiply(x, self.weight, self.bias)


def multiply(
    x: Float[Tensor, "... I"], weight: Float[Tensor, "O I"], bias: Float[Tensor, " O"] | None = None
) -> Float[Tensor, "... O"]:
    """x @ weight.T + bias.

    In float32 on a CPU with AVX-512 and without gradients by oneDNN: torch gives these products to MKL, which took
    twice as long on an AMD EPYC (docs/performance.md). With AVX2 both are as fast, and MKL rounds half as much. In all
    other cases, under autocast and torch.compile too, as torch chooses.
    """
    if (
        not torch.compiler.is_compiling()
        and x.dtype == torch.float32
        and x.device.type == "cpu"
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and _has_onednn()
    ):
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return F.linear(x, weight, bias)


@functools.cache
def _has_onednn() -> bool:
    # The operator is what torch.compile makes of a Linear; torch has no public name for it.
    there = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    return there and "AVX512" in torch.backends.cpu.get_cpu_capability()
