"""One encoding of a cloud, or of a ball of it, as a session asks it: the original's protocol of clicks."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64

from point_sam.encoded import EncodedCloud
from point_sam.focus import Focus
from point_sam.predictor import PointSAM


@dataclass(frozen=True, eq=False)
class SingleReading:
    """One of the network's answers.

    Attributes:
        logits: of the points that were encoded.
        iou_score: as the network predicts it.
        radius: of the ball of those points, in the unit of `Single.unit`.
    """

    logits: Float32[np.ndarray, " P"]
    iou_score: float
    radius: float


@dataclass(frozen=True, eq=False)
class Single:
    """A cloud looked at in one encoding.

    Attributes:
        model: answers.
        encoded: what is looked at.
        focus: the ball that it is of; None for the whole cloud.
    """

    model: PointSAM
    encoded: EncodedCloud
    focus: Focus | None = None

    @property
    def unit(self) -> float:
        """What radii of readings are multiples of, in the cloud's units."""
        return 1.0

    def answer(
        self,
        points: Float64[np.ndarray, "K 3"],
        positive: Bool[np.ndarray, " K"],
        last: SingleReading | None = None,
        *,
        specks: bool = True,
    ) -> list[SingleReading]:
        """Three candidates for the first click; one mask for all the clicks and the last logits afterwards.

        Args:
            points, positive: the clicks, in the cloud's units.
            last: what was taken before.
            specks: they stay, as in the original.
        """
        logits, scores = self.model.predict_encoded(
            self.encoded,
            points[None],
            positive[None].astype(np.int64),
            mask_inputs=None if last is None else last.logits[None],
            multimask_output=last is None,
        )
        radius = self.encoded.scale if self.focus is None else self.focus.radius
        found = zip(logits[0].cpu().numpy(), scores[0].tolist(), strict=True)
        return [SingleReading(mask, score, radius) for mask, score in found]

    def spread(self, reading: SingleReading) -> Float32[np.ndarray, " N"]:
        """A reading's logits for all points of the cloud, a copy."""
        return reading.logits.copy() if self.focus is None else self.focus.spread(reading.logits[None])[0]

    def spread_mask(self, reading: SingleReading) -> Bool[np.ndarray, " N"]:
        """A reading's mask for all points of the cloud."""
        return self.spread(reading) > 0
