import gc
import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from point_sam import PointCloud, PointSAM
from point_sam.encoded import EncodedCloud, fingerprint_cloud
from point_sam.model import Grouping
from point_sam.viewer.encoding_cache import EncodingCache
from point_sam.viewer.scene import Scene
from point_sam.viewer.work import WorkQueue


@pytest.fixture
def work() -> Iterator[WorkQueue]:
    work = WorkQueue()
    yield work
    work.close()


@pytest.fixture
def encodes(model: PointSAM, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the clouds that were encoded, in order."""
    sizes: list[int] = []
    encode = model.encode

    def counted(coords: np.ndarray, rgb: np.ndarray | None, *, normalize: bool) -> EncodedCloud:
        sizes.append(len(coords))
        return encode(coords, rgb, normalize=normalize)

    monkeypatch.setattr(model, "encode", counted)
    return sizes


def scene_of(seed: int, count: int = 200) -> Scene:
    cloud = PointCloud(np.random.default_rng(seed).normal(size=(count, 3)))
    return Scene("a.ply", cloud, None, None, "z", fingerprint_cloud(cloud.xyz))


def test_a_cloud_is_encoded_once(work: WorkQueue, model: PointSAM, encodes: list[int]) -> None:
    cache = EncodingCache(work)
    first = cache.get(scene_of(0), model).result(60)
    assert cache.get(scene_of(0), model).result(0) is first
    assert encodes == [200]
    assert (len(cache), cache.num_bytes) == (1, first.num_bytes)


def test_who_asks_meanwhile_waits_for_the_same_encoding(work: WorkQueue, model: PointSAM, encodes: list[int]) -> None:
    cache, gate, begun = EncodingCache(work), threading.Event(), []
    work.submit(gate.wait)
    futures = [cache.get(scene_of(0), model, owner=n, on_start=lambda n=n: begun.append(n)) for n in range(3)]
    assert futures[1].cancel()
    gate.set()
    assert futures[0].result(60) is futures[2].result(60)
    assert (encodes, begun) == ([200], [0])


def test_another_grouping_is_another_encoding(work: WorkQueue, model: PointSAM, encodes: list[int]) -> None:
    cache = EncodingCache(work)
    cache.get(scene_of(0), model).result(60)
    model.adjust_patch_params(num_groups=16)
    assert cache.get(scene_of(0), model).result(60).num_groups == 16
    assert len(encodes) == 2


def test_the_least_recently_used_goes_first(work: WorkQueue, model: PointSAM, encodes: list[int]) -> None:
    size = EncodingCache(work).get(scene_of(0), model).result(60).num_bytes
    cache = EncodingCache(work, max_bytes=2 * size)
    for seed in (0, 1, 0, 2):
        cache.get(scene_of(seed), model).result(60)
    assert cache.num_bytes == 2 * size
    encodes.clear()
    gc.collect()
    cache.get(scene_of(0), model).result(60)
    assert encodes == []
    cache.get(scene_of(1), model).result(60)
    assert encodes == [200]


def test_what_is_in_use_survives_being_dropped(work: WorkQueue, model: PointSAM, encodes: list[int]) -> None:
    cache = EncodingCache(work, max_bytes=0)
    used = cache.get(scene_of(0), model).result(60)
    assert len(cache) == 0
    assert cache.get(scene_of(0), model).result(60) is used
    del used
    gc.collect()
    cache.get(scene_of(0), model).result(60)
    assert len(encodes) == 2


def test_a_failure_reaches_all_who_wait_and_is_tried_again(
    work: WorkQueue, model: PointSAM, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*cloud: object, normalize: bool) -> EncodedCloud:
        raise MemoryError("too much")

    cache, gate = EncodingCache(work), threading.Event()
    with monkeypatch.context() as patch:
        patch.setattr(model, "encode", fail)
        work.submit(gate.wait)
        futures = [cache.get(scene_of(0), model) for _ in range(2)]
        gate.set()
        for future in futures:
            with pytest.raises(MemoryError):
                future.result(60)
    assert cache.get(scene_of(0), model).result(60).num_points == 200


def test_an_encoding_from_elsewhere_is_taken(work: WorkQueue, model: PointSAM, encodes: list[int]) -> None:
    scene, cache = scene_of(0), EncodingCache(work)
    encoded = model.encode(scene.xyz, None, normalize=True)
    cache.add(encoded)
    encodes.clear()
    assert cache.get(scene, model).result(60) is encoded
    assert encodes == []


@pytest.mark.parametrize(
    "other", [{"precision": "bfloat16"}, {"grouping": Grouping(7, 8)}, {"grouping": Grouping(32, 8, 50)}]
)
def test_an_encoding_from_elsewhere_is_taken_as_it_is(
    work: WorkQueue, model: PointSAM, encodes: list[int], other: dict[str, object]
) -> None:
    scene, cache = scene_of(0), EncodingCache(work)
    added = replace(model.encode(scene.xyz, None, normalize=True), **other)
    cache.add(added)
    encodes.clear()
    assert cache.get(scene, model).result(60) is added
    assert encodes == []


def test_an_encoding_by_other_weights_is_not_taken(work: WorkQueue, model: PointSAM, encodes: list[int]) -> None:
    scene, cache = scene_of(0), EncodingCache(work)
    cache.add(replace(model.encode(scene.xyz, None, normalize=True), model_fingerprint="other"))
    encodes.clear()
    assert cache.get(scene, model).result(60).model_fingerprint == model.fingerprint
    assert encodes == [200]


def test_what_is_stored_is_asked_for_again_when_it_was_dropped(
    work: WorkQueue, model: PointSAM, encodes: list[int]
) -> None:
    asked: list[str] = []

    def stored(scene: Scene) -> EncodedCloud | None:
        asked.append(scene.fingerprint)
        return replace(known, grouping=Grouping(7, 8)) if scene.fingerprint == known.cloud_fingerprint else None

    first, second = scene_of(0), scene_of(1)
    known = model.encode(first.xyz, None, normalize=True)
    encodes.clear()
    cache = EncodingCache(work, max_bytes=0, stored=stored)
    held = cache.get(first, model).result(60)
    assert held.num_groups == 7
    assert cache.get(first, model).result(60) is held
    del held
    gc.collect()
    assert cache.get(first, model).result(60).num_groups == 7
    assert encodes == []
    cache.get(second, model).result(60)
    assert encodes == [200]
    assert asked == [first.fingerprint, first.fingerprint, second.fingerprint]


@pytest.mark.parametrize("error", [ValueError("it is stale"), PermissionError("it is stale")])
def test_what_is_stored_but_refused_is_told_and_encoded(
    work: WorkQueue, model: PointSAM, encodes: list[int], caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def stored(scene: Scene) -> EncodedCloud | None:
        raise error

    encoded = EncodingCache(work, stored=stored).get(scene_of(0), model).result(60)

    assert encoded.num_points == 200
    assert encodes == [200]
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("WARNING", "it is stale; until then it is encoded here")
    ]


def test_a_closed_queue_ends_the_waiting(work: WorkQueue, model: PointSAM) -> None:
    cache, gate = EncodingCache(work), threading.Event()
    work.submit(gate.wait)
    future = cache.get(scene_of(0), model)
    work.close()
    gate.set()
    assert future.cancelled()
