"""Signs of a good answer: what tells, without the truth, how well a mask fits what was clicked.

One row for each answer of each ball. The rows are what `ranking` predicts IoU from; the order of the columns is part of
its file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from point_sam.pyramid.balls import Ball
from point_sam.pyramid.pieces import find_pieces

SIGNS = (
    "iou_score",  # as the network predicts it, for what of the thing lies in the ball
    "wall",  # share of the mask near the ball's border
    "share",  # of the ball's points
    "log_radius",  # of the ball, over that of the whole cloud
    "log_points",  # in the ball, decimal logarithm
    "stability",  # points of logits over 1 over those of logits over -1
    "certainty",  # mean probability in the mask
    "up",  # best IoU with an answer of the next larger ball, on what both hold; 0 without one
    "up_score",
    "down",  # likewise the next smaller ball
    "down_score",
    "has_up",
    "has_down",
    "agreement",  # mean over all other balls of the best IoU with one of their answers
    "extent",  # radius of the mask over that of the ball
    "log_extent",  # radius of the mask over that of the cloud
    "rank",  # among the answers of its ball, by score
    "behind",  # score less the best of its ball
    "clicks",
    "last",  # IoU with the mask before
    "last_inside",  # share of the mask before that lies in the ball
    "right",  # share of the clicks in the ball on whose right side the mask is
    "piece",  # share of the mask that hangs together with a click
    "rim",  # share of the mask's points that have a neighbour off it
    "depth",  # from the first click to the nearest point off the mask, over the mask's radius, 2 at most
)
_LARGEST_DEPTH = 2.0


@dataclass(frozen=True, eq=False)
class Answers:
    """What a ball answers to the clicks: none, if a click on the object lies outside.

    Attributes:
        ball: it.
        logits: of its sample.
        iou_scores: as the network predicts them.
    """

    ball: Ball
    logits: Float32[np.ndarray, "C M"]
    iou_scores: Float32[np.ndarray, " C"]

    @property
    def masks(self) -> Bool[np.ndarray, "C M"]:
        """Where logits are positive."""
        return self.logits > 0


class Agreement:
    """IoUs between the answers of balls, on the sample of the smaller of two.

    Args:
        answers: of all balls.
        nearest: `BallShelf.nearest`.
    """

    def __init__(self, answers: Sequence[Answers], nearest: Callable[[Ball, Ball], Int64[np.ndarray, " M"]]) -> None:
        self._answers = answers
        self._nearest = nearest
        self._masks = [a.masks.astype(np.float32) for a in answers]
        self._known: dict[tuple[int, int], Float32[np.ndarray, "C D"]] = {}

    def between(self, one: int, other: int) -> Float32[np.ndarray, "C D"]:
        """Of each answer of a ball with each answer of another, by their numbers."""
        if (one, other) not in self._known:
            a, b = self._answers[one].ball, self._answers[other].ball
            if a.radius < b.radius:
                return self.between(other, one).T
            index = self._nearest(a, b)
            seen = index >= 0
            left, right = self._masks[one][:, index[seen]], self._masks[other][:, seen]
            both = left @ right.T
            self._known[one, other] = both / np.maximum(left.sum(1)[:, None] + right.sum(1)[None] - both, 1)
        return self._known[one, other]


def find_signs(
    answers: Sequence[Answers],
    agreement: Agreement,
    points: Float64[np.ndarray, "K 3"],
    positive: Bool[np.ndarray, " K"],
    last: tuple[Sequence[np.ndarray], Float64[np.ndarray, "P 3"]] | None,
    cloud_radius: float,
) -> Float32[np.ndarray, "A S"]:
    """The signs of all answers, ball after ball.

    Args:
        answers: of balls that answered, the largest first.
        agreement: between them.
        points, positive: the clicks, in the cloud's units.
        last: the mask before, on each ball's sample, and its points; None at the first click.
        cloud_radius: of the ball round the whole cloud.
    """
    rows = []
    for number, answer in enumerate(answers):
        ball, scores = answer.ball, answer.iou_scores
        held = ball.holds(points)
        at = ball.sample.tree.query(points[held])[1]
        wanted = positive[held]
        inside = 1.0
        if last is not None and len(last[1]):
            inside = float(ball.sample.holds(last[1]).mean())
        others = [other for other in range(len(answers)) if other != number]
        agreed = {other: agreement.between(number, other) for other in others}
        for c, mask in enumerate(answer.masks):
            size = max(int(mask.sum()), 1)
            coords = ball.sample.coords[mask]
            middle = coords.mean(0) if len(coords) else ball.sample.center
            reach = np.linalg.norm(coords - middle, axis=1)
            extent = float(np.quantile(reach, 0.95)) if len(coords) else 0.0
            sides = []
            for other in (number - 1, number + 1):
                best = int(agreed[other][c].argmax()) if other in agreed else None
                sides += [0.0, 0.0] if best is None else [agreed[other][c, best], answers[other].iou_scores[best]]
            logits = answer.logits[c]
            rows.append(
                [
                    scores[c],
                    (mask & ball.wall).sum() / size,
                    mask.mean(),
                    np.log(ball.radius / cloud_radius),
                    np.log10(ball.sample.count),
                    (logits > 1).sum() / max((logits > -1).sum(), 1),
                    (1 / (1 + np.exp(-np.minimum(logits[mask], 30)))).mean() if len(coords) else 0.0,
                    *sides,
                    number > 0,
                    number < len(answers) - 1,
                    np.mean([agreed[other][c].max() for other in others]) if others else 0.0,
                    extent / ball.radius,
                    np.log(max(extent / cloud_radius, 1e-6)),
                    (scores > scores[c]).sum(),
                    scores[c] - scores.max(),
                    len(points),
                    0.0 if last is None else _iou(mask, last[0][number]),
                    inside,
                    (mask[at] == wanted).mean(),
                    _piece_share(ball, mask, at[wanted]),
                    (~mask[ball.neighbors[mask]]).any(1).mean() if len(coords) else 1.0,
                    _depth(ball, mask, at[wanted], extent),
                ]
            )
    return np.array(rows, np.float32).reshape(-1, len(SIGNS))


def _iou(one: Bool[np.ndarray, " M"], other: Bool[np.ndarray, " M"]) -> float:
    return float((one & other).sum() / max(int((one | other).sum()), 1))


def _piece_share(ball: Ball, mask: Bool[np.ndarray, " M"], clicked: Int64[np.ndarray, " K"]) -> float:
    clicked = clicked[mask[clicked]]
    if not len(clicked):
        return 0.0
    pieces = find_pieces(mask, ball.neighbors)
    return float(np.isin(pieces[mask], pieces[clicked]).mean())


def _depth(ball: Ball, mask: Bool[np.ndarray, " M"], clicked: Int64[np.ndarray, " K"], extent: float) -> float:
    clicked = clicked[mask[clicked]]
    off = ball.sample.coords[~mask]
    if not len(clicked) or not len(off):
        return 0.0
    distance = np.sqrt(((off - ball.sample.coords[clicked[0]]) ** 2).sum(1).min())
    return float(min(distance / max(extent, 1e-30), _LARGEST_DEPTH))
