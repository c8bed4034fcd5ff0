"""Grows the trees that rank answers, and says what they are worth on clouds left out.

    python -m recipes.ranking.grow clicks*.npz -o src/point_sam/weights/ranking.npz

Needs scikit-learn (BSD): pip install scikit-learn
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from point_sam.pyramid.pyramid import WHOLE
from point_sam.pyramid.ranking import Trees
from point_sam.pyramid.signs import SIGNS

_CLICKS = SIGNS.index("clicks")
_FOLDS = 4


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clicks", type=Path, nargs="+", help="files of recipes.ranking.collect")
    parser.add_argument("-o", "--out", type=Path, required=True)
    arguments = parser.parse_args()
    clicks = read(arguments.clicks)
    compare(clicks)
    trees = grow(clicks["signs"], clicks["iou"], clicks["click"])
    arrays = {name: value for name, value in vars(trees).items() if name != "base"}
    np.savez_compressed(arguments.out, signs=np.array(SIGNS), base=np.float64(trees.base), **arrays)
    print(f"{arguments.out}: {len(trees.sign)} trees, {arguments.out.stat().st_size / 1000:.0f} kB")


def read(paths: list[Path]) -> dict[str, np.ndarray]:
    """All files as one, clicks and clouds numbered on."""
    parts = [dict(np.load(path)) for path in paths]
    for name in ("click", "cloud"):
        start = 0
        for part in parts:
            part[name] = part[name] + start
            start = int(part[name].max()) + 1
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def grow(signs: np.ndarray, iou: np.ndarray, click: np.ndarray) -> Trees:
    """Boosted trees; every click counts the same, however many answers it has."""
    try:
        from sklearn.ensemble import HistGradientBoostingRegressor
    except ImportError as err:
        raise ImportError("growing trees needs scikit-learn: pip install scikit-learn") from err
    weight = 1 / np.bincount(click)[click]
    # On 1,000 clicks: more leaves or rounds win nothing on clouds left out.
    model = HistGradientBoostingRegressor(
        max_iter=100,
        max_leaf_nodes=12,
        learning_rate=0.08,
        min_samples_leaf=20,
        l2_regularization=5,
        max_features=0.5,
        random_state=0,
    ).fit(signs, iou, sample_weight=weight)
    return _as_arrays(model)


def compare(clicks: dict[str, np.ndarray]) -> None:
    """Mean IoU of what is taken after each click on clouds left out: whole cloud, as taken, best of all answers."""
    order = np.random.default_rng(0).permutation(int(clicks["cloud"].max()) + 1)
    fold = order[clicks["cloud"]] % _FOLDS
    predicted = np.zeros(len(fold))
    for part in range(_FOLDS):
        train = fold != part
        predicted[~train] = grow(*(clicks[name][train] for name in ("signs", "iou", "click"))).predict(
            clicks["signs"][~train]
        )
    signs, iou = clicks["signs"], clicks["iou"]
    score, radius = signs[:, SIGNS.index("iou_score")], signs[:, SIGNS.index("log_radius")]
    whole = np.abs(radius) < 1e-6
    scores = (np.where(whole, score, -np.inf), predicted + WHOLE * whole, iou)
    print(f"{'kind':8s} click count  whole  taken   best")
    for kind in np.unique(clicks["kind"]):
        for number in (1, 2, 3):
            rows = np.flatnonzero((clicks["kind"] == kind) & (signs[:, _CLICKS] == number))
            groups = np.split(rows, np.flatnonzero(np.diff(clicks["click"][rows])) + 1) if len(rows) else []
            means = [np.mean([iou[g[by[g].argmax()]] for g in groups]) for by in scores]
            print(f"{kind:8s} {number:5d} {len(groups):5d}  " + "  ".join(f"{mean:.3f}" for mean in means))


def _as_arrays(model: Any) -> Trees:
    nodes = [rounds[0].nodes for rounds in model._predictors]
    most = max(len(tree) for tree in nodes)

    def gather(name: str, dtype: type) -> np.ndarray:
        out: np.ndarray = np.zeros((len(nodes), most), dtype)
        for row, tree in zip(out, nodes, strict=True):
            row[: len(tree)] = tree[name]
        return out

    leaf = gather("is_leaf", np.bool_)
    return Trees(
        sign=np.where(leaf, -1, gather("feature_idx", np.int16)).astype(np.int16),
        threshold=gather("num_threshold", np.float32),
        left=gather("left", np.int16),
        right=gather("right", np.int16),
        value=np.where(leaf, gather("value", np.float32), 0).astype(np.float32),
        base=float(np.ravel(model._baseline_prediction)[0]),
    )


if __name__ == "__main__":
    main()
