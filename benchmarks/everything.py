"""How well everything is found without a click, against two classical segmenters: the table of docs/tiny.md.

    python benchmarks/everything.py objects.npz
    python benchmarks/everything.py objects.npz --model run/final --rows 20 --points 128
    python benchmarks/everything.py objects.npz --rows 20 --sweep

Truth are all parts of all granularities, as `point-sam evaluate` takes them (at least 50 points, at most 95% of the
object), and each granularity as a partition. Told are:

- recall: the share of parts for which some mask has an IoU of at least 0.5 or 0.75;
- coverage: over each granularity, the best IoU of any mask with each part, weighted by the part's points;
- PQ: panoptic quality (Kirillov et al. 2019) of the one label per point against each granularity, all as one class;
- the masks per object, and the seconds, on this machine, of which other work may have had its share.

The baselines are scipy's: k-means on position and colour, with the k in 2..16 of the best Calinski-Harabasz index and,
for recall and coverage alone, all 15 of them at once; and regions grown over neighbours (connected components) whose
normals and colours agree. `--sweep` shows the effect of the two thresholds on the same clicks, before small regions are
cleaned away.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from scipy.cluster.vq import kmeans2
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from point_sam import MaskGenerator, PointSAM
from point_sam.automatic import label_points
from point_sam.automatic.packed import suppress, unpack
from point_sam.automatic.proposals import propose, spread_prompts
from point_sam.automatic.regions import neighbor_graph
from point_sam.clouds import normalize
from point_sam.datasets import LabeledCloud, part_masks
from point_sam.evaluation import DataChoice
from point_sam.evaluation.tables import table

KS = range(2, 17)
COLOR_WEIGHT = 0.5  # of colours in 0..1 beside coordinates in the unit ball
MAX_ANGLE = 20.0  # degrees between the normals of two neighbours that grow together
MAX_COLOR_STEP = 0.1  # of colours in 0..1, likewise
SWEEP_IOU = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
SWEEP_STABILITY = (0.0, 0.2, 0.4, 0.6, 0.8)


@dataclass
class Answer:
    """Masks [M, N] bool, which may overlap, and one label per point [N], -1 none; or None for no partition."""

    masks: np.ndarray
    labels: np.ndarray | None


@dataclass
class Tally:
    """What one method scored so far; per part or per granularity of an object."""

    best: list[float] = field(default_factory=list)
    coverage: list[float] = field(default_factory=list)
    quality: list[float] = field(default_factory=list)
    masks: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, cloud: LabeledCloud, answer: Answer, seconds: float) -> None:
        """Score one object."""
        self.best += best_ious(part_masks(cloud), answer.masks).tolist()
        for labels in cloud.labels.values():
            parts = np.stack([labels == label for label in np.unique(labels[labels >= 0])])
            self.coverage.append(float(np.average(best_ious(parts, answer.masks), weights=parts.sum(axis=1))))
            if answer.labels is not None:
                self.quality.append(panoptic_quality(parts, answer.labels))
        self.masks.append(len(answer.masks))
        self.seconds.append(seconds)

    def cells(self) -> list[str]:
        """A line of the table."""
        best = np.array(self.best)
        return [
            f"{(best >= 0.5).mean():.3f}",
            f"{(best >= 0.75).mean():.3f}",
            f"{np.mean(self.coverage):.3f}",
            f"{np.mean(self.quality):.3f}" if self.quality else "-",
            f"{np.mean(self.masks):.1f}",
            f"{np.mean(self.seconds):.1f}",
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="as point-sam evaluate takes it")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--split", default="auto")
    parser.add_argument("--rows", type=int, help="objects; all without it")
    parser.add_argument("--points", type=int, help="clicks per object")
    parser.add_argument("--iou-threshold", type=float)
    parser.add_argument("--stability-threshold", type=float)
    parser.add_argument("--nms", type=float)
    parser.add_argument("--device")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of objects and of k-means")
    parser.add_argument("--sweep", action="store_true", help="also a line for each pair of thresholds")
    parser.add_argument("--out", type=Path, help="also write the table here")
    options = parser.parse_args()

    model = PointSAM.from_pretrained(options.model, device=options.device)
    named = {
        "points_per_cloud": options.points,
        "iou_threshold": options.iou_threshold,
        "stability_threshold": options.stability_threshold,
        "nms_threshold": options.nms,
    }
    given = {name: value for name, value in named.items() if value is not None}
    methods: dict[str, Callable[[np.ndarray, np.ndarray | None], Answer]] = {
        options.model: lambda coords, rgb: generated(MaskGenerator(model, **given), coords, rgb),
        "k-means, k by rule": lambda coords, rgb: one_kmeans(coords, rgb, options.seed),
        "k-means, every k": lambda coords, rgb: every_kmeans(coords, rgb, options.seed),
        "region growing": grown_regions,
    }
    data = DataChoice(options.data, split=options.split, limit=options.rows, seed=options.seed)
    dataset = data.open()
    tallies = {name: Tally() for name in methods}
    swept: dict[str, Tally] = {}
    for number in track(data.choose(dataset)[1], description="objects", console=Console(stderr=True)):
        cloud = dataset[number]
        if not len(part_masks(cloud)):
            continue
        coords = normalize(cloud.xyz)[0]
        # Encoded once for all settings; the seconds below are those of the clicks.
        model.set_pointcloud(coords, cloud.rgb)
        for name, method in methods.items():
            start = time.perf_counter()
            answer = method(coords, cloud.rgb)
            tallies[name].add(cloud, answer, time.perf_counter() - start)
        if options.sweep:
            for name, answer in sweep(MaskGenerator(model, **given)):
                swept.setdefault(name, Tally()).add(cloud, answer, 0.0)
    head = ["", "recall@50", "recall@75", "coverage", "PQ", "masks", "seconds"]
    first = tallies[options.model]
    text = table(head, [[name, *tally.cells()] for name, tally in tallies.items()])
    if options.sweep:
        text += "\n\n" + table(head[:-1], [[name, *tally.cells()[:-1]] for name, tally in swept.items()])
    text += f"\n\n{len(first.best)} parts of {len(first.masks)} objects."
    print(text)
    if options.out is not None:
        options.out.write_text(f"{text}\n")


def generated(generator: MaskGenerator, coords: np.ndarray, rgb: np.ndarray | None) -> Answer:
    records = generator.generate(coords, rgb)
    masks = np.array([record["segmentation"] for record in records], bool).reshape(-1, len(coords))
    return Answer(masks, label_points(records, len(coords)))


def sweep(generator: MaskGenerator) -> Iterator[tuple[str, Answer]]:
    """The answer of each pair of thresholds about the model's current cloud, all from the same clicks."""
    encoded = generator.model.current
    coords = encoded.geometry.coords[0].cpu().numpy()
    found = propose(
        generator.model,
        encoded,
        spread_prompts(coords, generator.points_per_cloud),
        iou_threshold=min(SWEEP_IOU),
        stability_threshold=min(SWEEP_STABILITY),
        stability_offset=generator.stability_offset,
    )
    for iou in SWEEP_IOU:
        for stability in SWEEP_STABILITY:
            some = found.take((found.iou_scores >= iou) & (found.stability >= stability))
            kept = suppress(some.bits, some.areas, some.order(), generator.nms_threshold)
            masks = unpack(some.bits[kept], len(coords))
            labels = label_points([{"segmentation": mask} for mask in masks], len(coords))
            yield f"IoU {iou:g}, stability {stability:g}", Answer(masks, labels)


def one_kmeans(coords: np.ndarray, rgb: np.ndarray | None, seed: int) -> Answer:
    features = position_and_color(coords, rgb)
    partitions = kmeans_partitions(features, seed)
    best = max(partitions, key=lambda labels: calinski_harabasz(features, labels))
    return Answer(masks_of(best), best)


def every_kmeans(coords: np.ndarray, rgb: np.ndarray | None, seed: int) -> Answer:
    partitions = kmeans_partitions(position_and_color(coords, rgb), seed)
    return Answer(np.concatenate([masks_of(labels) for labels in partitions]), None)


def grown_regions(coords: np.ndarray, rgb: np.ndarray | None) -> Answer:
    edges = neighbor_graph(coords).edges
    normals = point_normals(coords, edges)
    u, v = edges.T
    agree = abs((normals[u] * normals[v]).sum(axis=1)) >= np.cos(np.radians(MAX_ANGLE))
    if rgb is not None:
        colors = rgb.astype(np.float64) / 255
        agree &= np.linalg.norm(colors[u] - colors[v], axis=1) <= MAX_COLOR_STEP
    links = csr_matrix((np.ones(agree.sum(), bool), (u[agree], v[agree])), shape=(len(coords),) * 2)
    labels = connected_components(links, directed=False)[1]
    # As small as the parts that count; smaller regions are nobody's.
    large = np.flatnonzero(np.bincount(labels) >= 50)
    labels = np.where(np.isin(labels, large), np.searchsorted(large, labels), -1)
    return Answer(masks_of(labels), labels)


def point_normals(coords: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The direction in which the neighbours of each point vary least; its sign means nothing."""
    xyz = coords.astype(np.float64)
    both = np.concatenate([edges, edges[:, ::-1]])
    offset = xyz[both[:, 1]] - xyz[both[:, 0]]
    spread = np.zeros((len(xyz), 3, 3))
    np.add.at(spread, both[:, 0], offset[:, :, None] * offset[:, None, :])
    return np.linalg.eigh(spread)[1][:, :, 0]


def position_and_color(coords: np.ndarray, rgb: np.ndarray | None) -> np.ndarray:
    if rgb is None:
        return coords.astype(np.float64)
    return np.concatenate([coords, COLOR_WEIGHT * rgb / 255.0], axis=1, dtype=np.float64)


def kmeans_partitions(features: np.ndarray, seed: int) -> list[np.ndarray]:
    return [kmeans2(features, k, minit="++", seed=seed)[1] for k in KS if k <= len(features)]


def calinski_harabasz(features: np.ndarray, labels: np.ndarray) -> float:
    """Variance between the clusters over that within them, each per degree of freedom (Calinski, Harabasz 1974)."""
    _, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    k = len(counts)
    if k < 2:
        return 0.0
    means = np.stack([np.bincount(place, column) / counts for column in features.T], axis=1)
    between = (counts[:, None] * (means - features.mean(axis=0)) ** 2).sum() / (k - 1)
    within = ((features - means[place]) ** 2).sum() / max(1, len(features) - k)
    return float(between / max(within, 1e-12))


def masks_of(labels: np.ndarray) -> np.ndarray:
    kinds = np.unique(labels[labels >= 0])
    return labels == kinds[:, None]


def best_ious(parts: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """For each part [P, N] the IoU with the mask [M, N] that fits it best; 0 without masks."""
    if not len(masks):
        return np.zeros(len(parts))
    common = parts.astype(np.float32) @ masks.T.astype(np.float32)
    union = parts.sum(axis=1)[:, None] + masks.sum(axis=1) - common
    return (common / union).max(axis=1)


def panoptic_quality(parts: np.ndarray, labels: np.ndarray) -> float:
    """Sum of the IoUs above 0.5 over matches plus half of what was missed or made up; points of no part do not count.

    Two segments of a partition cannot both have an IoU above 0.5 with one part, so that matching is no choice.
    """
    segments = masks_of(np.where(parts.any(axis=0), labels, -1))
    ious = best_ious(parts, segments)
    matched = ious[ious > 0.5]
    missed = len(parts) - len(matched) + len(segments) - len(matched)
    return float(matched.sum() / max(len(matched) + 0.5 * missed, 1e-12))


if __name__ == "__main__":
    main()
