"""Files of tensors: safetensors, and PyTorch's own format read without running any code in it."""

import json
import pickle
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from point_sam.atomic import replacing
from point_sam.checkpoints.errors import CheckpointError
from point_sam.messages import first_line

SAFETENSORS_SUFFIX = ".safetensors"
PICKLE_SUFFIXES = (".pt", ".pth", ".bin")
WEIGHT_SUFFIXES = (SAFETENSORS_SUFFIX, *PICKLE_SUFFIXES)

_DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
# Keys under which training scripts nest their weights, and the prefix that DataParallel adds.
_NESTS = ("model", "state_dict")
_PARALLEL = "module."


def read_weights(path: Path) -> tuple[dict[str, tuple[int, ...]], Iterator[tuple[str, Tensor]]]:
    """Shapes by name, and an iterator over names and values, float32 on the CPU.

    Shapes come from the header of a safetensors file alone. Its values are read, not mapped: overwriting the file
    later cannot change or crash a running model, and memory never holds more than the tensors given out.

    Raises:
        CheckpointError: the file cannot be read; from the iterator: a tensor is not of floating point or not finite.
    """
    if path.suffix == SAFETENSORS_SUFFIX:
        entries, start = _header(path)
        shapes = {name: tuple(entry["shape"]) for name, entry in entries.items()}
        values = _read_safetensors(path, entries, start)
    else:
        tensors = _read_pickle(path)
        shapes = {name: tuple(value.shape) for name, value in tensors.items()}
        values = iter(tensors.items())
    prefix = _PARALLEL if all(name.startswith(_PARALLEL) for name in shapes) else ""
    return {k.removeprefix(prefix): v for k, v in shapes.items()}, _checked(path, values, prefix)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write safetensors so that `path` always names a complete file: the old one or the new one.

    Raises:
        FileNotFoundError: the folder does not exist.
    """
    with replacing(path) as temporary:
        save_file(dict(tensors), temporary, metadata=dict(metadata))


def _checked(path: Path, values: Iterator[tuple[str, Tensor]], prefix: str) -> Iterator[tuple[str, Tensor]]:
    for name, value in values:
        if not value.is_floating_point():
            raise CheckpointError(f"{path}: tensor {name} is {value.dtype}; weights must be of floating point")
        value = value.to(torch.float32)
        if not _is_finite(value):
            raise CheckpointError(f"{path}: tensor {name} holds NaN or infinity; the file is damaged or badly trained")
        yield name.removeprefix(prefix), value


def _is_finite(value: Tensor) -> bool:
    # Extremes, NaN among them, need no temporary copy. Copies as large as the weights, between the weights, leave holes
    # in the heap that glibc does not fill again: 0.4 GB with `large`.
    return value.numel() == 0 or bool(torch.isfinite(torch.stack(value.aminmax())).all())


def _read_pickle(path: Path) -> dict[str, Tensor]:
    """The tensors of a file written by torch.save, with nests taken off.

    Raises:
        CheckpointError: the file is damaged, needs code to be read, or holds no tensors by name.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as err:
        raise CheckpointError(
            f"{path}: not a file of plain tensors (reading anything else could run code hidden in it); "
            f"save its state_dict() as safetensors"
        ) from err
    except OSError:
        raise
    # A damaged archive or pickle surfaces as almost any exception, depending on where the damage is.
    except Exception as err:
        raise CheckpointError(f"{path}: not a readable PyTorch file ({first_line(err)})") from err
    for nest in _NESTS:
        if isinstance(content, dict) and isinstance(content.get(nest), dict):
            content = content[nest]
    if not isinstance(content, dict) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise CheckpointError(
            f"{path}: holds no dictionary of tensors, neither directly nor under {' or '.join(map(repr, _NESTS))}"
        )
    return {str(name): value for name, value in content.items()}


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The entry of each tensor and where in the file their data begin, after the library has checked both."""
    try:
        # The library refuses overlapping, missing or overlong data, wrong sizes and headers above 100 MB.
        with safe_open(path, framework="pt"), open(path, "rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            entries = json.loads(file.read(length))
    except (SafetensorError, ValueError, struct.error) as err:
        raise CheckpointError(
            f"{path}: not a complete safetensors file ({first_line(err)}); download or write it again"
        ) from err
    entries.pop("__metadata__", None)
    for name, entry in entries.items():
        if entry["dtype"] not in _DTYPES:
            raise CheckpointError(f"{path}: tensor {name} is {entry['dtype']}; known: {', '.join(_DTYPES)}")
    if not entries:
        raise CheckpointError(f"{path}: holds no tensors")
    return entries, 8 + length


def _read_safetensors(path: Path, entries: dict[str, Any], start: int) -> Iterator[tuple[str, Tensor]]:
    with open(path, "rb") as file:
        for name, entry in sorted(entries.items(), key=lambda item: item[1]["data_offsets"][0]):
            value = torch.empty(entry["shape"], dtype=_DTYPES[entry["dtype"]])
            file.seek(start + entry["data_offsets"][0])
            _fill(file, value, path)
            yield name, value


def _fill(file: BinaryIO, value: Tensor, path: Path) -> None:
    if value.numel() == 0:
        return
    buffer = memoryview(value.view(-1).view(torch.uint8).numpy().data)
    if file.readinto(buffer) != len(buffer):  # type: ignore[attr-defined]
        raise CheckpointError(f"{path}: ended early; it was changed while being read")
