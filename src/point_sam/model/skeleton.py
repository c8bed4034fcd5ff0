"""Networks without values: names and shapes only, to be given weights."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

Network = TypeVar("Network", bound=nn.Module)


def without_values(make: Callable[[], Network]) -> Network:
    """The module that `make` makes, on the meta device: it takes no memory, however large, and no time.

    torch.nn.init is left out. Drawing normal numbers that nobody will see makes torch import its compiler, which is
    0.1 GB and more where Triton is installed.
    """
    with torch.device("meta"), _NoInitialisation():
        return make()


class _NoInitialisation(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)
