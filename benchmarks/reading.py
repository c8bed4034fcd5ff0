"""Reading the cloud from files."""

from benchmarks.child import Conditions, Findings
from benchmarks.clouds import READ_SUFFIXES, prepare_file
from benchmarks.tasks import Task
from point_sam import load_pointcloud


def measure(task: Task, conditions: Conditions, findings: Findings) -> None:
    """Tells the seconds of `load_pointcloud` under each suffix; the file is in the system's cache."""
    for suffix in READ_SUFFIXES:
        findings.repeat(suffix, load_pointcloud, prepare_file(conditions.path, task.points, suffix), most=3)
