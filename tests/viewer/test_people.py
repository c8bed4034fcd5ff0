"""Several people at once, without a server: one model, one queue, shared encodings, own workspaces."""

from collections.abc import Iterator
from concurrent.futures import Future

import numpy as np
import pytest

from point_sam import PointSAM
from point_sam.viewer.encoding_cache import EncodingCache
from point_sam.viewer.scene import Scene
from point_sam.viewer.work import WorkQueue
from point_sam.viewer.workspace import Event, Workspace


@pytest.fixture
def work() -> Iterator[WorkQueue]:
    work = WorkQueue()
    yield work
    work.close()


def enter(scene: Scene, model: PointSAM, cache: EncodingCache, person: str) -> Workspace:
    return Workspace(scene, model, cache.get(scene, model, owner=person).result(60))


def test_each_has_their_own_state_on_one_encoding(scene: Scene, model: PointSAM, work: WorkQueue) -> None:
    cache = EncodingCache(work)
    anna, ben = (enter(scene, model, cache, person) for person in ("anna", "ben"))
    assert len(cache) == 1
    futures = [work.submit(lambda p=p: anna.click(p), owner="anna") for p in (3, 7)]
    futures += [work.submit(lambda p=p: ben.click(p), owner="ben") for p in (11, 15)]
    for future in futures:
        future.result(60)
    ben.accept()
    alone = enter(scene, model, EncodingCache(work), "carl")
    alone.click(3)
    alone.click(7)
    np.testing.assert_array_equal(anna.state.mask, alone.state.mask)
    assert [list(click.point) for click in anna.state.clicks] == scene.xyz[[3, 7]].tolist()
    assert [len(person.state.objects) for person in (anna, ben)] == [0, 1]


def test_clicks_are_answered_while_another_segments_everything(scene: Scene, model: PointSAM, work: WorkQueue) -> None:
    cache = EncodingCache(work)
    anna, ben = (enter(scene, model, cache, person) for person in ("anna", "ben"))
    clicks: list[Future[Event]] = []

    def progress(done: int, total: int) -> None:
        if not clicks:
            clicks.append(work.submit(lambda: ben.click(3), owner="ben"))
        work.give_way("anna")
        assert clicks[0].done()

    search = work.submit(
        lambda: anna.everything(progress, points_per_cloud=8, iou_threshold=-9.0, stability_threshold=0.0),
        owner="anna",
        long=True,
    )
    assert search.result(60).changed
    assert clicks[0].result(0).changed
    assert ben.state.objects == ()


def test_clicks_and_stop_get_through_before_the_first_answer_and_after_the_last(workspace: Workspace) -> None:
    """Screening and clean-up of large clouds take minutes."""
    told: list[tuple[int, int]] = []
    options = {"points_per_cloud": 8, "screening_points": 100, "iou_threshold": -9.0, "stability_threshold": 0.0}
    workspace.everything(lambda *at: told.append(at), **options)
    assert told == sorted(told)
    assert told[0] == (0, 8)
    assert told.count((8, 8)) > 2

    def stop(done: int, total: int) -> None:
        told.append((done, total))
        if told.count((8, 8)) > 2:
            raise KeyboardInterrupt

    told.clear()
    before = workspace.state
    with pytest.raises(KeyboardInterrupt):
        workspace.everything(stop, **options)
    assert workspace.state is before
