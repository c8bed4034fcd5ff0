"""Which points of a scene are drawn, and where: at most 300,000, centred for a browser's small floats."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Integer

from point_sam.viewer.scene import Scene

MAX_DRAWN = 300_000


@dataclass(frozen=True, eq=False)
class Drawing:
    """The drawn points, in the drawing's own units: drawn = (scene - center) / scale, inside the unit ball.

    Attributes:
        positions: of the D drawn points. In the unit ball float16 is off by at most 0.0005 of the radius.
        index: which of the scene's points each is, ascending.
        row: for each of the scene's points the row that draws it, -1 where it is not drawn.
        center, scale: in the scene's units.
        reach: for each drawn point how far from it a click still means it, in drawing units: the distance to its
            third neighbour, at most four times the median of those.
    """

    positions: Float32[np.ndarray, "D 3"]
    index: Integer[np.ndarray, " D"]
    row: Integer[np.ndarray, " N"]
    center: Float64[np.ndarray, "3"]
    scale: float
    reach: Float32[np.ndarray, " D"]

    def __len__(self) -> int:
        """D, the number of drawn points."""
        return len(self.index)

    @property
    def point_size(self) -> float:
        """A diameter at which neighbouring points touch, in drawing units."""
        raise NotImplementedError

    def to_drawing(self, points: Float64[np.ndarray, "K 3"]) -> Float64[np.ndarray, "K 3"]:
        """Places in the scene's units as places in the drawing."""
        raise NotImplementedError

    def to_scene(self, places: Float64[np.ndarray, "K 3"]) -> Float64[np.ndarray, "K 3"]:
        """Places in the drawing in the scene's units."""
        raise NotImplementedError


def draw_scene(scene: Scene, *, max_drawn: int = MAX_DRAWN, seed: int = 0) -> Drawing:
    """Choose the points to draw: all, or a random choice that is the same every time.

    Raises:
        ValueError: max_drawn is below 1.
    """
    raise NotImplementedError
