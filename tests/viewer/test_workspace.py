import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from point_sam import PointSAM, Session
from point_sam.viewer.objects import SegmentedObject, label_image
from point_sam.viewer.scene import Scene
from point_sam.viewer.workspace import State, Workspace


def same(one: State, other: State) -> bool:
    """Whether two states show the same, which points at what included; `undo` aside."""
    listed = [[(o.id, o.name, o.visible, o.bits.tobytes()) for o in state.objects] for state in (one, other)]
    return (
        one.clicks == other.clicks
        and one.choices == other.choices
        and one.chosen == other.chosen
        and one.iou_score == other.iou_score
        and bool((one.mask == other.mask).all())
        and listed[0] == listed[1]
    )


def test_clicks_are_those_of_a_session(workspace: Workspace, scene: Scene, model: PointSAM) -> None:
    session = Session(model, model.encode(scene.cloud.xyz, scene.cloud.rgb, normalize=True))
    event = workspace.click(3)
    session.click(scene.xyz[3])
    np.testing.assert_array_equal(workspace.state.mask, session.mask)
    assert event.changed
    assert workspace.state.objects == ()
    workspace.choose(1)
    workspace.click(7, positive=False)
    session.choose(1)
    session.click(scene.xyz[7], positive=False)
    np.testing.assert_array_equal(workspace.state.mask, session.mask)
    assert workspace.state.clicks == session.prompts
    assert workspace.state.choices == (1, 0)
    assert workspace.state.iou_score == session.iou_score


def test_the_background_changes_nothing_and_says_so(workspace: Workspace) -> None:
    workspace.click(3)
    before = workspace.state
    event = workspace.click(None)
    assert not event.changed
    assert "background" in event.message
    assert workspace.state is before


def test_a_first_negative_click_changes_nothing(workspace: Workspace) -> None:
    event = workspace.click(3, positive=False)
    assert not event.changed
    assert workspace.state.undo is None


@pytest.fixture(params=["balls", "whole"])
def either(request: pytest.FixtureRequest) -> Workspace:
    return request.getfixturevalue("dense" if request.param == "balls" else "whole")


def test_candidates_are_stepped_through_in_a_ring(either: Workspace) -> None:
    assert not either.step().changed
    either.click(3)
    first, count = either.state.chosen, len(either.state.candidate_scores)
    assert count >= 3
    seen = []
    for _ in range(count):
        either.step()
        seen.append(either.state.chosen)
    assert sorted(seen) == list(range(count))
    assert either.state.chosen == first
    either.step(-1)
    assert either.state.chosen == (first - 1) % count


def test_the_whole_cloud_gives_three_candidates_and_then_one(whole: Workspace) -> None:
    whole.click(3)
    assert len(whole.state.candidate_scores) == 3
    whole.click(7)
    assert len(whole.state.candidate_scores) == 1
    assert whole.step().message == "the last click has one candidate only"


def test_balls_give_candidates_after_later_clicks_too(dense: Workspace) -> None:
    dense.click(3)
    dense.click(7, positive=False)
    count = len(dense.state.candidate_scores)
    assert count > 1
    assert dense.state.chosen == 0
    dense.step()
    assert dense.state.chosen == 1


def test_each_candidate_is_told_with_its_predicted_iou_and_its_radius(either: Workspace) -> None:
    event = either.click(3)
    state = either.state
    assert len(state.candidate_radii) == len(state.candidate_scores)
    for _ in state.candidate_scores:
        score, radius = (of[state.chosen] for of in (state.candidate_scores, state.candidate_radii))
        assert state.iou_score == pytest.approx(score)
        assert state.scales == "balls" or radius == pytest.approx(float(either._encoded.scale))
        told = f"predicted IoU {score:.2f} in a ball of radius {radius:.3g}, candidate {state.chosen + 1} of"
        assert told in event.message or not state.mask.any()
        event, state = either.step(), either.state


def test_people_on_one_encoding_share_its_balls(
    dense: Workspace, model: PointSAM, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Workspace(dense.scene, model, dense._encoded)
    dense.click(3)
    with monkeypatch.context() as patch:
        patch.setattr(model.model, "encode", None)
        other.click(3)
    assert len(set(dense.state.candidate_radii)) > 1
    assert same(dense.state, other.state)


def test_accept_makes_an_object_and_begins_the_next(workspace: Workspace) -> None:
    workspace.click(3)
    mask, score = workspace.state.mask, workspace.state.iou_score
    assert mask.any()
    event = workspace.accept()
    state = workspace.state
    assert event.changed
    assert state.clicks == ()
    assert not state.mask.any()
    (item,) = state.objects
    np.testing.assert_array_equal(item.mask, mask)
    assert (item.id, item.name, item.iou_score, len(item.clicks)) == (1, "object 1", score, 1)


def test_nothing_is_accepted_without_a_mask(workspace: Workspace) -> None:
    event = workspace.accept()
    assert not event.changed
    assert workspace.state.objects == ()


def test_labels_give_overlaps_to_the_later_and_hold_hidden_objects(workspace: Workspace) -> None:
    first = SegmentedObject.of(1, np.arange(300) < 200)
    second = SegmentedObject.of(2, np.arange(300) >= 150)
    workspace.add([first, second])
    workspace.toggle(2)
    np.testing.assert_array_equal(label_image(workspace.state.objects, 300), np.where(np.arange(300) < 150, 1, 2))


def test_undo_is_one_for_everything(either: Workspace) -> None:
    """Whatever was done, taking it back shows what was before it."""
    workspace = either
    actions = [
        lambda: workspace.click(3),
        lambda: workspace.click(7, positive=False),
        lambda: workspace.accept(),
        lambda: workspace.rename(1, "leg"),
        lambda: workspace.click(9),
        lambda: workspace.clear(),
        lambda: workspace.click(11),
        lambda: workspace.accept("arm"),
        lambda: workspace.delete(1),
        lambda: workspace.everything(points_per_cloud=4, iou_threshold=-9.0, stability_threshold=0.0),
    ]
    states = [workspace.state]
    for action in actions:
        assert action().changed
        states.append(workspace.state)
    assert len(workspace.state.objects) > 1
    for state in reversed(states[:-1]):
        event = workspace.undo()
        assert event.changed
        assert event.message.startswith("took back: ")
        assert same(workspace.state, state)
    assert not workspace.undo().changed


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("click"), st.integers(0, 299), st.booleans()),
            st.tuples(st.just("step"), st.sampled_from([1, -1])),
            st.tuples(st.just("accept")),
            st.tuples(st.just("clear")),
            st.tuples(st.just("undo")),
            st.tuples(st.just("delete"), st.integers(0, 3)),
            st.tuples(st.just("rename"), st.integers(0, 3), st.sampled_from(["leg", "arm"])),
        ),
        max_size=10,
    )
)
def test_undo_of_any_action_shows_the_state_before(
    workspace: Workspace, actions: list[tuple[str, int | str | bool]]
) -> None:
    workspace.resume([], [], [], "balls")
    for name, *values in actions:
        if name in ("delete", "rename"):
            objects = workspace.state.objects
            if int(values[0]) >= len(objects):
                continue
            values[0] = objects[int(values[0])].id
        before = workspace.state
        changed = getattr(workspace, name)(*values).changed
        state = workspace.state
        assert len(state.clicks) == len(state.choices)
        assert (state.chosen is None) == (not state.clicks)
        if changed and name not in ("step", "undo"):
            workspace.undo()
            assert same(workspace.state, before)
            getattr(workspace, name)(*values)
            assert [o.name for o in workspace.state.objects] == [o.name for o in state.objects]
            np.testing.assert_array_equal(workspace.state.mask, state.mask)


def test_undo_keeps_what_is_shown_and_hidden(workspace: Workspace) -> None:
    workspace.add([SegmentedObject.of(1, np.ones(300, bool))])
    workspace.rename(1, "all")
    workspace.toggle(1)
    workspace.undo()
    (item,) = workspace.state.objects
    assert (item.name, item.visible) == ("object 1", False)


def test_ids_are_never_given_twice(workspace: Workspace) -> None:
    mask = np.ones(300, bool)
    workspace.add([SegmentedObject.of(1, mask), SegmentedObject.of(4, mask)])
    workspace.delete(4)
    workspace.click(3)
    workspace.accept()
    workspace.add([SegmentedObject.of(1, mask, name="again")])
    assert [item.id for item in workspace.state.objects] == [1, 5, 6]


def test_everything_lays_small_masks_over_large_ones(workspace: Workspace) -> None:
    told: list[tuple[int, int]] = []
    workspace.everything(
        lambda done, total: told.append((done, total)),
        points_per_cloud=8,
        iou_threshold=-9.0,
        stability_threshold=0.0,
    )
    areas = [item.area for item in workspace.state.objects]
    assert len(areas) > 1
    assert areas == sorted(areas, reverse=True)
    assert told[-1] == (8, 8)
    point = workspace.state.objects[0].clicks[0].point
    assert (workspace.scene.xyz == point).all(axis=1).any()


def test_everything_with_crops_finds_prompts_in_the_scenes_units(workspace: Workspace, scene: Scene) -> None:
    workspace.everything(crops=2, points_per_cloud=4, iou_threshold=-9.0, stability_threshold=0.0)
    places = {tuple(place) for place in scene.xyz.tolist()}
    assert workspace.state.objects
    assert all(item.clicks[0].point in places for item in workspace.state.objects)


def test_everything_leaves_accepted_objects_on_top(workspace: Workspace) -> None:
    accepted = SegmentedObject.of(1, np.arange(300) < 150)
    workspace.add([accepted])
    workspace.everything(points_per_cloud=8, iou_threshold=-9.0, stability_threshold=0.0)
    state = workspace.state
    assert len({item.id for item in state.objects}) == len(state.objects) > 1
    np.testing.assert_array_equal(label_image(state.objects, 300) == 1, accepted.mask)
    workspace.click(3)
    workspace.accept()
    assert workspace.state.objects[-1].id == len(state.objects) + 1


def test_everything_that_finds_nothing_says_so(workspace: Workspace) -> None:
    event = workspace.everything(points_per_cloud=4, iou_threshold=99.0)
    assert not event.changed
    assert "no mask" in event.message


def test_a_search_that_is_given_up_changes_nothing(workspace: Workspace) -> None:
    def give_up(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        workspace.everything(give_up, points_per_cloud=4)
    assert workspace.state.undo is None


def test_resume_replays_clicks_and_choices(either: Workspace, model: PointSAM) -> None:
    """In what they were looked at then, whatever is usual here."""
    scene = either.scene
    either.click(3)
    either.accept("leg")
    either.click(5)
    either.step(-1)
    either.click(9, positive=False)
    either.step()
    saved = either.state
    for scales in ("balls", "whole"):
        other = Workspace(scene, model, model.encode(scene.cloud.xyz, scene.cloud.rgb, normalize=True), scales)
        other.resume(saved.objects, saved.clicks, saved.choices, saved.scales)
        assert same(other.state, saved)
        assert other.state.scales == saved.scales
        other.clear()
        assert other.state.scales == scales
        other.undo()
        other.undo()
        assert other.state.objects == ()


def test_without_clicks_resume_leaves_what_is_usual_here(workspace: Workspace) -> None:
    workspace.resume([SegmentedObject.of(1, np.ones(300, bool))], [], [], "whole")
    workspace.click(3)
    assert workspace.state.scales == "balls"


def test_a_state_of_another_cloud_is_refused_whole(workspace: Workspace) -> None:
    workspace.click(3)
    before = workspace.state
    with pytest.raises(ValueError, match="object 1 is of a cloud of 7 points"):
        workspace.resume([SegmentedObject.of(1, np.ones(7, bool))], [], [], "balls")
    with pytest.raises(ValueError, match="0 choices for 1 clicks"):
        workspace.resume([], before.clicks, [], "balls")
    with pytest.raises(ValueError, match="candidate 99 does not exist"):
        workspace.resume([], before.clicks, [99], "balls")
    with pytest.raises(ValueError, match="candidate 3 does not exist; the last click has 3, from 0 on"):
        workspace.resume([], before.clicks, [3], "whole")
    with pytest.raises(ValueError, match="candidate 1 does not exist; the last click has 1, from 0 on"):
        workspace.resume([], before.clicks * 2, [0, 1], "whole")
    assert workspace.state is before


def test_what_does_not_exist_is_refused(workspace: Workspace) -> None:
    with pytest.raises(ValueError, match=r"point 300 does not exist; scan\.ply has 300"):
        workspace.click(300)
    for action in (workspace.delete, workspace.toggle):
        with pytest.raises(ValueError, match="object 1 does not exist"):
            action(1)
    with pytest.raises(ValueError, match="there are no candidates yet"):
        workspace.choose(0)


def test_an_encoding_of_another_cloud_is_refused(scene: Scene, model: PointSAM) -> None:
    with pytest.raises(ValueError, match=r"not that of scan\.ply"):
        Workspace(scene, model, model.encode(np.eye(3)))


def test_memory_of_undo_is_bounded(either: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    either.click(0)
    most = int(2.5 * either._session.num_bytes)
    either.undo()
    monkeypatch.setattr("point_sam.viewer.workspace._MOST_UNDO_BYTES", most)
    for point in range(6):
        either.click(point)
        either.clear()
    undone = 0
    while either.undo().changed:
        undone += 1
    assert 2 <= undone < 8


def test_many_threads_leave_one_order(workspace: Workspace) -> None:
    threads = [threading.Thread(target=workspace.click, args=(point,)) for point in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(workspace.state.clicks) == len(workspace.state.choices) == 6
    for _ in range(6):
        workspace.undo()
    assert workspace.state.clicks == ()
