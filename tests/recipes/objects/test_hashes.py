from dataclasses import replace

import numpy as np
import pytest

from recipes.objects.clouds import ObjectCloud
from recipes.objects.entries import catalog
from recipes.objects.hashes import (
    compare,
    format_hashes,
    hash_cloud,
    parse_hashes,
    reference_hashes,
)


@pytest.fixture
def cloud() -> ObjectCloud:
    return ObjectCloud(
        {"package": "p", "name": "n", "pose": "rest"},
        np.arange(24, dtype=np.int16).reshape(8, 3),
        np.zeros((8, 3), np.uint8),
        np.zeros(8, np.uint8),
        np.arange(8, dtype=np.uint8),
        np.array([255], np.uint8),
    )


@pytest.mark.parametrize(("name", "which"), [("xyz", 0), ("rgb", 0), ("part", 0), ("part_fine", 0), ("visible", 1)])
def test_every_array_is_in_one_of_the_two_hashes(cloud: ObjectCloud, name: str, which: int) -> None:
    other = getattr(cloud, name).copy()
    other.flat[0] ^= 1
    before, after = hash_cloud(cloud), hash_cloud(replace(cloud, **{name: other}))
    assert before[which] != after[which]
    assert before[1 - which] == after[1 - which]


def test_hash_is_sha256_of_the_arrays_one_after_the_other(cloud: ObjectCloud) -> None:
    import hashlib

    content = cloud.xyz.tobytes() + cloud.rgb.tobytes() + cloud.part.tobytes() + cloud.part_fine.tobytes()
    assert hash_cloud(cloud) == (hashlib.sha256(content).hexdigest(), hashlib.sha256(b"\xff").hexdigest())


def test_list_of_hashes_reads_back_sorted() -> None:
    hashes = {"p/b/rest": ("1", "2"), "p/a a/rest": ("3", "4")}
    assert parse_hashes(format_hashes(hashes)) == hashes
    assert format_hashes(hashes).splitlines() == ["3 4 p/a a/rest", "1 2 p/b/rest"]


def test_comparison_sorts_keys_into_what_became_of_them() -> None:
    reference = {"p/same/rest": ("1", "1"), "p/seen/rest": ("1", "1"), "p/moved/rest": ("1", "1")}
    reference |= {"p/lost/rest": ("1", "1"), "p/lost/random": ("1", "1"), "p/unasked/rest": ("1", "1")}
    built = {
        "p/same/rest": ("1", "1"),
        "p/seen/rest": ("1", "2"),
        "p/moved/rest": ("2", "1"),
        "p/fresh/rest": ("1", "1"),
    }
    found = compare(built, reference, {"p/same", "p/seen", "p/moved", "p/lost", "p/fresh"})
    assert found.identical == ["p/same/rest"]
    assert found.other_visibility == ["p/seen/rest"]
    assert found.changed == ["p/moved/rest"]
    assert found.missing == ["p/lost/random", "p/lost/rest"]
    assert found.new == ["p/fresh/rest"]


def test_shipped_reference_has_a_hash_of_nearly_every_model_of_the_catalogue() -> None:
    keys = {key.rpartition("/")[0] for key in reference_hashes()}
    entries = {entry.key for package in catalog() for entry in package.entries}
    assert keys <= entries
    assert len(keys) > 0.99 * len(entries)
