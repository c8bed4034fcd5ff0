"""Measure everything that the documentation says about speed and memory; write tables, plots and raw numbers.

    python -m benchmarks --data objects.npz            # hours; go on with the same command after an interruption
    python -m benchmarks --only speed --models tiny --sizes 10000 100000
    python -m benchmarks --quick                       # a minute, to see that it works

The package is measured against benchmarks/naive.py with the same weights on the same cloud, every contender, model and
size in a process of its own, in turns. OUT/records.jsonl holds what finished; OUT/benchmarks.md the tables and
OUT/benchmarks.json the raw numbers. Give a new --out after a change to the code.
"""

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import clouds, machine
from benchmarks.child import Conditions
from benchmarks.plots import draw_plots
from benchmarks.records import Records, run_child
from benchmarks.report import markdown
from benchmarks.rules import skip_reason
from benchmarks.settings import SETTINGS
from benchmarks.summary import Summary
from benchmarks.tasks import GROUPS, KINDS, Plan, Task
from point_sam.atomic import write_atomically
from point_sam.evaluation.plots import check_matplotlib

# Of the machine's memory; the rest is the system's and the parent's.
SHARE_OF_MEMORY = 0.85


def main() -> None:
    options = _options()
    check_matplotlib()
    _check(options)
    conditions = _conditions(options)
    about = {
        **machine.describe_machine(options.device),
        **conditions.decisive,
        "patience": options.patience,
        "revision": machine.revision(),
    }
    try:
        records = Records(options.out / "records.jsonl", about)
    except ValueError as err:
        sys.exit(str(err))
    failures = [] if options.report else _work(list(_plan(options, conditions).tasks()), records, conditions, options)
    summary = Summary(records.known.values())
    text = markdown(summary, about, conditions)
    _write(options.out / "benchmarks.md", text)
    raw = {"about": about, "records": [json.loads(record.to_json()) for record in records.known.values()]}
    _write(options.out / "benchmarks.json", json.dumps(raw) + "\n")
    draw_plots(summary, options.images or (options.out if options.quick else machine.ROOT / "docs" / "images"))
    print(text)
    if failures:
        sys.exit("\n".join([f"{len(failures)} of the processes failed and are done again next time:", *failures]))


def _work(tasks: list[Task], records: Records, conditions: Conditions, options: argparse.Namespace) -> list[str]:
    """Do what is not known yet; what failed, one text each."""
    failures = []
    for number, task in enumerate(tasks, 1):
        if task in records.known:
            continue
        reason = skip_reason(task, records.known.values(), options.patience)
        print(f"[{number}/{len(tasks)}] {_label(task)}{f': {reason}' if reason else ''}", file=sys.stderr, flush=True)
        if reason is not None:
            continue
        if task.kind in ("ops", "speed", "stages"):
            clouds.prepare_cloud(conditions.path, task.points)
        try:
            records.add(run_child(task, conditions, options.patience))
        except RuntimeError as err:
            failures.append(str(err))
            print(err, file=sys.stderr, flush=True)
    return failures


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=KINDS, help="these kinds of figures; all without it")
    parser.add_argument("--models", nargs="+", choices=list(GROUPS))
    parser.add_argument("--settings", nargs="+", choices=list(SETTINGS), help="of the package, beside the naive model")
    parser.add_argument("--sizes", nargs="+", type=int, help="points")
    parser.add_argument("--profiled", type=int, help="points of the cloud whose encode and click are taken apart")
    parser.add_argument("--repeats", type=int, help="processes per contender, model and size")
    parser.add_argument(
        "--data", type=Path, help="labelled objects for the agreement table, as point-sam evaluate takes"
    )
    parser.add_argument("--rows", type=int, default=20, help="objects there")
    parser.add_argument("--max-masks", type=int, default=3, help="masks of each")
    parser.add_argument("--clicks", type=int, default=5, help="on each mask")
    parser.add_argument("--dense", type=int, help="points that these objects are resampled to for its second half")
    parser.add_argument("--patience", type=float, default=900.0, help="seconds that one process may take")
    parser.add_argument(
        "--memory-gb", type=float, help="that one process may allocate; 85%% of the machine's without it"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="cores that one process may use")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks"), help="folder for everything but images")
    parser.add_argument("--images", type=Path, help="folder for the plots; docs/images without it, with --quick OUT")
    parser.add_argument("--report", action="store_true", help="measure nothing, write what is known")
    parser.add_argument("--quick", action="store_true", help="everything in small, once")
    return parser.parse_args()


def _plan(options: argparse.Namespace, conditions: Conditions) -> Plan:
    plan = Plan(models=("tiny",), sizes=(500, 2000), repeats=1, profiled=2000, dense=9000) if options.quick else Plan()
    named: dict[str, Any] = {
        "kinds": options.only,
        "models": options.models,
        "settings": options.settings,
        "sizes": options.sizes and sorted(options.sizes),
        "repeats": options.repeats,
        "profiled": options.profiled,
        "dense": options.dense,
    }
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in named.items() if value
    }
    return replace(plan, choice=conditions.choice, **given)


def _check(options: argparse.Namespace) -> None:
    if options.data is not None and not options.data.exists():
        sys.exit(f"{options.data}: no such file; --data takes what point-sam evaluate takes")
    if options.data is None and "agreement" in (options.only or ()):
        sys.exit("agreement is measured on labelled objects; give --data objects.npz")
    if options.data is None and not options.only:
        print("without --data there is no agreement table", file=sys.stderr)


def _conditions(options: argparse.Namespace) -> Conditions:
    limit = options.memory_gb * 1e9 if options.memory_gb else SHARE_OF_MEMORY * machine.physical_bytes()
    return Conditions(
        folder=str(options.out.resolve()),
        device=options.device,
        threads=options.threads,
        memory_limit=int(limit),
        budget=0.5 if options.quick else 10.0,
        prompts=4 if options.quick else 64,
        data=None if options.data is None else str(options.data.resolve()),
        rows=2 if options.quick else options.rows,
        max_masks=2 if options.quick else options.max_masks,
        clicks=2 if options.quick else options.clicks,
    )


def _label(task: Task) -> str:
    return f"{task.kind} {task.model} {task.points:,} {task.who} #{task.repeat + 1}"


def _write(path: Path, text: str) -> None:
    write_atomically(path, lambda file: file.write(text.encode()))


if __name__ == "__main__":
    main()
