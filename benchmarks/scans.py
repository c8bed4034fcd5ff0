"""Clicks on labelled scans, a user's own or composed ones: mean IoU after 1, 3, 5 and 10 clicks, and a click's seconds.

    python -m benchmarks.scans FOLDER
    python -m benchmarks.scans FOLDER --how whole session crop --first random --instances 10 --workers 2 -o out.json
    python -m benchmarks.scans --compose objects.npz --kinds street tables --scenes 10 --how whole session

FOLDER holds scans that somebody labelled, one .npz file each: `xyz` [N, 3] in any unit, `instance` [N] integers (-1: no
thing, such as ground and walls), and optionally `rgb` [N, 3] in 0..255, `kind` (a word; figures are averaged within a
kind before kinds are), `least` (points that an instance needs to count, 100 without it). `numpy.savez_compressed` makes
them of whatever a labelling tool exports. At most 60,000 points of a scan are taken, and at most 60% of them may belong
to an instance that counts. `--compose` takes scenes of recipes/scenes instead, always the same, of the families that
the collection holds out; things of at least 40 points count. Ways to answer:

- whole: the original's protocol on the cloud as it is: three candidates of the first click, then one mask that refines
  the last;
- session: `point_sam.Session` at its defaults, on a `Pyramid`;
- crop: as whole, on the points within 1.5 radii of the true object: what the model can do where the scale is right.

The first click falls on the deepest point of the object or on a random one, later ones on the deepest point of the
larger error. "lost" is the share of later clicks that cost more than 0.05 IoU. Seconds are those of answers. whole and
crop are encoded before; a session encodes balls as it is clicked, most of them at the first click, and those seconds
count. Each process works with one thread, so give at most as many workers as there are cores.
"""

import argparse
import json
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.agreement import iou
from benchmarks.machine import describe_machine, revision
from benchmarks.scenes import LEAST_POINTS as LEAST_COMPOSED
from benchmarks.scenes import Scene
from point_sam import EncodedCloud, PointSAM, Session
from point_sam.clouds import normalize
from point_sam.datasets.labeled import usable_labels
from point_sam.evaluation.statistics import lost_share
from point_sam.evaluation.tables import shown_clicks, table
from point_sam.ops.clicks import next_click
from point_sam.pyramid import Pyramid
from recipes.scenes.compose import KINDS

HOWS = ("whole", "session", "crop")
MOST_POINTS = 60_000
MOST_SHARE = 0.6
LEAST_POINTS = 100
CROP_RADII = 1.5

Answer = Callable[[np.ndarray, bool], np.ndarray]


@dataclass(frozen=True, eq=False)
class Scan:
    """A labelled cloud: xyz [N, 3] in its own units, instance [N], rgb [N, 3] or None, and the instances that count."""

    name: str
    kind: str
    xyz: np.ndarray
    rgb: np.ndarray | None
    instance: np.ndarray
    usable: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--compose", type=Path, metavar="OBJECTS", help="scenes of this object collection instead")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="of composed scenes")
    parser.add_argument("--scenes", type=int, default=10, help="composed scenes of each kind")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--how", nargs="+", choices=HOWS, default=list(HOWS))
    parser.add_argument("--first", choices=("deepest", "random"), default="deepest")
    parser.add_argument("--clicks", type=int, default=10, help="on each instance, at least 2")
    parser.add_argument("--instances", type=int, default=10, help="at most so many of each scan")
    parser.add_argument("--workers", type=int, default=1, help="processes, one thread each")
    parser.add_argument("-o", "--out", type=Path, help="every figure as JSON")
    options = parser.parse_args()
    if (options.folder is None) == (options.compose is None):
        parser.error("give either a folder or --compose")
    if options.clicks < 2:
        parser.error(f"--clicks is {options.clicks}; there must be a later click to say what is lost")
    sources: list[Path | Scene]
    if options.folder is None:
        sources = [Scene(options.compose, kind, number) for kind in options.kinds for number in range(options.scenes)]
    else:
        sources = sorted(options.folder.glob("*.npz"))
    if not sources:
        parser.error(f"{options.folder or options.compose}: holds no .npz file")
    work = partial(
        measure,
        model=options.model,
        how=options.how,
        first_at=options.first,
        instances=options.instances,
        clicks=options.clicks,
    )
    scans = []
    for scan in run(work, sources, options.workers):
        if scan["instances"]:
            scans.append(scan)
            told = [f"{each} {' '.join(_cells(figures(scan[each])))}" for each in options.how]
            print(f"{scan['name']}: {' | '.join(told)} | {scan['seconds']:.0f} s", file=sys.stderr, flush=True)
    if not scans:
        parser.error(f"{options.folder or options.compose}: no instance counts")
    means = average(scans, options.how, options.clicks)
    text = markdown(scans, means, options.how)
    print(text)
    if options.out is not None:
        chosen = {name: getattr(options, name) for name in ("model", "how", "first", "clicks", "instances")}
        about = {**describe_machine("cpu"), "revision": revision(), **chosen}
        options.out.write_text(json.dumps({"about": about, **means, "scans": scans}, indent=1) + "\n")


def run(
    work: Callable[[Path | Scene], dict[str, Any]], sources: list[Path | Scene], workers: int
) -> Iterator[dict[str, Any]]:
    """What `work` gives for each scan, in that order, by so many processes."""
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")  # of the processes started from here
    with ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        yield from pool.map(work, sources)


def measure(
    source: Path | Scene, *, model: str, how: list[str], first_at: str, instances: int, clicks: int
) -> dict[str, Any]:
    """Click on the instances of one scan: for each way IoU and seconds, a list of all clicks for each instance."""
    start = time.perf_counter()
    segmenter, scan = _model(model), compose_scan(source) if isinstance(source, Scene) else read_scan(source)
    generator = np.random.default_rng(zlib.crc32(scan.name.encode()))
    chosen = generator.permutation(scan.usable)[:instances]
    coords = normalize(scan.xyz)[0]
    encoded = segmenter.encode(coords, scan.rgb) if "whole" in how else None
    pyramid = Pyramid(segmenter, coords, scan.rgb) if "session" in how else None
    runs: dict[str, dict[str, list[list[float]]]] = {each: {"iou": [], "seconds": []} for each in how}
    for label in chosen:
        truth = scan.instance == label
        for each in how:
            place, target = coords, truth
            if each == "crop":
                inside = _ball(coords, truth)
                place, target = normalize(scan.xyz[inside])[0], truth[inside]
                rgb = None if scan.rgb is None else scan.rgb[inside]
                answer: Answer = Whole(segmenter, segmenter.encode(place, rgb)).click
            elif each == "session":
                answer = Session(segmenter, pyramid).click
            else:
                answer = Whole(segmenter, encoded).click
            ious, seconds = click_through(place, target, answer, first_at, clicks)
            runs[each]["iou"].append(ious)
            runs[each]["seconds"].append(seconds)
    about = {"name": scan.name, "kind": scan.kind, "points": len(coords), "instances": len(chosen)}
    return {**about, "seconds": time.perf_counter() - start, **runs}


def compose_scan(scene: Scene) -> Scan:
    """A composed scene; its things are the instances."""
    cloud = scene.compose()
    instance = cloud.labels["thing"]
    usable = usable_labels(instance, min_points=LEAST_COMPOSED, max_share=MOST_SHARE)
    return Scan(cloud.name, scene.kind, cloud.xyz, cloud.rgb, instance, usable)


def read_scan(path: Path) -> Scan:
    """One file.

    Raises:
        ValueError: `xyz` or `instance` is missing or misshaped.
    """
    with np.load(path) as file:
        found = dict(file)
    for name in ("xyz", "instance"):
        if name not in found:
            raise ValueError(f"{path}: has no array {name!r}; it holds {', '.join(found) or 'nothing'}")
    xyz, instance, rgb = found["xyz"], found["instance"], found.get("rgb")
    if xyz.ndim != 2 or xyz.shape[1] != 3 or instance.shape != xyz.shape[:1]:
        raise ValueError(f"{path}: xyz is {list(xyz.shape)} and instance {list(instance.shape)}; wanted [N, 3] and [N]")
    if len(xyz) > MOST_POINTS:
        kept = np.sort(np.random.default_rng(0).choice(len(xyz), MOST_POINTS, replace=False))
        xyz, instance, rgb = xyz[kept], instance[kept], None if rgb is None else rgb[kept]
    usable = usable_labels(instance, min_points=int(found.get("least", LEAST_POINTS)), max_share=MOST_SHARE)
    return Scan(path.stem, str(found.get("kind", "scan")), xyz, rgb, instance, usable)


class Whole:
    """The original's protocol on one encoded cloud."""

    def __init__(self, model: PointSAM, encoded: EncodedCloud) -> None:
        self.model, self.encoded = model, encoded
        self.points: list[np.ndarray] = []
        self.labels: list[int] = []
        self.logits: torch.Tensor | None = None

    def click(self, point: np.ndarray, positive: bool) -> np.ndarray:
        """The mask [N] after one more click."""
        self.points.append(point)
        self.labels.append(int(positive))
        logits, scores = self.model.predict_encoded(
            self.encoded,
            np.stack(self.points)[None],
            [self.labels],
            mask_inputs=self.logits,
            multimask_output=self.logits is None,
        )
        self.logits = logits[:, int(scores[0].argmax())]
        return (self.logits[0] > 0).cpu().numpy()


def click_through(
    coords: np.ndarray, truth: np.ndarray, answer: Answer, first_at: str, clicks: int
) -> tuple[list[float], list[float]]:
    """IoU after each simulated click, and the seconds of each answer."""
    mask: np.ndarray | None = None
    ious, seconds = [], []
    for number in range(clicks):
        index, positive = next_click(coords, truth, mask)
        if number == 0 and first_at == "random":
            index = int(np.random.default_rng(int(truth.sum())).choice(np.flatnonzero(truth)))
        start = time.perf_counter()
        mask = answer(coords[index], positive)
        seconds.append(time.perf_counter() - start)
        ious.append(iou(mask, truth))
    return ious, seconds


def average(scans: list[dict[str, Any]], how: list[str], clicks: int) -> dict[str, Any]:
    """{"kinds": {kind: {way: figures}}, "mean": {way: figures}}: means over the scans of a kind, then over kinds.

    Figures are IoU after the clicks shown, lost, and the seconds of the first and of a later click.
    """
    kinds: dict[str, list[dict[str, Any]]] = {}
    for scan in scans:
        kinds.setdefault(scan["kind"], []).append(scan)
    by_kind = {
        kind: {each: np.mean([figures(scan[each]) for scan in some], axis=0).tolist() for each in how}
        for kind, some in kinds.items()
    }
    return {
        "columns": columns(clicks),
        "kinds": by_kind,
        "mean": {each: np.mean([rows[each] for rows in by_kind.values()], axis=0).tolist() for each in how},
    }


def columns(clicks: int) -> list[str]:
    """What `figures` are of so many clicks."""
    return [*(f"IoU@{k}" for k in shown_clicks(clicks)), "lost", "first, s", "later, s"]


def figures(runs: dict[str, list[list[float]]]) -> list[float]:
    """One scan answered one way, in the order of `columns`."""
    ious, seconds = np.array(runs["iou"]), np.array(runs["seconds"])
    lost = lost_share(ious)
    assert lost is not None, "there is one click only"
    shown = ious.mean(0)[[k - 1 for k in shown_clicks(ious.shape[1])]]
    return [*shown.tolist(), lost, float(np.mean(seconds[:, 0])), float(np.mean(seconds[:, 1:]))]


def markdown(scans: list[dict[str, Any]], means: dict[str, Any], how: list[str]) -> str:
    """A table with a line for each way and scan, kind, and all kinds."""
    lines = []
    for each in how:
        lines += [[each, scan["name"], scan["kind"], *_cells(figures(scan[each]))] for scan in scans]
        lines += [[each, "mean", kind, *_cells(rows[each])] for kind, rows in means["kinds"].items()]
        lines.append([each, "**mean**", "**all kinds**", *_cells(means["mean"][each])])
    return table(["", "scan", "kind", *means["columns"]], lines)


def _cells(values: list[float]) -> list[str]:
    return [*(f"{value:.3f}" for value in values[:-2]), *(f"{value:.2f}" for value in values[-2:])]


def _ball(coords: np.ndarray, truth: np.ndarray) -> np.ndarray:
    middle = coords[truth].mean(0)
    distance = np.linalg.norm(coords - middle, axis=1)
    return distance <= CROP_RADII * distance[truth].max()


@cache
def _model(name: str) -> PointSAM:
    return PointSAM.from_pretrained(name, device="cpu")


if __name__ == "__main__":
    main()
