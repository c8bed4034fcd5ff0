"""The colours of a picture."""

import numpy as np
from numpy.typing import NDArray

from point_sam.picture.images import Floats

MASK_COLOR = (255, 92, 0)
POSITIVE_COLOR = (22, 163, 74)
NEGATIVE_COLOR = (220, 38, 38)
NEUTRAL_COLOR = (178, 182, 188)
INK_COLOR = (45, 50, 58)
BACKGROUND = 246  # just off white, so that white things stand out


def palette(segments: NDArray[np.int64]) -> Floats:
    """[N, 3] colours: segment 1 in the mask colour, the others round the hue circle by the golden angle."""
    hue = (0.0602 + (segments - 1) * 0.381966) % 1.0
    shade = np.where(segments == 1, 1.0, np.where(segments % 2 == 0, 0.92, 0.78))
    channels = [np.clip(np.abs((hue + turn) % 1.0 * 6 - 3) - 1, 0, 1) for turn in (0, 2 / 3, 1 / 3)]
    colors = (np.stack(channels, axis=1) * 255 * shade[:, None]).astype(np.float32)
    colors[segments == 1] = MASK_COLOR
    return colors
