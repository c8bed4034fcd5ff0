"""Devices and the precisions they are fast in."""

import torch

PRECISIONS = ("float32", "bfloat16", "auto")


def choose_device(device: str | torch.device | None) -> torch.device:
    """The device of that name; None takes CUDA where there is a GPU, else the CPU.

    Raises:
        ValueError: torch does not know the device, or cannot use it here.
    """
    if device is None:
        return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as err:
        raise ValueError(f"device {device!r} is unknown; use 'cpu', 'cuda', 'cuda:1' or 'mps'") from err
    if chosen.type == "cuda":
        count = torch.cuda.device_count()
        if count == 0:
            raise ValueError(f"device {str(chosen)!r}: torch {torch.__version__} sees no CUDA GPU; use device='cpu'")
        chosen = torch.device("cuda", torch.cuda.current_device() if chosen.index is None else chosen.index)
        if chosen.index >= count:
            raise ValueError(f"device {str(chosen)!r}: there are {count} CUDA GPUs, numbered from 0")
    elif chosen.type == "mps":
        if not torch.backends.mps.is_available():
            raise ValueError(f"device {str(chosen)!r}: torch {torch.__version__} sees no Apple GPU; use device='cpu'")
        chosen = torch.device("mps", 0)  # as tensors there name it: "mps" alone would compare as another device
    elif chosen.type not in ("cpu", "mps"):
        raise ValueError(f"device {str(chosen)!r} is not supported; use 'cpu', 'cuda' or 'mps'")
    return chosen


def choose_precision(precision: str, device: torch.device) -> torch.dtype:
    """The type that matrix products run in.

    Args:
        precision: "float32", "bfloat16", or "auto": bfloat16 where the hardware multiplies it natively.
        device: where the network runs.

    Raises:
        ValueError: the precision is unknown.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; use {', '.join(map(repr, PRECISIONS))}")
    if precision == "auto":
        return torch.bfloat16 if _multiplies_bfloat16(device) else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        # AVX-512 BF16 or AMX. torch has no public question for either; versions without these answer no.
        questions = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, question, lambda: False)() for question in questions)
    return False


def keep_freed_memory() -> None:
    """Let the C library keep up to some 64 MiB of freed memory for the next tensors instead of returning it.

    Returned memory comes back as zeroed pages, a fault each, which takes longer than most elementwise operations on it.
    glibc raises its limits by itself once a program has freed a block as large as this one, which is never written to;
    other C libraries just take it back.
    """
    torch.empty(_LARGEST_KEPT, dtype=torch.uint8)


# glibc adapts to blocks of up to 32 MiB, and keeps twice as much.
_LARGEST_KEPT = 31 << 20
