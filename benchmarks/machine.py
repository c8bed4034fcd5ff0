"""The machine that figures belong to, its memory as the operating system counts it, and its clock."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[1]


def describe_machine(device: str) -> dict[str, Any]:
    """Processor, cores, memory, GPU and versions, JSON values."""
    from point_sam.evaluation.environment import describe_environment

    known = describe_environment()
    gpu = torch.cuda.get_device_name(device) if device.startswith("cuda") else None
    return {**known, "gpu": gpu, "memory_gb": round(physical_bytes() / 1e9, 1), "device": device}


def revision() -> str:
    """The last commit in this clone that changed package or benchmarks; empty outside a clone.

    A plus stands for changes since.
    """
    sources = ("--", "src", "benchmarks")

    def git(*arguments: str) -> str:
        try:
            run = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        except OSError:  # there is no git
            return ""
        return run.stdout.strip() if run.returncode == 0 else ""

    return git("log", "-1", "--format=%h", "--abbrev=10", *sources) + (
        "+" if git("status", "--porcelain", *sources) else ""
    )


def physical_bytes() -> int:
    """Memory of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def limit_memory(limit: int) -> None:
    """Make allocations beyond `limit` bytes fail in this process, instead of the machine."""
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def pin_threads(threads: int) -> None:
    """Keep this process to so many cores; before torch starts its threads."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    torch.set_num_threads(threads)


def peak_bytes() -> int:
    """Peak resident memory of this process."""
    value = _status("VmHWM")
    if value is not None:  # Linux's getrusage also counts what the parent held when it started us
        return value
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def resident_bytes() -> int:
    """Resident memory of this process now; its peak so far where only Linux would tell."""
    value = _status("VmRSS")
    return peak_bytes() if value is None else value


class Gauge:
    """Peak memory above that at the gauge's start, of the GPU if `device` is one, else of this process."""

    def __init__(self, device: str) -> None:
        self.on_gpu = device.startswith("cuda")
        if self.on_gpu:
            torch.cuda.reset_peak_memory_stats()
        self.start = torch.cuda.memory_allocated() if self.on_gpu else resident_bytes()

    def peak(self) -> int:
        """Bytes; not below zero."""
        return max(0, (torch.cuda.max_memory_allocated() if self.on_gpu else peak_bytes()) - self.start)


def stopwatch(device: str) -> Callable[[], float]:
    """A clock in seconds that waits for the GPU if `device` is one."""

    def now() -> float:
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        return time.perf_counter()

    return now


def _status(field: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:  # only Linux has that file
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), None)
