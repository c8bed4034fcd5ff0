"""What the machine can do at best, to hold the figures against: matrix products and copies."""

from collections.abc import Callable, Iterator

import torch

from benchmarks.child import Conditions, Findings
from benchmarks.summary import OPERATIONS, Cell, Summary, table
from benchmarks.tasks import PACKAGE, Plan, Task

MOST_RUNS = 10


def tasks(plan: Plan) -> Iterator[Task]:
    """One."""
    yield Task("limits", PACKAGE, "", 0)


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


def tables(summary: Summary, conditions: Conditions) -> Iterator[str]:
    """What share of it the stages reach."""
    limit: Cell = ("limits", PACKAGE, "", 0)
    if limit not in summary.records:
        return
    best = {name: summary.value(limit, f"matmul {name}", "rate") for name in ("float32", "bfloat16")}
    copy = summary.value(limit, "copy", "rate")
    lines = []
    for model in summary.models("stages"):
        for points in summary.sizes("stages", model):
            for who in summary.names("stages", model, points=points):
                cell = ("stages", who, model, points)
                for operation, name in OPERATIONS.items():
                    flops = summary.value(cell, f"{operation}/flops", "count")
                    seconds = summary.value(cell, f"{operation}/all")
                    if flops and seconds:
                        shares = [f"{flops / seconds / rate:.0%}" if rate else "-" for rate in best.values()]
                        rates = [f"{flops / 1e9:.3g}", f"{flops / seconds / 1e12:.3g}"]
                        lines.append([f"{model}, {points:,}", who, name, *rates, *shares])
    head = ["", "", "", "GFLOP", "TFLOP/s", "of float32 products", "of bfloat16 products"]
    measured = ", ".join(f"{name} {rate / 1e12:.3g} TFLOP/s" for name, rate in best.items() if rate)
    note = f"Here one large product of matrices reaches: {measured}; a copy moves {(copy or 0) / 1e9:.3g} GB/s."
    yield "\n\n".join(["## Matrix throughput", *([table(head, lines)] if lines else []), note])
