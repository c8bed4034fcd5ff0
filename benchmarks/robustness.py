"""How much of its IoU a model keeps on changed objects: the robustness table of docs/tiny.md.

    python benchmarks/robustness.py objects.npz
    python benchmarks/robustness.py objects.npz --model run/final --rows 8 --max-masks 2 --clicks 5 --only "1% noise"

The same objects and masks as `point-sam evaluate` chooses with the same numbers, then changed by
`point_sam.evaluation.perturbations`, each object by a random stream of its own. A mask counts in a line if at least 5
of its points and at most 95% of all points are left; the figure in brackets is the share of what the model reaches
without the change on the very same masks. 10k, 100k and 1M points are interpolated between those that there are.
"""

import argparse
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from point_sam.evaluation import DataChoice, Sample, SampleRule, choose_models, evaluate
from point_sam.evaluation import perturbations as change
from point_sam.evaluation.runs import read_sample
from point_sam.evaluation.segmenters import Segmenter
from point_sam.evaluation.tables import table

MIN_POINTS, MAX_SHARE = 5, 0.95
FLOOR = 0.7
PLAIN = "plain"

CHANGES: dict[str, Callable[[Sample, np.random.Generator], Sample]] = {
    "no colour": change.drop_color,
    "1k points": partial(change.resample, count=1_000),
    "10k points": partial(change.resample, count=10_000),
    "100k points": partial(change.resample, count=100_000),
    "1M points": partial(change.resample, count=1_000_000),
    "5% outliers": partial(change.add_outliers, share=0.05),
    "1% noise": partial(change.add_noise, sigma=0.01),
    "any rotation": change.rotate,
    "half cut away": change.cut_half,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="as point-sam evaluate takes it")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--split", default="auto")
    parser.add_argument("--rows", type=int, default=20, help="objects")
    parser.add_argument("--max-masks", type=int, default=4, help="of each object")
    parser.add_argument("--clicks", type=int, default=10)
    parser.add_argument("--only", nargs="+", choices=list(CHANGES), help="these changes instead of all")
    parser.add_argument("--num-groups", type=int)
    parser.add_argument("--group-size", type=int)
    parser.add_argument("--device")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="also write the table here")
    options = parser.parse_args()

    (choice,) = choose_models(
        [options.model],
        num_groups=options.num_groups,
        group_size=options.group_size,
        device=options.device,
        precision=options.precision,
    )
    data = DataChoice(options.data, split=options.split, limit=options.rows, seed=options.seed)
    samples = read_samples(data, SampleRule(max_masks=options.max_masks, seed=options.seed))
    text = robustness_table(choice.build(), samples, options.only or list(CHANGES), options.clicks, options.seed)
    print(text)
    if options.out is not None:
        options.out.write_text(f"{text}\n")


def read_samples(data: DataChoice, rule: SampleRule) -> list[Sample]:
    """The chosen objects that have masks."""
    dataset = data.open()
    samples = (read_sample(dataset, number, rule) for number in data.choose(dataset)[1])
    return [sample for sample in samples if sample is not None]


def robustness_table(segmenter: Segmenter, samples: list[Sample], names: list[str], clicks: int, seed: int) -> str:
    """One line per change, IoU after each shown click and its share of the plain figure; a flag under 70%."""
    plain = _scores(segmenter, samples, clicks, PLAIN)
    shown = sorted({k for k in (1, 3, 5, 10) if k <= clicks} | {clicks})
    everything = np.concatenate(plain)
    lines = [[PLAIN, str(len(everything)), *(f"{everything[:, k - 1].mean():.3f}" for k in shown), ""]]
    for name in names:
        changed, rows = change_samples(samples, name, seed)
        if not changed:
            lines.append([name, "0", *("-" for _ in shown), "no mask is left"])
            continue
        after = np.concatenate(_scores(segmenter, changed, clicks, name))
        before = np.concatenate([plain[index][kept] for index, kept in rows])
        shares = [after[:, k - 1].mean() / max(before[:, k - 1].mean(), 1e-9) for k in shown]
        cells = [f"{after[:, k - 1].mean():.3f} ({share:.0%})" for k, share in zip(shown, shares, strict=True)]
        lines.append([name, str(len(after)), *cells, f"below {FLOOR:.0%}" if min(shares) < FLOOR else ""])
    return table(["change", "masks", *(f"IoU@{k}" for k in shown), ""], lines)


def change_samples(samples: list[Sample], name: str, seed: int) -> tuple[list[Sample], list[tuple[int, np.ndarray]]]:
    """The changed samples with their usable masks, and for each the number of its sample and the rows kept."""
    changed, rows = [], []
    for index, sample in enumerate(samples):
        generator = np.random.default_rng([seed, zlib.crc32(f"{name} {sample.name}".encode())])
        after = CHANGES[name](sample, generator)
        kept = change.usable_rows(after, min_points=MIN_POINTS, max_share=MAX_SHARE)
        if len(kept):
            changed.append(after._replace(masks=after.masks[kept]))
            rows.append((index, kept))
    return changed, rows


def _scores(segmenter: Segmenter, samples: list[Sample], clicks: int, name: str) -> list[np.ndarray]:
    shown = track(samples, description=name, console=Console(stderr=True))
    return [result.iou for result in evaluate(segmenter, shown, clicks=clicks).objects]


if __name__ == "__main__":
    main()
