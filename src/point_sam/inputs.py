"""What people pass to `PointSAM`, checked and brought into the network's units before any work starts."""

import warnings
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int64
from torch import Tensor

from point_sam.clouds.cloud import check_xyz
from point_sam.clouds.normalization import normalize as normalize_coords
from point_sam.encoded import EncodedCloud, as_numpy
from point_sam.messages import format_point

# Colour of points without colour: the grey that training feeds in place of dropped colours.
NEUTRAL_COLOR = 128.0
# Coordinates that float32 arithmetic pushed out of [-1, 1] by rounding are still inside.
_UNIT_SLACK = 1e-6
# Clicks come from rays, meshes and hands, and need not hit a point: 1% outside the ball is still on the object.
BALL_SLACK = 1e-2


@runtime_checkable
class Frame(Protocol):
    """A cloud that clicks are given for: unit = (coords - center) / scale."""

    @property
    def center(self) -> Float64[np.ndarray, "3"]:
        """Of the unit ball, in the cloud's units."""
        ...

    @property
    def scale(self) -> float:
        """The unit ball's radius, in the cloud's units."""
        ...

    @property
    def normalized(self) -> bool:
        """Whether the cloud came in units of its own."""
        ...


def unit_coords(coords: Any, *, normalize: bool) -> tuple[Float32[np.ndarray, "N 3"], Float64[np.ndarray, "3"], float]:
    """Coordinates in the unit ball, and the center and scale that brought them there.

    Raises:
        ValueError: not [N, 3], empty, not finite, or outside [-1, 1] without normalize=True.
    """
    xyz = check_xyz(as_numpy(coords))
    if normalize:
        return normalize_coords(xyz)
    outside = (np.abs(xyz) > 1 + _UNIT_SLACK).any(axis=1)
    if outside.any():
        first = int(outside.argmax())
        raise ValueError(
            f"{int(outside.sum())} of {len(xyz)} coords lie outside [-1, 1], the first at index {first}: "
            f"{format_point(xyz[first])}; pass normalize=True to set_pointcloud, or load with load_pointcloud"
        )
    return xyz.astype(np.float32), np.zeros(3), 1.0


def colors(rgb: Any, num_points: int) -> Float32[np.ndarray, "N 3"]:
    """Colours as float32 in 0..255; neutral grey for None.

    Raises:
        ValueError: not [N, 3], not real numbers, not finite, or outside 0..255.
    """
    if rgb is None:
        return np.full((num_points, 3), NEUTRAL_COLOR, np.float32)
    values = as_numpy(rgb)
    if values.shape != (num_points, 3):
        raise ValueError(f"rgb has shape {list(values.shape)}; expected [{num_points}, 3], one row per point of coords")
    if values.dtype.kind not in "uif":
        raise ValueError(f"rgb is {values.dtype}; expected uint8 or float colours in 0..255")
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 255):
        raise ValueError(
            f"rgb lies in {low:g}..{high:g}; expected finite colours in 0..255 (16-bit ones: divide by 257)"
        )
    # Upstream's demo fed [0, 1] colours to a network trained on the full range, and nobody noticed.
    if values.dtype.kind == "f" and high <= 1 and ((values > 0) & (values < 1)).any():
        warnings.warn("rgb lies in 0..1, which is almost black; colours are expected in 0..255", stacklevel=4)
    return np.array(values, np.float32, order="C")  # a copy: torch warns of arrays that are read-only


def unit_prompts(
    encoded: EncodedCloud, points: Any, labels: Any
) -> tuple[Float[Tensor, "M K 3"], Int64[Tensor, "M K"]]:
    """Clicks in the unit ball, and their labels, on the cloud's device.

    Args:
        encoded: the cloud they are for; its units are theirs.
        points: [M, K, 3].
        labels: [M, K], 1 positive, 0 negative.

    Raises:
        ValueError: wrong or mismatched shapes, not finite, outside the cloud's ball, labels other than 0 and 1.
    """
    xyz, marks = as_numpy(points), as_numpy(labels)
    if xyz.ndim != 3 or xyz.shape[2] != 3 or 0 in xyz.shape or xyz.dtype.kind not in "uif":
        raise ValueError(
            f"prompt_points has shape {list(xyz.shape)} ({xyz.dtype}); expected numbers [M, K, 3], M and K >= 1"
        )
    if marks.shape != xyz.shape[:2]:
        raise ValueError(f"prompt_labels has shape {list(marks.shape)}; expected {list(xyz.shape[:2])}, one per point")
    if not np.isin(marks, (0, 1)).all():
        wrong = marks[~np.isin(marks, (0, 1))].flat[0]
        raise ValueError(f"prompt_label {wrong} is unknown; 1 is a click on the object, 0 a click off it")
    unit = unit_clicks(encoded, xyz.astype(np.float64))
    return (
        torch.from_numpy(unit.astype(np.float32)).to(encoded.device),
        torch.from_numpy(marks.astype(np.int64)).to(encoded.device),
    )


def click_list(prompt_point: Any, prompt_label: Any) -> tuple[np.ndarray, np.ndarray]:
    """One click or several, as [1, K, 3] and [1, K]; one label counts for all points.

    Raises:
        ValueError: the point is missing or misshaped, or there are more or fewer labels than points.
    """
    if prompt_point is None:
        raise ValueError("prompt_point is missing; give the clicked point, e.g. prompt_point=[0.5, 0.1, -0.2]")
    points, labels = as_numpy(prompt_point), as_numpy(prompt_label)
    if points.shape == (3,):
        points = points[None]
    if points.ndim != 2 or points.shape[1] != 3 or len(points) == 0:
        raise ValueError(f"prompt_point has shape {list(points.shape)}; expected [3], or [K, 3] for K clicks")
    if labels.ndim == 0:
        labels = np.broadcast_to(labels, len(points))
    if labels.shape != (len(points),):
        raise ValueError(
            f"prompt_label has shape {list(labels.shape)} for {len(points)} prompt points; expected one each"
        )
    return points[None], labels[None]


def mask_logits(encoded: EncodedCloud, masks: Any, rows: int) -> Float[Tensor, "M N"] | None:
    """Mask prompts as float32 on the cloud's device.

    Raises:
        ValueError: not [M, N] finite numbers (booleans are masks, not logits).
    """
    if masks is None:
        return None
    values = masks.detach() if isinstance(masks, Tensor) else torch.from_numpy(np.array(masks))
    if tuple(values.shape) != (rows, encoded.num_points):
        raise ValueError(
            f"mask input has shape {list(values.shape)}; expected [{rows}, {encoded.num_points}] logits, one per point"
        )
    if not values.is_floating_point():
        raise ValueError(f"mask input is {values.dtype}; expected logits of an earlier answer (return_logits=True)")
    values = values.to(encoded.device, torch.float32)
    if not torch.isfinite(values).all():
        raise ValueError("mask input holds NaN or infinity; expected logits of an earlier answer (return_logits=True)")
    return values


def unit_clicks(cloud: Frame, points: Float64[np.ndarray, "*batch 3"]) -> Float64[np.ndarray, "*batch 3"]:
    """Clicks in the cloud's units as ones in the unit ball.

    Raises:
        ValueError: one is not finite, or outside the cloud's ball.
    """
    if not np.isfinite(points).all():
        raise ValueError(f"prompt_point {format_point(points[~np.isfinite(points).all(axis=-1)][0])} is not finite")
    unit = (points - cloud.center) / cloud.scale
    if cloud.normalized:
        distance = np.linalg.norm(unit, axis=-1)
        outside = distance > 1 + BALL_SLACK
        if outside.any():
            raise ValueError(
                f"prompt_point {format_point(points[outside][0])} lies {distance[outside][0] * cloud.scale:g} from the "
                f"cloud's centre {format_point(cloud.center)}, outside its bounding ball of radius "
                f"{cloud.scale:g}; prompt in the cloud's own units"
            )
        return unit
    outside = (np.abs(unit) > 1 + _UNIT_SLACK).any(axis=-1)
    if outside.any():
        raise ValueError(
            f"prompt_point {format_point(points[outside][0])} lies outside [-1, 1]; pass normalize=True to "
            f"set_pointcloud to prompt in the cloud's own units"
        )
    return unit
