"""What the machine can do at best, to hold the figures against: matrix products and copies."""

from collections.abc import Callable

import torch

from benchmarks.child import Conditions, Findings
from benchmarks.tasks import Task

MOST_RUNS = 10


def measure(task: Task, conditions: Conditions, findings: Findings) -> None:
    """Tells "matmul float32" and "matmul bfloat16" (flops a second) and "copy" (bytes read and written a second)."""
    on_gpu = conditions.device.startswith("cuda")
    side = 8192 if on_gpu else 1024
    for dtype in (torch.float32, torch.bfloat16):
        x = torch.randn(side, side, device=conditions.device).to(dtype)
        seconds = _best(findings, torch.matmul, x, x)
        findings.tell(f"matmul {str(dtype).removeprefix('torch.')}", rate=2 * side**3 / seconds)
    source = torch.zeros((1 << 30) if on_gpu else (1 << 28), dtype=torch.uint8, device=conditions.device)
    target = torch.empty_like(source)
    findings.tell("copy", rate=2 * source.numel() / _best(findings, target.copy_, source))


def _best(findings: Findings, call: Callable[..., object], *arguments: object) -> float:
    call(*arguments)
    seconds = []
    for _ in range(MOST_RUNS):
        start = findings.now()
        call(*arguments)
        seconds.append(findings.now() - start)
    return min(seconds)
