"""A click looked at in balls of several sizes: each is encoded by itself and answers, and the answers are ranked.

A network sees a fixed number of groups, so that of a street encoded whole a car gets three. In a ball of the right size
it gets hundreds. Which size is right shows in the answers: see `signs`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Real, UInt8

from point_sam import inputs
from point_sam.encoded import EncodedCloud
from point_sam.focus import OUTSIDE_LOGIT
from point_sam.ops import BallSample, Octree
from point_sam.predictor import PointSAM
from point_sam.pyramid.balls import SAMPLE, Ball, BallShelf, carry
from point_sam.pyramid.pieces import drop_specks
from point_sam.pyramid.ranking import predict_iou
from point_sam.pyramid.signs import Agreement, Answers, find_signs

# From one ball to the next smaller.
_STEP = 0.6
# Balls that a first click is looked at in, the whole cloud among them.
_MOST = 7
# A ball is worth looking at if it holds so many points, and so much fewer than the one before.
_FEWEST = 300
_FEWER = 0.8
# In very dense clouds more than that: a thing has more than a two-thousandth of the points.
_SHARE = 2000
# The smallest radius in the unit ball that is looked at: where points coincide a ball holds enough of them at any size.
_SMALLEST = 1e-6
# The ball round the mask so far: so many times the radius of 95% of its points, and beyond the farthest click on it.
_MARGIN = 1.6
_CLICK_MARGIN = 1.2
_MASK_FEWEST = 20
_MASK_BALL_FEWEST = 200
# Answers of other balls that agree so well are averaged with the best one, at this weight.
_FUSED = 0.6
_FUSED_WEIGHT = 0.7
_LARGEST_LOGIT = 12.0
# Where a smaller ball is expected to be better by less than this, the whole cloud is asked: single objects lose 0.014
# IoU against it after the first click, and 0.023 without; scenes lose nothing by it (recipes/ranking).
WHOLE = 0.03
# Answers as alike as this are one candidate.
_SAME = 0.85


@dataclass(frozen=True, eq=False)
class Reading:
    """One thing that the clicks can mean.

    Attributes:
        ball: in which it was seen.
        logits: of the ball's sample, averaged with those of balls that agree, specks dropped.
        iou_score: predicted IoU of its mask.
    """

    ball: Ball
    logits: Float32[np.ndarray, " M"]
    iou_score: float

    @property
    def mask(self) -> Bool[np.ndarray, " M"]:
        """Where logits are positive."""
        return self.logits > 0

    @property
    def radius(self) -> float:
        """Of the ball, in the unit of `Pyramid.unit`."""
        return self.ball.radius

    @cached_property
    def coords(self) -> Float64[np.ndarray, "P 3"]:
        """The mask's points in the sample."""
        return self.ball.sample.coords[self.mask]


class Pyramid:
    """One cloud, indexed for clicks at every scale. Any number of sessions and threads may share it.

    Args:
        model: encodes and answers.
        coords: [N, 3], as `PointSAM.encode` takes them.
        rgb: [N, 3] colours 0..255, or None.
        normalize: take any units; clicks are then given in those.

    Attributes:
        model: it.
        center, scale: unit = (coords - center) / scale.
        normalized: whether the cloud came with normalize=True.
        rgb: colours, rounded, or None.

    Raises:
        ValueError: as `PointSAM.encode`.
    """

    def __init__(
        self,
        model: PointSAM,
        coords: Float[np.ndarray, "N 3"],
        rgb: Real[np.ndarray, "N 3"] | None = None,
        *,
        normalize: bool = False,
    ) -> None:
        self.model = model
        self.coords, self.center, self.scale = inputs.unit_coords(coords, normalize=normalize)
        self.normalized = normalize
        self.rgb: UInt8[np.ndarray, "N 3"] | None = None
        if rgb is not None:
            self.rgb = inputs.colors(rgb, len(self.coords)).round().astype(np.uint8)
        self._prepare()

    @staticmethod
    def of(model: PointSAM, encoded: EncodedCloud) -> "Pyramid":
        """The pyramid of an encoded cloud; one for all who ask."""
        with _LOCK:
            known = _KNOWN.setdefault(encoded, {})
            if id(model) not in known:  # the pyramid holds the model: no other gets its number
                pyramid = Pyramid.__new__(Pyramid)
                pyramid.model, pyramid.coords = model, encoded.coords
                pyramid.center, pyramid.scale = encoded.center, encoded.scale
                pyramid.normalized, pyramid.rgb = encoded.normalized, encoded.rgb
                pyramid._prepare()
                known[id(model)] = pyramid
            return known[id(model)]

    def _prepare(self) -> None:
        self._octree = Octree(self.coords)
        self._shelf = BallShelf(self.model, self._octree, self.rgb)
        self._middle = self.coords.mean(axis=0, dtype=np.float64)
        reach = float(np.sqrt(((self.coords - self._middle) ** 2).sum(1).max()))
        self._radius = max(reach * (1 + 1e-6), _SMALLEST)

    @property
    def num_points(self) -> int:
        """N."""
        return len(self.coords)

    @property
    def unit(self) -> float:
        """What radii of readings are multiples of, in the cloud's units: balls are cut in the unit ball."""
        return self.scale

    def units(self) -> Float64[np.ndarray, "N 3"]:
        """The points in the units of clicks, which are the cloud's own."""
        return self.coords.astype(np.float64) * self.scale + self.center

    def answer(
        self,
        points: Float64[np.ndarray, "K 3"],
        positive: Bool[np.ndarray, " K"],
        last: Reading | None = None,
        *,
        specks: bool = False,
    ) -> list[Reading]:
        """What the clicks can mean, the best first; of answers that are nearly equal the best one only.

        Args:
            points: the clicks, the first one on the object.
            positive: on the object, or off it.
            last: what was taken after the clicks before the last; None at the first click.
            specks: keep pieces that nobody clicked, however small.

        Raises:
            ValueError: a click lies outside the cloud.
        """
        places = inputs.unit_clicks(self, points)
        view = self.look(places, positive, last)
        scores = predict_iou(view.signs) + WHOLE * view.whole
        kept: list[int] = []
        for best in np.argsort(-scores, kind="stable").tolist():
            if not any(view.same(best, other) for other in kept):
                kept.append(best)
        readings = []
        for number in kept:
            ball, logits = view.ball(number), self._fused(view, number)
            if not specks:
                logits = drop_specks(logits, ball.neighbors, ball.sample.tree.query(places[positive])[1])
            readings.append(Reading(ball, logits, float(np.float32(np.clip(scores[number], 0, 1)))))
        return readings

    def look(
        self, places: Float64[np.ndarray, "K 3"], positive: Bool[np.ndarray, " K"], last: Reading | None
    ) -> "View":
        """What every ball answers, before anything is ranked.

        Args:
            places: the clicks, in the unit ball.
            positive, last: as `answer` takes them.
        """
        samples = self._first_balls(places[0])
        if last is not None:
            samples += self._ball_round(last, places[positive])
        balls = self._shelf.take(samples, whole=0)
        answers = [self._ask(ball, places, positive, last) for ball in sorted(balls, key=lambda ball: -ball.radius)]
        answers = [answer for answer in answers if len(answer.iou_scores)]
        agreement = Agreement(answers, self._shelf.nearest)
        before = None if last is None else ([self._carried(last, a.ball) > 0 for a in answers], last.coords)
        return View(answers, agreement, find_signs(answers, agreement, places, positive, before, self._radius))

    def spread(self, reading: Reading) -> Float32[np.ndarray, " N"]:
        """A reading's logits for all points of the cloud; OUTSIDE_LOGIT beyond its ball."""
        logits = np.full(self.num_points, OUTSIDE_LOGIT, np.float32)
        points, values = self._octree.spread(reading.ball.sample, reading.logits)
        logits[points] = values
        return logits

    def spread_mask(self, reading: Reading) -> Bool[np.ndarray, " N"]:
        """A reading's mask for all points of the cloud."""
        mask = np.zeros(self.num_points, bool)
        points, values = self._octree.spread(reading.ball.sample, reading.logits)
        mask[points] = values > 0
        return mask

    def _first_balls(self, point: Float64[np.ndarray, "3"]) -> list[BallSample]:
        """The whole cloud, and balls round the first click, as long as they get smaller."""
        samples = [self._octree.sample_ball(self._middle, self._radius, SAMPLE)]
        fewest = max(_FEWEST, self.num_points // _SHARE)
        radius = 2 * self._radius
        while len(samples) < _MOST and radius > _SMALLEST:
            radius *= _STEP
            sample = self._octree.sample_ball(point, radius, SAMPLE)
            if sample.count < fewest:
                break
            if sample.count < _FEWER * samples[-1].count:
                samples.append(sample)
        return samples

    def _ball_round(self, last: Reading, clicked: Float64[np.ndarray, "K 3"]) -> list[BallSample]:
        """The ball round the mask so far and the clicks on it, unless that is nothing or nearly the whole cloud."""
        if len(last.coords) < _MASK_FEWEST:
            return []
        middle = np.median(last.coords, axis=0)
        reach = _MARGIN * np.quantile(np.linalg.norm(last.coords - middle, axis=1), 0.95)
        radius = float(max(reach, _CLICK_MARGIN * np.linalg.norm(clicked - middle, axis=1).max()))
        if not _SMALLEST < radius < _FEWER * self._radius:
            return []
        sample = self._octree.sample_ball(middle, radius, SAMPLE)
        return [sample] if sample.count >= _MASK_BALL_FEWEST else []

    def _ask(
        self,
        ball: Ball,
        points: Float64[np.ndarray, "K 3"],
        positive: Bool[np.ndarray, " K"],
        last: Reading | None,
    ) -> Answers:
        held = ball.holds(points)
        if (~held & positive).any():
            return Answers(ball, np.zeros((0, len(ball.sample.points)), np.float32), np.zeros(0, np.float32))
        logits, scores = self.model.predict_encoded(
            ball.encoded,
            ball.prompts(points[held])[None],
            positive[held][None].astype(np.int64),
            mask_inputs=None if last is None else self._carried(last, ball)[None],
            multimask_output=last is None,
        )
        return Answers(ball, logits[0].cpu().numpy(), scores[0].cpu().numpy())

    def _carried(self, reading: Reading, ball: Ball) -> Float32[np.ndarray, " M"]:
        if reading.ball is ball:
            return reading.logits
        return carry(self._shelf.nearest(reading.ball, ball), reading.logits, OUTSIDE_LOGIT)

    def _fused(self, view: "View", number: int) -> Float32[np.ndarray, " M"]:
        """An answer's logits averaged with those of the answers of other balls that agree with it."""
        owner, c = view.owners[number]
        ball, logits = view.ball(number), view.logits(number)
        total = np.clip(logits, -_LARGEST_LOGIT, _LARGEST_LOGIT)
        weight = np.ones_like(total)
        for other, answer in enumerate(view.answers):
            if other == owner:
                continue
            agreed = view.agreement.between(owner, other)[c]
            best = int(agreed.argmax())
            if agreed[best] > _FUSED:
                index = self._shelf.nearest(answer.ball, ball)
                seen = index >= 0
                share = np.float32(_FUSED_WEIGHT * agreed[best])
                total[seen] += share * np.clip(answer.logits[best][index[seen]], -_LARGEST_LOGIT, _LARGEST_LOGIT)
                weight[seen] += share
        return total / weight


@dataclass(frozen=True, eq=False)
class View:
    """What the balls answer to some clicks.

    Attributes:
        answers: of the balls that hold all clicks on the object, the largest first.
        agreement: between them.
        signs: one row for each answer, ball after ball: answer number A below.
    """

    answers: Sequence[Answers]
    agreement: Agreement
    signs: Float32[np.ndarray, "A S"]

    @cached_property
    def owners(self) -> list[tuple[int, int]]:
        """Of each answer its ball, and which of the ball's it is."""
        return [(number, c) for number, answer in enumerate(self.answers) for c in range(len(answer.iou_scores))]

    @property
    def whole(self) -> Bool[np.ndarray, " A"]:
        """Which answers are those of the whole cloud."""
        return np.array([self.answers[owner].ball.whole for owner, _ in self.owners], bool)

    def ball(self, number: int) -> Ball:
        """The ball of an answer."""
        return self.answers[self.owners[number][0]].ball

    def logits(self, number: int) -> Float32[np.ndarray, " M"]:
        """An answer's logits, on the sample of its ball."""
        owner, c = self.owners[number]
        return self.answers[owner].logits[c]

    def reading(self, number: int) -> Reading:
        """An answer as it is, unranked: with the network's own score."""
        owner, c = self.owners[number]
        return Reading(self.ball(number), self.logits(number), float(self.answers[owner].iou_scores[c]))

    def same(self, one: int, other: int) -> bool:
        """Whether two answers are nearly equal: on what both balls hold, and with hardly anything beyond."""
        (a, c), (b, d) = self.owners[one], self.owners[other]
        if a == b:
            left, right = self.logits(one) > 0, self.logits(other) > 0
            return float((left & right).sum() / max(int((left | right).sum()), 1)) > _SAME
        if self.agreement.between(a, b)[c, d] <= _SAME:
            return False
        large, small = (one, other) if a < b else (other, one)
        coords = self.ball(large).sample.coords[self.logits(large) > 0]
        return not len(coords) or float(self.ball(small).sample.holds(coords).mean()) > _SAME


_KNOWN: WeakKeyDictionary[EncodedCloud, dict[int, Pyramid]] = WeakKeyDictionary()
_LOCK = Lock()
