"""Reading the cloud from files."""

from collections.abc import Iterator

from benchmarks.child import Conditions, Findings
from benchmarks.clouds import READ_SUFFIXES, prepare_file
from benchmarks.summary import Summary, table, time_cell
from benchmarks.tasks import PACKAGE, Plan, Task
from point_sam import load_pointcloud


def tasks(plan: Plan) -> Iterator[Task]:
    """Every size."""
    for points in plan.sizes:
        yield Task("read", PACKAGE, "", points)


def measure(task: Task, conditions: Conditions, findings: Findings) -> None:
    """Tells the seconds of `load_pointcloud` under each suffix; the file is in the system's cache."""
    for suffix in READ_SUFFIXES:
        findings.repeat(suffix, load_pointcloud, prepare_file(conditions.path, task.points, suffix), most=3)


def tables(summary: Summary, conditions: Conditions) -> Iterator[str]:
    """Sizes by suffixes."""
    sizes = summary.sizes("read", "")
    if not sizes:
        return
    suffixes = list(
        dict.fromkeys(f["measure"] for r in summary.records["read", PACKAGE, "", sizes[0]] for f in r.findings)
    )
    cells: list[list[str]] = [
        [f"{size:,}", *(time_cell(summary, ("read", PACKAGE, "", size), suffix, None) for suffix in suffixes)]
        for size in sizes
    ]
    yield f"## Reading a file with `load_pointcloud`\n\n{table(['points', *suffixes], cells)}"
