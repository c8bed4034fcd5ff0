"""What a focus gains in scenes of many objects: the table of docs/tiny.md.

    python benchmarks/focus.py --data objects.npz
    python benchmarks/focus.py --data objects.npz --scenes 2 --objects 9 --points 100000 --clicks 3
    python benchmarks/focus.py --data objects.npz --margins 1.2 1.5 2 3 --clicks 1

Scenes are composed of objects of one split, no family twice in a scene while there are others: each turned about the
vertical, scaled by 0.5 to 1, put on a grid over a grey ground that is as dense as the objects. Clicked are, in each
scene, every object as a whole and one of its parts, drawn among those with at least 3% and at most 80% of its points.
Clicks follow the evaluation's protocol. Ways to answer them:

- whole: no focus;
- whole, finer: no focus either, but eight times the groups and the encoder points;
- focus: `Session.focus()` after the first click;
- focus, best predicted: the same, then the candidate of the best predicted IoU rather than the one most like the mask;
- focus twice: and once more, now about the mask found in the focus;
- known ball: a focus on the true object before the first click, what a good choice of the ball would give at best.

If a click on the object falls outside the focus, the session unfocuses, clicks and focuses again. IoU is over all
points of the scene. Intervals are 95% bootstraps over objects; a gain is the mean of the differences to `whole` on the
same masks. Seconds are those of the program alone, without encoding the scene and without the simulated user's choice.
"""

import argparse
import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from point_sam import EncodedCloud, PointSAM, Session
from point_sam.datasets import LabeledCloud, LabeledDataset
from point_sam.datasets.labeled import usable_labels
from point_sam.evaluation import DataChoice, Sample
from point_sam.evaluation.perturbations import resample
from point_sam.evaluation.statistics import bootstrap_interval
from point_sam.evaluation.tables import table
from point_sam.focus import MARGIN
from point_sam.ops.clicks import next_click

SPACING = 2.2  # between the middles of neighbours, whose radius is at most 1
SCALE = (0.5, 1.0)
PART_SHARE = (0.03, 0.8)
GROUND_COLOR = 110
FINER = 8
KINDS = ("objects", "parts")
WHOLE = "whole"

# What follows the first click: a session that has it, the place clicked and the target give the session that goes on.
Start = Callable[[Session, np.ndarray, np.ndarray], Session]


@dataclass(frozen=True, eq=False)
class Scene:
    """A cloud, and for each object the mask of the whole and that of one part, or None."""

    xyz: np.ndarray
    rgb: np.ndarray
    targets: list[tuple[np.ndarray, np.ndarray | None]]


@dataclass
class Way:
    """One way to answer clicks, and what it scored: for each object IoU [kinds, clicks], NaN where there is no part."""

    start: Start
    margin: float
    finer: bool
    ious: list[np.ndarray]
    seconds: list[float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="as point-sam evaluate takes it")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--split", default="auto")
    parser.add_argument("--scenes", type=int, default=4)
    parser.add_argument("--objects", type=int, default=16, help="in a scene")
    parser.add_argument("--points", type=int, default=300_000, help="in a scene, the ground among them")
    parser.add_argument("--clicks", type=int, default=5)
    parser.add_argument("--margins", type=float, nargs="+", default=[MARGIN], help="of the focus, a line each")
    parser.add_argument("--only", nargs="+", help="names of ways, instead of all")
    parser.add_argument("--device")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="also write the tables here")
    options = parser.parse_args()

    model = PointSAM.from_pretrained(options.model, device=options.device)
    ways = all_ways(options.margins)
    ways = {name: way for name, way in ways.items() if not options.only or name in options.only}
    data = DataChoice(options.data, split=options.split)
    dataset = data.open()
    numbers = data.choose(dataset)[1]
    generator = np.random.default_rng(options.seed)
    for _ in track(range(options.scenes), description="scenes", console=Console(stderr=True)):
        scene = compose(dataset, numbers, options.objects, options.points, generator)
        run_scene(model, scene, ways, options.clicks)
        text = tables(ways, options.clicks, options.seed)
        if options.out is not None:  # after each scene: the next one may take long
            options.out.write_text(f"{text}\n")
    print(text)


def all_ways(margins: list[float]) -> dict[str, Way]:
    ways = {
        WHOLE: Way(no_focus, MARGIN, False, [], []),
        f"whole, {FINER}x finer": Way(no_focus, MARGIN, True, [], []),
    }
    for margin in margins:
        told = "" if len(margins) == 1 else f", margin {margin:g}"
        ways[f"focus{told}"] = Way(refocus(margin, 1), margin, False, [], [])
        ways[f"focus, best predicted{told}"] = Way(focus_on_best(margin), margin, False, [], [])
        ways[f"focus twice{told}"] = Way(refocus(margin, 2), margin, False, [], [])
        ways[f"known ball{told}"] = Way(known_ball(margin), margin, False, [], [])
    return ways


def compose(
    dataset: LabeledDataset, numbers: list[int], objects: int, points: int, generator: np.random.Generator
) -> Scene:
    """Objects on a grid over a ground, all about equally dense."""
    chosen = choose_rows(dataset, numbers, objects, generator)
    side = int(np.ceil(np.sqrt(objects)))
    scales = generator.uniform(*SCALE, objects)
    # A surface grows with the square of the scale; an object of scale 1 is taken to have as much as 4 of ground.
    areas = np.append(4 * scales**2, (side * SPACING) ** 2)
    counts = np.floor(points * areas / areas.sum()).astype(int)
    xyz, rgb, owners, parts = [], [], [], []
    for place, number in enumerate(chosen):
        cloud = dataset[number]
        sample = resample(labeled_sample(cloud), generator, count=int(counts[place]))
        angle = generator.uniform(0, 2 * np.pi)
        turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        turned = scales[place] * sample.coords @ turn.T
        turned += [SPACING * (place % side), SPACING * (place // side), -turned[:, 2].min()]
        xyz.append(turned)
        rgb.append(np.full(turned.shape, 128, np.uint8) if sample.rgb is None else sample.rgb)
        owners.append(np.full(len(turned), place))
        parts.append(one_part(sample, generator))
    ground = generator.uniform(-SPACING / 2, (side - 0.5) * SPACING, (int(counts[-1]), 3)) * [1, 1, 0]
    xyz.append(ground + generator.normal(0, 0.003, ground.shape))
    rgb.append(np.clip(generator.normal(GROUND_COLOR, 8, ground.shape), 0, 255).astype(np.uint8))
    owners.append(np.full(len(ground), -1))
    owner = np.concatenate(owners)
    targets: list[tuple[np.ndarray, np.ndarray | None]] = []
    for place, part in enumerate(parts):
        whole = owner == place
        mask = None
        if part is not None:
            mask = np.zeros(len(owner), bool)
            mask[np.flatnonzero(whole)[part]] = True
        targets.append((whole, mask))
    return Scene(np.concatenate(xyz), np.concatenate(rgb), targets)


def choose_rows(dataset: LabeledDataset, numbers: list[int], objects: int, generator: np.random.Generator) -> list[int]:
    """Rows of as many different families as there are."""
    families: dict[str, list[int]] = {}
    for number in generator.permutation(numbers).tolist():
        families.setdefault(dataset.families[number], []).append(number)
    chosen: list[int] = []
    while len(chosen) < objects:
        chosen += [rows[len(chosen) // len(families) % len(rows)] for rows in families.values()]
    return generator.permutation(chosen[:objects]).tolist()


def labeled_sample(cloud: LabeledCloud) -> Sample:
    """The object with a mask for each of its coarse parts, so that new points get the labels of their neighbours."""
    labels = next(iter(cloud.labels.values()))
    return Sample(cloud.xyz, cloud.rgb, np.stack([labels == label for label in np.unique(labels)]), cloud.name)


def one_part(sample: Sample, generator: np.random.Generator) -> np.ndarray | None:
    labels = sample.masks.argmax(0)
    low, high = PART_SHARE
    usable = usable_labels(labels, min_points=int(low * len(labels)), max_share=high)
    return None if not len(usable) else np.flatnonzero(labels == generator.choice(usable))


def run_scene(model: PointSAM, scene: Scene, ways: dict[str, Way], clicks: int) -> None:
    """Score every way on every target of one scene."""
    encoded = {finer: encode(model, scene, finer) for finer in {way.finer for way in ways.values()}}
    for pair in scene.targets:
        ious = {name: np.full((len(KINDS), clicks), np.nan) for name in ways}
        for row, target in enumerate(pair):
            if target is None:
                continue
            first = scene.xyz[next_click(scene.xyz, target)[0]]
            clicked = {finer: Session(model, cloud) for finer, cloud in encoded.items()}
            waited = {finer: timed(partial(session.click, first)) for finer, session in clicked.items()}
            for name, way in ways.items():
                # Steps never change, so that a copy goes its own way.
                session = copy.copy(clicked[way.finer])
                ious[name][row], seconds = play(session, scene.xyz, first, target, way, clicks)
                way.seconds.append((waited[way.finer] + seconds) / clicks)
        for name, way in ways.items():
            way.ious.append(ious[name])


def encode(model: PointSAM, scene: Scene, finer: bool) -> EncodedCloud:
    before = model.num_groups, model.max_encoder_points
    if finer:
        model.adjust_patch_params(FINER * model.num_groups, None, FINER * (model.max_encoder_points or 0))
    try:
        return model.encode(scene.xyz, scene.rgb, normalize=True)
    finally:
        model.adjust_patch_params(before[0], None, before[1])


def play(
    session: Session, xyz: np.ndarray, first: np.ndarray, target: np.ndarray, way: Way, clicks: int
) -> tuple[np.ndarray, float]:
    """The IoU after each click, and the seconds that the session took after the first one."""
    start = time.perf_counter()
    session = way.start(session, first, target)
    seconds = time.perf_counter() - start
    ious = [iou(session.mask, target)]
    while len(ious) < clicks:
        index, positive = next_click(xyz, target, session.mask)
        seconds += timed(partial(click_anywhere, session, xyz[index], positive, way.margin))
        ious.append(iou(session.mask, target))
    return np.array(ious), seconds


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def iou(mask: np.ndarray, target: np.ndarray) -> float:
    return float((mask & target).sum() / (mask | target).sum())


def click_anywhere(session: Session, point: np.ndarray, positive: bool, margin: float) -> None:
    if session.focused is None or session.focused.holds(point):
        session.click(point, positive)
        return
    session.unfocus()
    session.click(point, positive)
    session.focus(margin=margin)


def no_focus(session: Session, point: np.ndarray, target: np.ndarray) -> Session:
    return session


def refocus(margin: float, times: int) -> Start:
    def start(session: Session, point: np.ndarray, target: np.ndarray) -> Session:
        for _ in range(times):
            session.focus(margin=margin)
        return session

    return start


def focus_on_best(margin: float) -> Start:
    def start(session: Session, point: np.ndarray, target: np.ndarray) -> Session:
        session.focus(margin=margin)
        session.choose(int(session.candidates.iou_scores.argmax()))
        return session

    return start


def known_ball(margin: float) -> Start:
    def start(session: Session, point: np.ndarray, target: np.ndarray) -> Session:
        coords = session.encoded.geometry.coords[0].cpu().numpy()[target]
        xyz = coords.astype(np.float64) * session.encoded.scale + session.encoded.center
        middle = (xyz.min(axis=0) + xyz.max(axis=0)) / 2
        session = Session(session.model, session.encoded)
        session.focus(middle, margin * float(np.linalg.norm(xyz - middle, axis=1).max()))
        session.click(point)
        return session

    return start


def tables(ways: dict[str, Way], clicks: int, seed: int) -> str:
    """A table for each kind of target: mean IoU after the clicks shown, gains over `whole`, and seconds per click."""
    shown = sorted({k for k in (1, 3, 5, 10) if k <= clicks} | {clicks})
    head = ["masks", *(f"IoU@{k}" for k in shown), *(f"gain@{k}" for k in (shown if WHOLE in ways else [])), "s/click"]
    texts = []
    for row, kind in enumerate(KINDS):
        lines = []
        for name, way in ways.items():
            values = [ious[row : row + 1] for ious in way.ious if not np.isnan(ious[row, 0])]
            cells = with_intervals(values, shown, seed, "")
            if WHOLE in ways:
                before = [ious[row : row + 1] for ious in ways[WHOLE].ious if not np.isnan(ious[row, 0])]
                gains = [after - first for after, first in zip(values, before, strict=True)]
                cells += with_intervals(gains, shown, seed, "+") if name != WHOLE else ["" for _ in shown]
            lines.append([name, str(len(values)), *cells, f"{np.mean(way.seconds):.2f}"])
        texts.append(table([kind, *head], lines))
    return "\n\n".join(texts)


def with_intervals(values: list[np.ndarray], shown: list[int], seed: int, sign: str) -> list[str]:
    mean = np.concatenate(values).mean(0)
    interval = bootstrap_interval(values, seed=seed, confidence=0.95, resamples=2000)
    return [f"{mean[k - 1]:{sign}.3f} ({interval[k - 1][0]:.3f} to {interval[k - 1][1]:.3f})" for k in shown]


if __name__ == "__main__":
    main()
