"""What the processes of a run have to agree on, through accelerate, and the wish to stop them."""

import os
import signal
import threading
from contextlib import AbstractContextManager
from types import FrameType
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn


@runtime_checkable
class Processes(Protocol):
    """What is used of `accelerate.Accelerator`.

    Attributes:
        num_processes: how many processes share the run.
        process_index: which one this is, from 0.
        is_main_process: whether it is the one that writes.
        device: where it computes.
    """

    num_processes: int
    process_index: int
    is_main_process: bool
    device: torch.device

    def reduce(self, tensor: Tensor, reduction: str = "sum") -> Any:
        """The sum over the processes, in each of them."""

    def wait_for_everyone(self) -> None:
        """Until every process is here."""

    def main_process_first(self) -> AbstractContextManager[None]:
        """A block that the other processes enter when the main one has left it."""


def start_processes(device: str | None = None) -> Processes:
    """This process among those that `accelerate launch` or `torchrun` started; the only one otherwise.

    Args:
        device: "cpu" keeps it off the GPUs; None takes the GPU of the process's number where there is one.

    Raises:
        ImportError: accelerate is not installed.
        ValueError: the device is neither, or the processes do not find each other.
    """
    try:
        from accelerate import Accelerator
    except ImportError as err:
        raise ImportError("training needs accelerate: pip install 'point-sam[train]'") from err
    if device not in (None, "cpu"):
        raise ValueError(
            f"device is {device!r}; training takes 'cpu' or every GPU it is given: choose with CUDA_VISIBLE_DEVICES"
        )
    # accelerate joins processes without a GPU only where it is told that they shall use none.
    on_cpu = device == "cpu" or not (torch.cuda.is_available() or torch.backends.mps.is_available())
    # Precision is no business of accelerate's here: run_rounds computes in autocast itself.
    processes: Processes = Accelerator(cpu=on_cpu, mixed_precision="no")
    launched = int(os.environ.get("WORLD_SIZE", "1"))
    if processes.num_processes != launched:
        raise ValueError(f"the launcher started {launched} processes, but accelerate joined {processes.num_processes}")
    return processes


def sum_gradients(processes: Processes, parameters: list[nn.Parameter], figures: Tensor) -> Tensor:
    """Give every process the sum of all processes' gradients, and of their `figures`, float32 on the run's device.

    `run_rounds` calls backward several times, so DistributedDataParallel, which sums in the hooks of one backward
    after one forward, would sum too often or wait for hooks that never fire. Gradients are therefore summed here, once
    per step, as one flat buffer.
    """
    if processes.num_processes == 1:
        return figures
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = processes.reduce(torch.cat([*(gradient.flatten() for gradient in gradients), figures]), reduction="sum")
    *parts, figures = flat.split([*(gradient.numel() for gradient in gradients), len(figures)])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))
    return figures


def gather(processes: Processes, values: list[Any]) -> list[Any]:
    """The values of all processes, in the order of the processes."""
    from accelerate.utils import gather_object

    return list(gather_object(values)) if processes.num_processes > 1 else values


class Interruption:
    """While this context lasts, the first Ctrl-C and every SIGTERM are noted; a second Ctrl-C interrupts at once.

    A launcher passes Ctrl-C on as SIGTERM besides the SIGINT that the terminal sends, so the two together are one wish.

    Attributes:
        requested: whether either came.
    """

    def __init__(self) -> None:
        self.requested = False
        self._pressed = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        # Only the main thread may set handlers; elsewhere (a notebook's worker, a test) the owner keeps his.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self._pressed:
            raise KeyboardInterrupt
        self._pressed |= number == signal.SIGINT
        self.requested = True
