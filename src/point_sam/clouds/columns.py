"""Named columns, as most formats store them, to the parts of a cloud and back.

Coordinates and colours are found by name, in any letter case; everything else is an attribute. What a format
cannot say about an attribute (that it was boolean, or that `normal_0 normal_1 normal_2` were one array) is said in a
comment of the file, `point-sam attribute normal float32 Nx3`, which other programs pass over.
"""

import re
from collections.abc import Callable, Iterable

import numpy as np

from point_sam.clouds.cloud import PointCloud, PointCloudError
from point_sam.clouds.colors import to_uint8
from point_sam.clouds.registry import RawCloud

_XYZ = ("x", "y", "z")
_COLORS = (("red", "green", "blue"), ("r", "g", "b"), ("diffuse_red", "diffuse_green", "diffuse_blue"))
_HINT = re.compile(r"^point-sam attribute (\S+) (bool|u?int(?:8|16|32|64)|float(?:16|32|64)) N(?:x([1-9]\d{0,4}))?$")

Hints = dict[str, tuple[str, int | None]]  # attribute -> (dtype name, columns or None for [N])


def cloud_from_columns(columns: dict[str, np.ndarray], hints: Iterable[str] = ()) -> RawCloud:
    """Sort columns into coordinates, colours and attributes.

    Args:
        columns: name -> [N] or [N, k]; coordinates and colours only as [N].
        hints: the file's comments; those that are no hints, or fit no column, change nothing.

    Raises:
        PointCloudError: no x, y, z, or colours out of range.
    """
    xyz_names = _find(columns, _XYZ)
    if xyz_names is None:
        raise PointCloudError(f"has no columns x, y, z; found {_list(columns)}")
    color_names = next((names for triple in _COLORS if (names := _find(columns, triple)) is not None), ())
    xyz = np.stack([columns[name].astype(np.float64, copy=False) for name in xyz_names], axis=1)
    rgb = to_uint8(np.stack([columns[name] for name in color_names], axis=1)) if color_names else None
    rest = {name: values for name, values in columns.items() if name not in xyz_names and name not in color_names}
    return RawCloud(xyz, rgb, _apply_hints(rest, parse_hints(hints)))


def columns_from_cloud(
    cloud: PointCloud, store: Callable[[str, np.ndarray], np.ndarray], *, keep_2d: bool = False
) -> tuple[dict[str, np.ndarray], list[str]]:
    """The columns to write, x y z [red green blue] and the attributes, and the hints that bring these back.

    Args:
        store: makes of a named array what the format holds (uint8 of bool, say), or raises PointCloudError.
        keep_2d: leave [N, k] attributes whole, for a format that has such columns, instead of name_0 .. name_{k-1}.

    Raises:
        PointCloudError: a name twice, or names that a reader would take for coordinates or colours.
    """
    columns = {name: cloud.xyz[:, axis] for axis, name in enumerate(_XYZ)}
    if cloud.rgb is not None:
        columns.update({name: cloud.rgb[:, axis] for axis, name in enumerate(_COLORS[0])})
    hints = []
    for attribute, values in cloud.attributes.items():
        stored = store(attribute, values)
        parts = {attribute: stored}
        if values.ndim == 2 and not keep_2d:
            parts = {f"{attribute}_{axis}": stored[:, axis] for axis in range(values.shape[1])}
        twice = next((name for name in parts if name in columns), None)
        if twice is not None:
            raise PointCloudError(f"attribute {attribute!r} needs a column {twice!r} that exists already; rename it")
        columns.update(parts)
        # uint64 always: in text only the hint tells it from int64.
        other_type = stored.dtype != values.dtype or values.dtype == np.uint64
        if other_type or (values.ndim == 2 and (not keep_2d or values.shape[1] == 1)):
            shape = "N" if values.ndim == 1 else f"Nx{values.shape[1]}"
            hints.append(f"point-sam attribute {attribute} {values.dtype.name} {shape}")
    if cloud.rgb is None and (found := next((t for t in _COLORS if _find(columns, t) is not None), None)):
        raise PointCloudError(f"attributes named {' '.join(found)} would be read back as colours; rename them")
    return columns, hints


def parse_hints(comments: Iterable[str]) -> Hints:
    """The hints among a file's comments (without their comment marks)."""
    found = (match for comment in comments if (match := _HINT.match(comment.strip())))
    return {match[1]: (match[2], int(match[3]) if match[3] else None) for match in found}


def _find(columns: dict[str, np.ndarray], wanted: tuple[str, ...]) -> tuple[str, ...] | None:
    """The columns of these names, exact spelling first, then any letter case."""
    if all(name in columns for name in wanted):
        names = wanted
    else:
        folded = {name.lower(): name for name in reversed(columns)}
        if not all(name in folded for name in wanted):
            return None
        names = tuple(folded[name] for name in wanted)
    return names if all(columns[name].ndim == 1 for name in names) else None


def _apply_hints(columns: dict[str, np.ndarray], hints: Hints) -> dict[str, np.ndarray]:
    """Columns joined and cast as hinted; a hint that does not fit, or would change a value, is passed over.

    It may be stale: other programs drop columns and convert types, and keep comments.
    """
    columns = dict(columns)
    for attribute, (dtype, width) in hints.items():
        parts = [attribute] if width is None else [f"{attribute}_{axis}" for axis in range(min(width, len(columns)))]
        if attribute in columns and width in (None, 1) and columns[attribute].ndim == 1:
            values = columns.pop(attribute)
            values = values if width is None else values[:, None]
        elif attribute in columns:
            values = columns.pop(attribute)
        elif len(parts) == width and all(name in columns and columns[name].ndim == 1 for name in parts):
            values = np.stack([columns.pop(name) for name in parts], axis=1)
        else:
            continue
        cast = cast_exactly(values, np.dtype(dtype))
        columns[attribute] = values if cast is None else cast
    return columns


def cast_exactly(values: np.ndarray, dtype: np.dtype) -> np.ndarray | None:
    """`values` as `dtype` if every one of them survives there and back, else None."""
    if values.dtype == dtype:
        return values
    with np.errstate(all="ignore"):
        cast = values.astype(dtype)
        back = cast.astype(values.dtype)
        same = (back == values) | ((values != values) & (back != back))
    if values.dtype.kind in "iu" and dtype.kind == "f":
        # The way back saturates: 2**63 as float64 returns as 2**63 - 1, which then seems to have survived.
        same &= np.abs(cast) < 2.0**63
    return cast if bool(same.all()) else None


def _list(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "") if names else "none"
