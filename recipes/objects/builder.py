"""The whole build: packages, then every object, then the files. What goes wrong with one object stops no other.

Finished objects are kept in `OUT/parts`: a build that was interrupted goes on from there, and one with the same
catalogue and package versions only packs again.
"""

import hashlib
import json
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

from point_sam.atomic import write_atomically
from point_sam.messages import first_line
from recipes.objects.clouds import build_entry, load_clouds, save_clouds
from recipes.objects.entries import CollectionName, Entry, Package, catalog, select
from recipes.objects.hashes import Comparison, compare, hash_cloud, reference_hashes
from recipes.objects.packages import PackageUnavailableError, Root, open_package
from recipes.objects.packing import in_order, write_collection

MAKING = 1  # raise it with every change that alters clouds: objects kept by an older version are then built anew


@dataclass(frozen=True)
class Task:
    """One entry to be built.

    Attributes:
        entry: which.
        root: of its package.
        part: where the finished clouds are kept.
        fingerprint: of all that decides what comes out.
    """

    entry: Entry
    root: Path
    part: Path
    fingerprint: str


@dataclass(frozen=True)
class Outcome:
    """What became of a task: `failure` says why there is no cloud, `reused` that an earlier build had made it."""

    key: str
    failure: str = ""
    reused: bool = False


@dataclass(frozen=True)
class BuildReport:
    """What a build gave.

    Attributes:
        objects: models that gave a cloud.
        clouds: rows of the collection: objects at rest and in random poses.
        families: distinct ones.
        reused: objects kept from an earlier build.
        failures: PACKAGE/NAME and the reason.
        unavailable: packages that could not be had, and the reason.
        versions: packages found at another version than the catalogue's: name, wanted, found.
        comparison: with the hashes of the reference build.
    """

    objects: int
    clouds: int
    families: int
    reused: int
    failures: list[tuple[str, str]]
    unavailable: list[tuple[str, str]]
    versions: list[tuple[str, str, str]]
    comparison: Comparison


@dataclass
class _Sources:
    """The packages of a build."""

    roots: dict[str, Root] = field(default_factory=dict)
    unavailable: list[tuple[str, str]] = field(default_factory=list)


def build_collection(
    out: Path,
    *,
    site: Path | None = None,
    collection: CollectionName = "objects",
    packages: Sequence[str] = (),
    only: str = "",
    jobs: int = 1,
    contents: Sequence[Package] | None = None,
    on_package: Callable[[Package], None] = lambda package: None,
    on_outcome: Callable[[Outcome, int], None] = lambda outcome, total: None,
) -> BuildReport:
    """Build a collection of labelled objects.

    Args:
        out: folder for the collection; made if need be.
        site: folder that has the packages; None fetches them into `out/site`, about 2 GB.
        collection: "objects" to train on; "unseen" has other families and packages, to evaluate on.
        packages: names of those to take models from; all without any.
        only: take only models with this in PACKAGE/NAME.
        jobs: processes. Their number does not alter the clouds.
        contents: a catalogue in place of the shipped one.
        on_package, on_outcome: called before each package is looked for, and after each object with the number of all.

    Raises:
        ValueError: jobs is below 1, the choice leaves no model, or no object could be built.
        FileNotFoundError: `site` is not a folder.
        ImportError: a package of requirements.txt is not installed.
        OSError: nothing can be written to `out`, or none of the packages can be had.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be 1 or more, not {jobs}")
    if site is not None and not site.is_dir():
        raise FileNotFoundError(f"{site}: is not a folder; it should hold the packages that models are taken from")
    _check_tools()
    chosen = select(catalog() if contents is None else contents, collection=collection, names=packages, only=only)
    out.mkdir(parents=True, exist_ok=True)
    sources = _sources([package for package, _ in chosen], out, site, on_package)
    tasks = [task for package, entries in chosen for task in _tasks(package, entries, sources, out)]
    outcomes = []
    for outcome in _run(tasks, jobs):
        outcomes.append(outcome)
        on_outcome(outcome, len(tasks))
    clouds = in_order([cloud for task in tasks for cloud in load_clouds(task.part, task.fingerprint) or []])
    failures = sorted((outcome.key, outcome.failure) for outcome in outcomes if outcome.failure)
    if not clouds:
        raise ValueError(f"none of {len(tasks)} objects could be built; {failures[0][0]}: {failures[0][1]}")
    hashes = {cloud.key: hash_cloud(cloud) for cloud in clouds}
    found = [(package, sources.roots[package.name].version) for package, _ in chosen if package.name in sources.roots]
    write_collection(out, clouds, hashes, found)
    return BuildReport(
        objects=len({cloud.key.rpartition("/")[0] for cloud in clouds}),
        clouds=len(clouds),
        families=len({cloud.row["family"] for cloud in clouds}),
        reused=sum(outcome.reused for outcome in outcomes),
        failures=failures,
        unavailable=sources.unavailable,
        versions=[(p.name, p.version, version) for p, version in found if version != p.version],
        comparison=compare(hashes, reference_hashes(), {entry.key for _, entries in chosen for entry in entries}),
    )


def run_task(task: Task) -> Outcome:
    """Build one entry and keep its clouds, unless they are there already."""
    if load_clouds(task.part, task.fingerprint) is not None:
        return Outcome(task.entry.key, reused=True)
    try:
        clouds = build_entry(task.root, task.entry)
    except (ImportError, MemoryError):
        raise
    except Exception as err:  # whatever a damaged model does to the libraries that read it
        return Outcome(task.entry.key, failure=first_line(err))
    task.part.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(task.part, lambda file: save_clouds(file, clouds, task.fingerprint))
    return Outcome(task.entry.key)


def _check_tools() -> None:
    for module in ("trimesh", "collada", "embreex", "mujoco"):
        if find_spec(module) is None:
            raise ImportError(f"building objects needs {module}: pip install -r recipes/objects/requirements.txt")


def _sources(
    packages: Sequence[Package], out: Path, site: Path | None, on_package: Callable[[Package], None]
) -> _Sources:
    found = _Sources()
    place = out / "site" if site is None else site
    place.mkdir(parents=True, exist_ok=True)
    for package in packages:
        on_package(package)
        try:
            found.roots[package.name] = open_package(package, place, out / "unpacked", fetch=site is None)
        except PackageUnavailableError as err:
            found.unavailable.append((package.name, str(err)))
    if not found.roots:
        raise OSError(f"none of the packages can be had; {found.unavailable[0][1]}")
    return found


def _tasks(package: Package, entries: Sequence[Entry], sources: _Sources, out: Path) -> Iterator[Task]:
    root = sources.roots.get(package.name)
    if root is None:
        return
    for entry in entries:
        about = json.dumps([MAKING, root.version, asdict(entry)], sort_keys=True)
        part = out / "parts" / package.name / f"{entry.name}.npz"
        yield Task(entry, root.path, part, hashlib.sha256(about.encode()).hexdigest())


def _run(tasks: Sequence[Task], jobs: int) -> Iterator[Outcome]:
    if jobs == 1:
        yield from map(run_task, tasks)
        return
    # Not forked: a fork of a process with threads, as those of numpy, may hang. Ctrl-C is for this process to handle.
    ignore = (signal.SIGINT, signal.SIG_IGN)
    with ProcessPoolExecutor(jobs, get_context("spawn"), signal.signal, ignore) as pool:
        waiting = [pool.submit(run_task, task) for task in tasks]
        try:
            for done in as_completed(waiting):
                yield done.result()
        except BrokenProcessPool as err:
            raise OSError(
                "a process of the build was killed, most likely for want of memory; run it again with fewer --jobs: "
                "finished objects are kept"
            ) from err
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
