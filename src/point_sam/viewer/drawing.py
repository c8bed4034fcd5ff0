"""Which points of a scene are drawn, and where: at most 300,000, centred for a browser's small floats."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Integer
from scipy.spatial import cKDTree

from point_sam.clouds import normalize
from point_sam.viewer.scene import Scene

MAX_DRAWN = 300_000
_NEIGHBORS = 3
_MOST_REACH = 4.0  # medians: stray points would else be hit from far away; not tuned
_SMALLEST, _LARGEST = 1e-3, 0.05  # of point_size, so that few or coinciding points are seen too


@dataclass(frozen=True, eq=False)
class Drawing:
    """The drawn points, in the drawing's own units: drawn = (scene - center) / scale, inside the unit ball.

    Attributes:
        positions: of the D drawn points. In the unit ball float16 is off by at most 0.0005 of the radius.
        index: which of the scene's points each is, ascending.
        center, scale: in the scene's units.
        reach: for each drawn point how far from it a click still means it, in drawing units: the distance to its
            third neighbour, at most four times the median of those.
    """

    positions: Float32[np.ndarray, "D 3"]
    index: Integer[np.ndarray, " D"]
    center: Float64[np.ndarray, "3"]
    scale: float
    reach: Float32[np.ndarray, " D"]

    def __len__(self) -> int:
        """D, the number of drawn points."""
        return len(self.index)

    @property
    def point_size(self) -> float:
        """A diameter at which neighbouring points touch, in drawing units."""
        return float(np.clip(np.median(self.reach), _SMALLEST, _LARGEST))

    def to_drawing(self, points: Float64[np.ndarray, "K 3"]) -> Float64[np.ndarray, "K 3"]:
        """Places in the scene's units as places in the drawing."""
        return (points - self.center) / self.scale


@dataclass(frozen=True, eq=False)
class Opened:
    """A scene and what is drawn of it; several people may share them."""

    scene: Scene
    drawing: Drawing


def draw_scene(scene: Scene, *, max_drawn: int = MAX_DRAWN, seed: int = 0) -> Drawing:
    """Choose the points to draw: all, or a random choice that is the same every time.

    Raises:
        ValueError: max_drawn is below 1.
    """
    if max_drawn < 1:
        raise ValueError(f"max_drawn is {max_drawn}; it must be 1 or more")
    coords, center, scale = normalize(scene.xyz)
    index = np.arange(len(scene))
    if len(scene) > max_drawn:
        index = np.sort(np.random.default_rng(seed).choice(len(scene), max_drawn, replace=False))
    positions = coords[index]
    return Drawing(positions, index, center, scale, _reach(positions))


def _reach(positions: Float32[np.ndarray, "D 3"]) -> Float32[np.ndarray, " D"]:
    neighbors = min(_NEIGHBORS, len(positions) - 1)
    if neighbors == 0:
        return np.zeros(1, np.float32)
    # Both settings make the tree quicker to build and change no answer.
    tree = cKDTree(positions, balanced_tree=False, compact_nodes=False)
    distance = tree.query(positions, k=[neighbors + 1], workers=-1)[0][:, 0].astype(np.float32)
    return np.minimum(distance, np.float32(_MOST_REACH) * np.median(distance))
