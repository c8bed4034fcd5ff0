"""Teach `tiny` a new kind of object, and measure what it learnt: `python examples/6_finetune.py`, minutes on a CPU.

Needs `pip install ".[train]"`. docs/finetuning.md is the same from the shell, with figures.
"""

import argparse

import numpy as np
from finetune.make_shelves import make_shelf

from point_sam import PointSAM
from point_sam.datasets import open_dataset, write_labeled
from point_sam.evaluation import SampleRule, evaluate, make_sample
from point_sam.training.config import Optimizer, Stage, TrainConfig, Validation
from point_sam.training.trainer import train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--tests", type=int, default=4, help="shelves to measure on")
    args = parser.parse_args()
    for split, count in {"train": 20, "val": 5, "test": args.tests}.items():
        for index in range(count):
            shelf = make_shelf(np.random.default_rng((len(split), index)))
            write_labeled(shelf, f"shelves/{split}/{index}.ply")  # your own scans: docs/datasets.md

    dataset = open_dataset("shelves")
    rule = SampleRule(max_points=4096, max_masks=6)
    samples = [make_sample(dataset[index], str(index), rule) for index in dataset.split("test")]
    before = evaluate(PointSAM.from_pretrained("tiny"), samples, clicks=3).iou_at
    stage = Stage(clouds=4, masks=4, sizes=((2048, 512, 8),), rounds=3, clickless=0, affinity=0.4, strength=0.3)
    optimizer, validation = Optimizer(learning_rate=5e-4), Validation(every=0)  # measured here, before and after
    train(TrainConfig("shelves", steps=args.steps, optimizer=optimizer, validation=validation, stages=(stage,)), "run")
    after = evaluate(PointSAM.from_pretrained("run/final"), samples, clicks=3).iou_at
    print(f"IoU after 1, 2 and 3 clicks: before {np.round(before, 2)}, after {np.round(after, 2)}")


if __name__ == "__main__":
    main()
