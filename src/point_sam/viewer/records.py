"""Objects as plain values, for JSON, and back: read with the suspicion that a file from elsewhere deserves."""

import base64
import math
import zlib
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool

from point_sam.session import Click
from point_sam.viewer.objects import SegmentedObject

MaskForm = Literal["plain", "packed", "none"]

_MOST_OBJECTS = 10_000
_MOST_BITS = 16 << 30  # of all masks together: 2 GiB
_WHAT_GOES_WRONG = (ValueError, KeyError, TypeError, OverflowError, AttributeError, RecursionError, zlib.error)


class RecordError(ValueError):
    """What was read is no list of objects; the reader puts the file's name before it."""


def objects_to_records(objects: Sequence[SegmentedObject], masks: MaskForm) -> list[dict[str, Any]]:
    """The objects as dictionaries of plain values.

    Args:
        objects: any.
        masks: "plain" as run lengths or indices (see `encode_mask`), "packed" as base64 of zlib of the mask's bits,
            small and quick, "none" leaves them to be stored elsewhere.
    """
    return [
        {
            "id": item.id,
            "name": item.name,
            "color": list(item.color),
            "visible": item.visible,
            "iou_score": item.iou_score,
            "points": item.area,
            "clicks": clicks_to_records(item.clicks),
            **({} if masks == "none" else {"mask": _mask_to_record(item, masks)}),
        }
        for item in objects
    ]


def objects_from_records(
    records: Any, num_points: int, masks: Bool[np.ndarray, "M N"] | None = None
) -> list[SegmentedObject]:
    """The objects again.

    Args:
        records: what `objects_to_records` made, or what somebody claims to be that.
        num_points: N of the scene.
        masks: where the records hold none.

    Raises:
        RecordError: they are not, or not for so many points.
    """
    if not isinstance(records, list):
        raise RecordError("the objects are no list")
    check_count(len(records), num_points)
    if masks is not None and masks.shape != (len(records), num_points):
        raise RecordError(f"{len(masks)} masks for {len(records)} objects")
    objects: list[SegmentedObject] = []
    for position, record in enumerate(records):
        try:
            mask = decode_mask(record["mask"], num_points) if masks is None else masks[position]
            objects.append(_object_from_record(record, mask))
        except _WHAT_GOES_WRONG as err:
            reason = f"{err.args[0]!r} is missing" if isinstance(err, KeyError) else str(err)
            raise RecordError(f"entry {position} of the objects: {reason}") from err
    check_ids(objects)
    return objects


def check_count(count: int, num_points: int) -> None:
    """Refuse more objects than memory should hold.

    Raises:
        RecordError: there are more.
    """
    most = max(1, min(_MOST_OBJECTS, _MOST_BITS // num_points))
    if count > most:
        raise RecordError(f"{count:,} objects; at most {most:,} are read for a cloud of {num_points:,} points")


def check_ids(objects: Sequence[SegmentedObject]) -> None:
    """Refuse two objects of one id.

    Raises:
        RecordError: there are.
    """
    seen: set[int] = set()
    for item in objects:
        if item.id in seen:
            raise RecordError(f"two objects have the id {item.id}")
        seen.add(item.id)


def clicks_to_records(clicks: Sequence[Click]) -> list[dict[str, Any]]:
    """Clicks as dictionaries: `point` [x, y, z], `positive`."""
    return [{"point": list(click.point), "positive": click.positive} for click in clicks]


def clicks_from_records(records: Any) -> tuple[Click, ...]:
    """The clicks again.

    Raises:
        RecordError: they are not.
    """
    if not isinstance(records, list):
        raise RecordError("the clicks are no list")
    clicks = []
    for record in records:
        point = record.get("point") if isinstance(record, dict) else None
        if not isinstance(point, list) or len(point) != 3 or not all(_is_finite(value) for value in point):
            raise RecordError(f"a click's point is {str(point)[:80]}; expected three finite numbers")
        if not isinstance(record.get("positive"), bool):
            raise RecordError("a click does not say whether it is positive")
        clicks.append(Click((float(point[0]), float(point[1]), float(point[2])), record["positive"]))
    return tuple(clicks)


def encode_mask(mask: Bool[np.ndarray, " N"]) -> dict[str, list[int]]:
    """A mask as `runs`, lengths of points outside and inside in turn, outside first, or `indices` where that is less.

    Runs suit clouds in scan order, indices small masks of shuffled ones. Uncompressed COCO masks count the same way.
    """
    indices = np.flatnonzero(mask)
    borders = np.flatnonzero(mask[1:] != mask[:-1]) + 1
    if len(borders) + 2 > len(indices):
        return {"indices": indices.tolist()}
    runs = np.diff(borders, prepend=0, append=len(mask)).tolist()
    return {"runs": [0, *runs] if mask[0] else runs}


def decode_mask(record: Any, num_points: int) -> Bool[np.ndarray, " N"]:
    """A mask from any of its forms.

    Raises:
        RecordError: it is in none, or not for so many points.
    """
    if not isinstance(record, dict):
        raise RecordError("the mask is no dictionary")
    if "runs" in record:
        runs = _whole_numbers(record["runs"], "runs")
        # The sum is compared as Python has it: int64 would wrap round.
        if sum(runs.tolist()) != num_points:
            raise RecordError(f"the mask's runs count {sum(runs.tolist())} points; the cloud has {num_points}")
        return np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    if "indices" in record:
        indices = _whole_numbers(record["indices"], "indices")
        if len(indices) and indices.max() >= num_points:
            raise RecordError(f"the mask names point {indices.max()}; the cloud has {num_points}")
        mask = np.zeros(num_points, bool)
        mask[indices] = True
        return mask
    if "bits" in record:
        size = (num_points + 7) // 8
        inflate = zlib.decompressobj()
        octets = inflate.decompress(base64.b64decode(record["bits"], validate=True), size + 1)
        if len(octets) != size:
            raise RecordError(f"the mask's bits are {len(octets)} bytes; {size} are those of {num_points} points")
        return np.unpackbits(np.frombuffer(octets, np.uint8), count=num_points, bitorder="little").view(bool)
    raise RecordError("the mask has neither runs nor indices nor bits")


def _mask_to_record(item: SegmentedObject, form: MaskForm) -> dict[str, Any]:
    if form == "plain":
        return dict(encode_mask(item.mask))
    octets = item.bits.astype("<u8", copy=False).tobytes()[: (item.num_points + 7) // 8]
    return {"bits": base64.b64encode(zlib.compress(octets, 1)).decode()}


def _object_from_record(record: dict[str, Any], mask: Bool[np.ndarray, " N"]) -> SegmentedObject:
    id, name, color, score, visible = (record[key] for key in ("id", "name", "color", "iou_score", "visible"))
    if type(id) is not int or id >= 2**31:
        raise RecordError(f"its id is {str(id)[:80]}; expected a whole number below 2**31")
    if not isinstance(name, str):
        raise RecordError("its name is no text")
    if not (isinstance(color, list) and len(color) == 3 and all(type(c) is int and 0 <= c <= 255 for c in color)):
        raise RecordError(f"its color is {str(color)[:80]}; expected three whole numbers 0..255")
    if score is not None and not _is_finite(score):
        raise RecordError(f"its iou_score is {str(score)[:80]}; expected a number or null")
    if not isinstance(visible, bool):
        raise RecordError("it does not say whether it is visible")
    return SegmentedObject.of(
        id,
        mask,
        name=name,
        color=(color[0], color[1], color[2]),
        iou_score=None if score is None else float(score),
        clicks=clicks_from_records(record["clicks"]),
        visible=visible,
    )


def _whole_numbers(values: Any, what: str) -> np.ndarray:
    numbers = np.asarray(values if isinstance(values, list) else None)
    if numbers.ndim != 1 or (len(numbers) and (numbers.dtype.kind not in "iu" or numbers.min() < 0)):
        raise RecordError(f"the mask's {what} are no list of whole numbers from 0 on")
    return numbers.astype(np.int64)


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
