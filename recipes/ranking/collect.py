"""Clicks on objects and on composed scenes: the signs of every ball's answers, and their true IoU.

    python -m recipes.ranking.collect objects.npz --seconds 1800 --seed 1 -o clicks1.npz

Of the first clicks half fall on the deepest point of the mask, half on any. Half of the masks are clicked three times.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float32, UInt8
from numpy.random import Generator

from point_sam import PointSAM
from point_sam.datasets.labeled import LabeledCloud, part_masks, usable_labels
from point_sam.datasets.layouts.objects import ObjectCollection
from point_sam.ops.clicks import next_click
from point_sam.pyramid import Pyramid
from recipes.scenes.compose import KINDS, Pick, compose

# Of the clouds that are drawn; the others are single objects.
SCENES = 0.58
MOST_POINTS = 60_000
FEWEST_POINTS = 40
NO_COLOR = 0.2
# Kind of cloud, its number, the signs [A, S] of a click's answers and their true IoUs [A].
Row = tuple[str, int, np.ndarray, np.ndarray]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("objects", type=Path, help="the object collection (recipes/objects)")
    parser.add_argument("--split", default="train", help="of the collection")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = PointSAM.from_pretrained(arguments.model)
    pick = picker(ObjectCollection.read(arguments.objects), arguments.split)
    rows: list[Row] = []
    end, saved, number = time.time() + arguments.seconds, time.time(), 0
    while time.time() < end:
        rng = np.random.default_rng([arguments.seed, number])
        rows += click_on(model, *draw(rng, pick), rng, number)
        number += 1
        if time.time() > saved + 60:
            save(arguments.out, rows)
            saved = time.time()
    save(arguments.out, rows)


def picker(objects: ObjectCollection, split: str) -> Pick:
    """A function that draws a family, then one of its objects."""
    families: dict[str, list[int]] = {}
    for index in objects.split(split):
        families.setdefault(objects.families[index], []).append(index)
    names = sorted(families)
    return lambda rng: objects[int(rng.choice(families[names[int(rng.integers(len(names)))]]))]


def draw(
    rng: Generator, pick: Pick
) -> tuple[str, Float32[np.ndarray, "N 3"], UInt8[np.ndarray, "N 3"] | None, Bool[np.ndarray, "M N"]]:
    """A cloud in the unit ball, its colours, and masks to click on."""
    if rng.random() < SCENES:
        kind = KINDS[int(rng.integers(len(KINDS)))]
        cloud = compose(kind, rng, pick)
        kept = np.arange(len(cloud))
        if len(kept) > MOST_POINTS:
            kept = np.sort(rng.choice(kept, MOST_POINTS, replace=False))
        xyz = cloud.xyz[kept].astype(np.float64)
        labels = cloud.labels["thing" if rng.random() < 0.75 else "part"][kept]
        usable = rng.permutation(usable_labels(labels, min_points=FEWEST_POINTS, max_share=0.6))[:3]
        masks = np.array([labels == label for label in usable]).reshape(-1, len(kept))
    else:
        kind, cloud = "object", pick(rng)
        kept = np.arange(len(cloud))
        if cloud.visible is not None and rng.random() < 0.5 and cloud.visible.sum() > 2000:
            kept = np.flatnonzero(cloud.visible)
        xyz = cloud.xyz[kept] + rng.normal(0, rng.choice([0, 0.003, 0.008]), (len(kept), 3))
        labels_of = {name: labels[kept] for name, labels in cloud.labels.items()}
        masks = part_masks(LabeledCloud(xyz.astype(np.float32), None, labels_of))
        masks = masks[rng.permutation(len(masks))[:2]]
    rgb = None if cloud.rgb is None or rng.random() < NO_COLOR else cloud.rgb[kept]
    xyz = xyz - xyz.mean(axis=0)
    return kind, (xyz / np.linalg.norm(xyz, axis=1).max()).astype(np.float32), rgb, masks


def click_on(
    model: PointSAM,
    kind: str,
    xyz: Float32[np.ndarray, "N 3"],
    rgb: UInt8[np.ndarray, "N 3"] | None,
    masks: Bool[np.ndarray, "M N"],
    rng: Generator,
    number: int,
) -> Iterator[Row]:
    """Kind, number of the cloud, signs and true IoUs of each click."""
    if not len(masks):
        return
    pyramid = Pyramid(model, xyz, rgb)
    for target in masks:
        answer, mask = None, None
        points: list[np.ndarray] = []
        positive: list[bool] = []
        for click in range(3 if rng.random() < 0.5 else 1):
            if click == 0 and rng.random() < 0.5:
                index, on = int(rng.choice(np.flatnonzero(target))), True
            else:
                index, on = next_click(xyz, target, mask)
            points.append(xyz[index].astype(np.float64))
            positive.append(on)
            clicks = np.array(points), np.array(positive)
            view = pyramid.look(*clicks, answer)
            true = [iou(pyramid.spread_mask(view.reading(i)), target) for i in range(len(view.owners))]
            yield kind, number, view.signs, np.array(true, np.float32)
            answer = pyramid.answer(*clicks, answer)[0]
            mask = pyramid.spread_mask(answer)


def iou(one: Bool[np.ndarray, " N"], other: Bool[np.ndarray, " N"]) -> float:
    """Intersection over union."""
    return float((one & other).sum() / max(int((one | other).sum()), 1))


def save(path: Path, rows: list[Row]) -> None:
    """One row per answer; `click` says which answers belong to one click, `cloud` to one cloud."""
    kinds, clouds, signs, true = zip(*rows, strict=True)
    count = [len(values) for values in true]
    np.savez_compressed(
        path,
        kind=np.repeat(kinds, count),
        cloud=np.repeat(clouds, count),
        click=np.repeat(np.arange(len(rows)), count),
        signs=np.concatenate(signs),
        iou=np.concatenate(true),
    )


if __name__ == "__main__":
    main()
