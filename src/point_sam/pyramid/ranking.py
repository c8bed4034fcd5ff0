"""From the signs of an answer to the IoU to expect of it: regression trees, boosted (Friedman 2001), as plain arrays.

`recipes/ranking` grows them on composed scenes and objects. The network's own predicted IoU is one of the signs; alone
it says how well a mask fits what of the thing lies in its ball, whatever was cut off.
"""

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from jaxtyping import Float, Float32, Int16

from point_sam.pyramid.signs import SIGNS


@dataclass(frozen=True, eq=False)
class Trees:
    """T regression trees of at most D nodes each, whose values are added up.

    Attributes:
        sign: which sign a node asks for; -1 in a leaf.
        threshold: up to which of its values `left` follows, else `right`.
        left, right: the nodes below.
        value: of a leaf.
        base: what all start from.
    """

    sign: Int16[np.ndarray, "T D"]
    threshold: Float32[np.ndarray, "T D"]
    left: Int16[np.ndarray, "T D"]
    right: Int16[np.ndarray, "T D"]
    value: Float32[np.ndarray, "T D"]
    base: float

    def predict(self, signs: Float32[np.ndarray, "A S"]) -> Float[np.ndarray, " A"]:
        """The sum of the leaves that each row falls into."""
        tree = np.arange(len(self.sign))
        node = np.zeros((len(signs), len(tree)), np.int64)
        while True:
            asked = self.sign[tree, node]
            if (asked < 0).all():
                return self.base + self.value[tree, node].sum(axis=1, dtype=np.float64)
            seen = np.take_along_axis(signs, np.maximum(asked, 0).astype(np.int64), axis=1)
            below = np.where(seen <= self.threshold[tree, node], self.left[tree, node], self.right[tree, node])
            node = np.where(asked < 0, node, below)


def predict_iou(signs: Float32[np.ndarray, "A S"]) -> Float[np.ndarray, " A"]:
    """The IoU to expect of each answer with what was clicked, from its signs (`SIGNS`, in that order)."""
    return load_trees().predict(signs)


@cache
def load_trees() -> Trees:
    """The trees in the package.

    Raises:
        ValueError: they were grown on other signs.
    """
    with resources.files("point_sam.weights").joinpath("ranking.npz").open("rb") as file, np.load(file) as arrays:
        if tuple(arrays["signs"].tolist()) != SIGNS:
            raise ValueError("ranking.npz was grown on other signs than there are; run recipes/ranking again")
        columns = {name: arrays[name] for name in ("sign", "threshold", "left", "right", "value")}
        return Trees(**columns, base=float(arrays["base"]))
