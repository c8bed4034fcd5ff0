"""Colours: from whatever a file holds to uint8, and a mask painted over them."""

import numpy as np
from jaxtyping import Bool, UInt8

from point_sam.clouds.cloud import PointCloudError

MASK_COLOR = (255, 120, 0)  # orange: rare in scans, readable over grey, green and blue alike
MASK_WEIGHT = 0.65  # the rest is the point's own colour, so that texture still shows under the paint
NEUTRAL_COLOR = 160  # grey of the points outside the mask where the cloud has no colours


def to_uint8(colors: np.ndarray) -> UInt8[np.ndarray, "N 3"]:
    """Colours of any real dtype as 0..255.

    Integers up to 255 are taken as they are; larger ones are 16-bit and divided by 257. Floats that are all
    within 0..1 are fractions, else they must lie within 0..255; both are rounded.

    Args:
        colors: [N, 3].

    Raises:
        PointCloudError: NaN, negative, or beyond the range.
    """
    if colors.dtype == np.uint8:
        return colors
    if colors.dtype.kind not in "biuf":
        raise PointCloudError(f"colours are {colors.dtype}; expected numbers")
    if colors.size == 0:
        return colors.astype(np.uint8)
    low, high = float(colors.min()), float(colors.max())
    largest = 255 if colors.dtype.kind == "f" else 65535
    if not (low >= 0 and high <= largest):  # so written that NaN is refused too
        raise PointCloudError(
            f"colours range from {low:g} to {high:g}; expected 0..1 or 0..255 (integers: or 0..65535)"
        )
    if colors.dtype.kind == "f":
        return np.rint(colors.astype(np.float64) * (255 if high <= 1 else 1)).astype(np.uint8)
    if high <= 255:
        return colors.astype(np.uint8)
    return np.rint(colors / 257.0).astype(np.uint8)


def paint_mask(rgb: UInt8[np.ndarray, "N 3"] | None, mask: Bool[np.ndarray, " N"]) -> UInt8[np.ndarray, "N 3"]:
    """The colours with the masked points blended towards orange; grey stands in for colours that are missing."""
    painted = np.full((len(mask), 3), NEUTRAL_COLOR, dtype=np.uint8) if rgb is None else rgb.copy()
    blend = painted[mask] * (1 - MASK_WEIGHT) + np.asarray(MASK_COLOR) * MASK_WEIGHT
    painted[mask] = np.rint(blend).astype(np.uint8)
    return painted
