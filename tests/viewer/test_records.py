import base64
import json
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from point_sam.session import Click
from point_sam.viewer.objects import SegmentedObject
from point_sam.viewer.records import (
    MaskForm,
    RecordError,
    clicks_from_records,
    decode_mask,
    encode_mask,
    objects_from_records,
    objects_to_records,
)

MASKS = hnp.arrays(bool, st.integers(1, 200))
FLOATS = st.floats(-1e9, 1e9)


PLAIN_OBJECT = st.fixed_dictionaries(
    {
        "mask": hnp.arrays(bool, 40).filter(np.any),
        "name": st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=80),
        "color": st.tuples(*[st.integers(0, 255)] * 3),
        "iou_score": st.none() | st.floats(-2, 2),
        "clicks": st.lists(st.builds(Click, st.tuples(FLOATS, FLOATS, FLOATS), st.booleans()), max_size=3),
        "visible": st.booleans(),
    }
)
PLAIN_OBJECTS = st.dictionaries(st.integers(1, 2**31 - 1), PLAIN_OBJECT, max_size=4)


def told(item: SegmentedObject) -> tuple[Any, ...]:
    """All that an object is, to be compared."""
    values = vars(item) | {"bits": item.bits.tobytes()}
    return tuple(values.values())


@given(PLAIN_OBJECTS, st.sampled_from(["plain", "packed"]))
def test_objects_come_back_from_json(plain: dict[int, dict[str, Any]], form: MaskForm) -> None:
    objects = [SegmentedObject.of(id, **values) for id, values in plain.items()]
    records = json.loads(json.dumps(objects_to_records(objects, form)))
    assert [told(item) for item in objects_from_records(records, 40)] == [told(item) for item in objects]


@given(PLAIN_OBJECTS)
def test_masks_may_be_kept_elsewhere(plain: dict[int, dict[str, Any]]) -> None:
    objects = [SegmentedObject.of(id, **values) for id, values in plain.items()]
    masks = np.array([item.mask for item in objects], bool).reshape(-1, 40)
    records = objects_to_records(objects, "none")
    assert [told(item) for item in objects_from_records(records, 40, masks)] == [told(item) for item in objects]


@given(MASKS)
def test_a_mask_comes_back_from_its_shorter_form(mask: np.ndarray) -> None:
    record = encode_mask(mask)
    np.testing.assert_array_equal(decode_mask(record, len(mask)), mask)
    (values,) = record.values()
    assert len(values) <= int(mask.sum())


def test_runs_begin_outside_the_mask() -> None:
    assert encode_mask(np.array([1, 1, 1, 1, 0, 0, 1, 1, 1, 1], bool)) == {"runs": [0, 4, 2, 4]}
    assert encode_mask(np.array([0, 1, 0, 0, 0, 0, 0, 0, 0, 0], bool)) == {"indices": [1]}


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"runs": [3, 3]}, "count 6 points; the cloud has 10"),
        ({"runs": [2**62, 2**62, 10]}, "count 9223372036854775818 points"),
        ({"runs": [-5, 15]}, "whole numbers"),
        ({"runs": [5.0, 5.0]}, "whole numbers"),
        ({"runs": "10"}, "no list"),
        ({"indices": [10]}, "names point 10"),
        ({"indices": [-1]}, "whole numbers"),
        ({"indices": [True]}, "whole numbers"),
        ({"indices": [10**30]}, "whole numbers"),
        ({"indices": [[1], [2]]}, "whole numbers"),
        ({"bits": "eJwDAAAAAAE="}, "0 bytes; 2 are"),
        ({}, "neither runs nor"),
        ([], "no dictionary"),
    ],
)
def test_a_mask_that_is_none_is_refused(record: Any, words: str) -> None:
    with pytest.raises(RecordError, match=words):
        decode_mask(record, 10)


def test_bits_are_not_unpacked_beyond_the_cloud() -> None:
    bomb = base64.b64encode(zlib.compress(bytes(50_000_000))).decode()
    with pytest.raises(RecordError, match="3 bytes; 2 are"):
        decode_mask({"bits": bomb}, 10)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": 0}, "id 0 is below 1"),
        ({"id": True}, "id is True"),
        ({"id": 2**31}, "id is 2147483648"),
        ({"name": 3}, "name is no text"),
        ({"name": ""}, "name is empty"),
        ({"color": [1, 2]}, "color is"),
        ({"color": [1, 2, 256]}, "color is"),
        ({"iou_score": "good"}, "iou_score is good"),
        ({"iou_score": float("nan")}, "iou_score is nan"),
        ({"visible": 1}, "visible"),
        ({"clicks": None}, "clicks are no list"),
        ({"mask": {"indices": []}}, "empty"),
        ({"mask": {"bits": "!"}}, "entry 0"),
    ],
)
def test_an_object_that_is_none_is_refused(change: dict[str, Any], words: str) -> None:
    (record,) = objects_to_records([SegmentedObject.of(1, np.ones(10, bool))], "plain")
    with pytest.raises(RecordError, match=words):
        objects_from_records([record | change], 10)


def test_what_is_missing_is_named() -> None:
    (record,) = objects_to_records([SegmentedObject.of(1, np.ones(10, bool))], "plain")
    del record["color"]
    with pytest.raises(RecordError, match="entry 0 of the objects: 'color' is missing"):
        objects_from_records([record], 10)


def test_lists_that_are_none_and_ids_that_are_twice_are_refused() -> None:
    with pytest.raises(RecordError, match="no list"):
        objects_from_records({}, 10)
    records = objects_to_records([SegmentedObject.of(1, np.ones(10, bool))], "plain")
    with pytest.raises(RecordError, match="two objects have the id 1"):
        objects_from_records(records * 2, 10)
    with pytest.raises(RecordError, match="10,001 objects; at most 10,000"):
        objects_from_records(records * 10_001, 10)


@pytest.mark.parametrize(
    "record",
    [
        {"point": [1, 2], "positive": True},
        {"point": [1, 2, None], "positive": True},
        {"point": [1, 2, float("inf")], "positive": True},
        {"point": [1, 2, 3], "positive": 1},
        [],
    ],
)
def test_a_click_that_is_none_is_refused(record: Any) -> None:
    with pytest.raises(RecordError, match="click"):
        clicks_from_records([record])
