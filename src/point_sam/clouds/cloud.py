"""A point cloud in memory: coordinates, colours, named attributes, checked once when it is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64, UInt8

from point_sam.messages import printable

_MAX_MESSAGE = 600  # characters: an error stays one readable line even where the file chose the words in it
_ATTRIBUTE_KINDS = "biufcSUmM"  # no Python objects, no records


# The ways out that the command line, a page or a file of settings have other words for, in those of Python.
_ADVICE = {"drop_invalid": "drop them (read_pointcloud(..., drop_invalid=True) does) or repair the source"}


class PointCloudError(ValueError):
    """A point cloud, or a file that should hold one, cannot be used: one line with place, reason, way out.

    Args:
        message: place and reason, and the way out where all callers have the same words for it.
        advice: the key of another way out, which follows the message; see `advise`.
    """

    def __init__(self, message: str, advice: str | None = None):
        self.message, self.advice = message, advice
        super().__init__(self.advise(_ADVICE))

    def advise(self, ways: Mapping[str, str]) -> str:
        """The line, with the way out in a caller's own words, by key."""
        line = self.message if self.advice is None else f"{self.message}; {ways[self.advice]}"
        return printable(line, _MAX_MESSAGE)

    def within(self, place: object) -> "PointCloudError":
        """The same, said of a place that the message does not name."""
        return PointCloudError(f"{place}: {self.message}", self.advice)


@dataclass(frozen=True, eq=False)
class PointCloud:
    """Points with optional colours and any number of named per-point attributes.

    Args:
        xyz: [N, 3] finite coordinates in the file's own units; stored as float64.
        rgb: [N, 3] uint8 colours 0..255, or None where the source has none.
        attributes: name -> array [N] or [N, k] of numbers, booleans, strings or dates. The dtype is kept,
            in the machine's byte order.

    Raises:
        PointCloudError: no points, wrong shapes, lengths that differ, NaN or infinite coordinates.
    """

    # Plain types: what is given is checked below, with better words than a type checker's.
    xyz: np.ndarray
    rgb: np.ndarray | None = None
    attributes: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        xyz = check_xyz(self.xyz)
        object.__setattr__(self, "xyz", xyz)
        if self.rgb is not None:
            object.__setattr__(self, "rgb", _check_rgb(self.rgb, len(xyz)))
        object.__setattr__(self, "attributes", _check_attributes(self.attributes, len(xyz)))

    def __len__(self) -> int:
        return len(self.xyz)

    def __repr__(self) -> str:
        rgb = "None" if self.rgb is None else "uint8"
        return f"PointCloud({len(self)} points, rgb={rgb}, attributes={sorted(self.attributes)})"

    def _repr_png_(self) -> bytes:
        """For Jupyter: the cloud in its colours."""
        from point_sam.display import show

        return show(self)._repr_png_()


def check_xyz(xyz: np.ndarray) -> Float64[np.ndarray, "N 3"]:
    """`xyz` as float64, after refusing what is not [N, 3], empty, or not finite.

    Raises:
        PointCloudError: which of these, with the count and the first index of the points that are not finite.
    """
    xyz = np.asarray(xyz)
    if xyz.ndim != 2 or xyz.shape[1] != 3:
        raise PointCloudError(f"coordinates have shape {_shape(xyz)}; expected [N, 3]")
    if xyz.dtype.kind not in "biuf":
        raise PointCloudError(f"coordinates are {xyz.dtype}; expected real numbers")
    if len(xyz) == 0:
        raise PointCloudError("the cloud has no points; at least one is needed")
    with np.errstate(over="ignore"):
        xyz = np.ascontiguousarray(xyz, dtype=np.float64)
    invalid = invalid_rows(xyz)
    if invalid.any():
        raise PointCloudError(
            f"{int(invalid.sum())} of {len(xyz)} points have NaN or infinite coordinates, the first at index "
            f"{int(invalid.argmax())}",
            advice="drop_invalid",
        )
    return xyz


def invalid_rows(xyz: Float64[np.ndarray, "N 3"]) -> np.ndarray:
    """Which points have a NaN or infinite coordinate: [N] bool."""
    return ~np.isfinite(xyz).all(axis=1)


def _check_rgb(rgb: np.ndarray, count: int) -> UInt8[np.ndarray, "N 3"]:
    rgb = np.asarray(rgb)
    if rgb.shape != (count, 3):
        raise PointCloudError(f"rgb has shape {_shape(rgb)}; expected [{count}, 3], one row per point")
    if rgb.dtype != np.uint8:
        raise PointCloudError(
            f"rgb is {rgb.dtype}; expected uint8 colours 0..255 (scale, round, then astype(np.uint8))"
        )
    return np.ascontiguousarray(rgb)


def _check_attributes(attributes: Mapping[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    checked = {}
    for name, values in attributes.items():
        if not isinstance(name, str) or not name:
            raise PointCloudError(f"attribute name {name!r} is not a non-empty string")
        values = np.asarray(values)
        if values.ndim not in (1, 2) or len(values) != count or (values.ndim == 2 and values.shape[1] == 0):
            raise PointCloudError(
                f"attribute {name!r} has shape {_shape(values)}; expected [{count}] or [{count}, k], one row per point"
            )
        if values.dtype.kind not in _ATTRIBUTE_KINDS:
            raise PointCloudError(f"attribute {name!r} is {values.dtype}; expected numbers, booleans, strings or dates")
        checked[name] = values.astype(values.dtype.newbyteorder("="), copy=False)
    return checked


def _shape(array: np.ndarray) -> str:
    return "[" + ", ".join(str(size) for size in array.shape) + "]"
