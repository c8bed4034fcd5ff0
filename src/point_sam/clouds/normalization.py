"""The one place where a cloud is moved into the unit ball, as the model wants it."""

import numpy as np
from jaxtyping import Float32, Float64

from point_sam.clouds.cloud import PointCloudError, check_xyz


def normalize(xyz: np.ndarray) -> tuple[Float32[np.ndarray, "N 3"], Float64[np.ndarray, "3"], float]:
    """Coordinates minus their mean, over the largest norm: `coords = (xyz - center) / scale`, computed in float64.

    Args:
        xyz: [N, 3] finite coordinates in any unit, UTM-sized ones included.

    Returns:
        coords: float32, norm at most 1 up to float32 rounding.
        center: the mean, in the units of `xyz`.
        scale: the largest distance from the mean, in the units of `xyz`; 1.0 where all points coincide.

    Raises:
        PointCloudError: not [N, 3], empty, not finite, or so large that float64 overflows.
    """
    xyz = check_xyz(xyz)
    # Measured from the first point: sums of UTM-sized numbers lose digits, and points that coincide
    # would get a centre a rounding error away from themselves and be blown up to a ball of noise.
    with np.errstate(over="ignore", invalid="ignore"):
        shifted = xyz - xyz[0]
        offset = shifted.mean(axis=0)
        center = xyz[0] + offset
        centered = shifted - offset
        largest = float(np.abs(centered).max())
    if not np.isfinite(largest) or not np.isfinite(center).all():
        raise PointCloudError("coordinates are too large to centre in float64; rescale the cloud")
    if largest == 0.0:
        return np.zeros(xyz.shape, dtype=np.float32), center, 1.0
    # By the largest coordinate first, so that squares neither overflow nor vanish.
    unit = centered / largest
    radius = float(np.sqrt(np.einsum("nd,nd->n", unit, unit).max()))
    return (unit / radius).astype(np.float32), center, largest * radius
