"""What a page does, pressed by hand instead of by a browser."""

import logging
import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from point_sam import PointSAM
from point_sam.viewer.app import Viewer
from point_sam.viewer.autosave import Autosave
from point_sam.viewer.scene import Scene
from point_sam.viewer.ui import Pages
from tests.viewer.browserless import Tab


@pytest.fixture
def viewer(model: PointSAM, scene: Scene, tmp_path: Path) -> Iterator[Viewer]:
    """Nothing is open; scan.ply lies in its folder."""
    viewer = Viewer(model, tmp_path, autosave=Autosave(tmp_path / "autosave"))
    yield viewer
    viewer.close()


@pytest.fixture
def pages(viewer: Viewer) -> Iterator[Pages]:
    """Of those who are connected to it."""
    pages = Pages(viewer)
    yield pages
    pages.close()


@pytest.fixture
def tab(pages: Pages) -> Tab:
    """scan.ply is open in it."""
    return opened(Tab(pages))


def opened(tab: Tab, name: str = "scan.ply") -> Tab:
    tab.open(name)
    tab.wait()
    return tab


def accepted(tab: Tab) -> Tab:
    """With one object and no clicks."""
    tab.click()
    tab.press(tab.panel.accept)
    assert "accepted object 1" in tab.said
    return tab


def test_clicks_with_and_without_shift_reach_the_model(tab: Tab) -> None:
    tab.click(shift=True)
    assert tab.said == "click on the object first, then off it; nothing changed"
    tab.click()
    assert tab.said.startswith("mask: ")


@pytest.fixture
def held(viewer: Viewer) -> Iterator[Callable[[], None]]:
    """The model is busy for somebody else until this is called."""
    gate, begun = threading.Event(), threading.Event()
    viewer.work.submit(gate.wait, owner="somebody", on_start=begun.set)
    assert begun.wait(10)
    yield gate.set
    gate.set()


class TestWhatIsGoingOn:
    def test_a_refused_action_leaves_the_progress_of_an_encoding(self, pages: Pages, held: Callable[[], None]) -> None:
        tab = Tab(pages)
        tab.open("scan.ply")
        shown = tab.panel.progress.value
        for refused in (tab.click, lambda: tab.open("none.ply"), lambda: tab.press(tab.panel.everything)):
            refused()
            assert (tab.panel.progress.visible, tab.panel.progress.value, tab.state) == (True, shown, "busy")
        held()
        tab.wait()
        assert not tab.panel.progress.visible

    def test_a_refused_action_leaves_the_stop_button_of_a_search(self, tab: Tab, held: Callable[[], None]) -> None:
        tab.press(tab.panel.everything)
        tab.click()
        assert tab.said == "everything is being segmented; stop that first"
        assert tab.panel.progress.visible
        assert tab.panel.stop.visible

    def test_a_file_that_cannot_be_read_leaves_what_is_open(self, tab: Tab, tmp_path: Path) -> None:
        (tmp_path / "broken.ply").write_text("ply")
        tab.click()
        tab.open("broken.ply")
        assert "broken.ply" in tab.said
        assert not tab.panel.progress.visible
        tab.click()
        assert len(tab.workspace.state.clicks) == 2


class TestAFailedEncoding:
    @pytest.mark.parametrize(
        ("error", "told"),
        [
            (MemoryError(), "out of memory"),
            (ValueError("too flat"), "too flat"),
            (RuntimeError("?"), "something went wrong; the server's terminal says what"),
        ],
    )
    def test_is_told_and_nothing_is_open(
        self, viewer: Viewer, pages: Pages, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise error

        tab = Tab(pages)
        with monkeypatch.context() as patch:
            patch.setattr(viewer.model, "encode", fail)
            tab.open("scan.ply")
            tab.wait("empty")
        assert tab.said == told
        assert not tab.panel.progress.visible
        assert all(handle.removed for handle in tab.client.scene.drawn)
        tab.press(tab.panel.undo)
        assert tab.said == "open a cloud or mesh first"
        opened(tab).click()
        assert tab.said.startswith("mask: ")

    def test_so_is_one_that_finds_the_queue_full(
        self, viewer: Viewer, pages: Pages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tab = Tab(pages)
        with monkeypatch.context() as patch:
            patch.setattr(viewer.work, "_max_waiting", 0)
            tab.open("scan.ply")
        assert tab.state == "empty"
        assert "requests are waiting already" in tab.said
        opened(tab)


def test_a_server_that_goes_down_while_a_click_waits_is_quiet(
    tab: Tab, held: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        tab.point()
        waiting = threading.Event()
        while tab.viewer.work.busy < 2:
            waiting.wait(0.005)
        tab.viewer.work.close()
        tab.finish()
        tab.click()
    assert caplog.records == []


class TestWhatIsNotOffered:
    def test_a_format_that_is_a_path_writes_nothing(self, tab: Tab, tmp_path: Path) -> None:
        accepted(tab)
        tab.panel.format.value = f"/../../../..{tmp_path}/x.json"
        tab.press(tab.panel.export)
        assert tab.said.startswith("the format ")
        assert tab.said.endswith("is not offered; choose one of the list")
        assert not (tmp_path / "x.json").exists()
        assert tab.client.downloads == {}

    @pytest.mark.parametrize(
        ("control", "value", "told"),
        [
            ("mode", "no such", "is not offered"),
            ("opacity", math.nan, "must be from 0 to 1"),
            ("size", 1e300, "must be from 0.25 to 4"),
        ],
    )
    def test_a_look_is_refused_and_told(self, tab: Tab, control: str, value: object, told: str) -> None:
        handle = getattr(tab.panel, control)
        handle.value = value
        tab.press(handle)
        assert told in tab.said

    def test_an_object_is_refused_and_told(self, tab: Tab) -> None:
        accepted(tab)
        tab.panel.chosen.value = "2: another"
        tab.press(tab.panel.delete)
        assert "is not offered" in tab.said

    def test_a_name_that_is_too_long_is_refused(self, tab: Tab) -> None:
        accepted(tab)
        tab.panel.name.value = "a" * 100_000
        tab.press(tab.panel.rename)
        assert tab.said == "the name has 100000 characters; at most 80 are kept"


def test_the_candidates_are_told_beside_their_button(tab: Tab) -> None:
    tab.click()
    state = tab.workspace.state
    assert tab.panel.candidate.label == f"Next candidate (C): 1 of {len(state.candidate_scores)}"
    assert len(state.candidate_scores) > 1
    for score, radius in zip(state.candidate_scores, state.candidate_radii, strict=True):
        assert f"{score:.2f} ({radius:.3g})" in tab.panel.candidate.hint
    for place in (*range(2, len(state.candidate_scores) + 1), 1):
        tab.press(tab.panel.candidate)
        assert tab.panel.candidate.label.startswith(f"Next candidate (C): {place} of")


class TestUnfinishedWork:
    def test_objects_come_back_where_clicks_cannot_be_made_again(self, tab: Tab, tmp_path: Path) -> None:
        """Another model, or another setting, may have fewer candidates than the one that was chosen from."""
        accepted(tab).click()
        (saved,) = (tmp_path / "autosave").iterdir()
        saved.write_text(saved.read_text().replace('"choices":[0]', '"choices":[99]'))
        opened(tab)
        tab.press(tab.panel.restore_saved)
        assert tab.said.startswith(
            "went on with 1 objects and 0 clicks; those that were saved cannot be made again: candidate 99 does not"
        )
        assert [item.name for item in tab.workspace.state.objects] == ["object 1"]

    def test_opening_a_file_again_offers_it_and_a_click_does_not_overwrite_it(self, tab: Tab) -> None:
        accepted(tab)
        opened(tab)
        assert tab.panel.saved_text.visible
        assert "1 object, 0 clicks" in tab.panel.saved_text.content
        tab.click()
        tab.press(tab.panel.restore_saved)
        assert tab.said == "went on with 1 objects and 0 clicks"
        assert not tab.panel.saved_text.visible

    def test_what_is_thrown_away_is_gone(self, tab: Tab, tmp_path: Path) -> None:
        accepted(tab)
        opened(tab)
        tab.press(tab.panel.discard_saved)
        assert tab.said == "Thrown away"
        assert list((tmp_path / "autosave").iterdir()) == []

    def test_it_is_offered_when_a_tab_that_was_lost_is_given_up(self, pages: Pages) -> None:
        storage: dict[str, str] = {}
        lost, stranger = accepted(opened(Tab(pages, storage))), opened(Tab(pages))
        back = opened(Tab(pages, storage))
        assert not back.panel.saved_text.visible
        lost.leave()
        back.finish()
        stranger.finish()
        assert back.panel.saved_text.visible
        assert not stranger.panel.saved_text.visible

    def test_a_damaged_autosave_is_told_to_its_browser_alone(self, pages: Pages, tmp_path: Path) -> None:
        storage: dict[str, str] = {}
        accepted(opened(Tab(pages, storage))).leave()
        (saved,) = (tmp_path / "autosave").iterdir()
        saved.write_text("{")
        assert f"the autosave {saved.name} cannot be read" in opened(Tab(pages, storage)).said
        assert opened(Tab(pages)).said == "Click on a part; shift-click takes away"

    @pytest.mark.parametrize(("suffix", "stays"), [(".ply", 1), (".npy", 1), (".npz", 0), (".json", 0)])
    def test_only_an_export_that_holds_all_of_it_ends_it(
        self, tab: Tab, tmp_path: Path, suffix: str, stays: int
    ) -> None:
        accepted(tab)
        tab.panel.format.value = suffix
        tab.press(tab.panel.export)
        assert list(tab.client.downloads) == [f"scan_objects{suffix}"]
        assert len(list((tmp_path / "autosave").iterdir())) == stays


class TestStop:
    def test_a_search_that_waits_for_the_model_never_begins(self, tab: Tab, held: Callable[[], None]) -> None:
        tab.press(tab.panel.everything)
        tab.press(tab.panel.stop)
        tab.wait()
        assert tab.said == "Stopped; nothing has changed"
        assert not tab.panel.progress.visible
        assert tab.viewer.work.busy == 1

    def test_so_does_one_whose_tab_is_closed(self, tab: Tab, held: Callable[[], None]) -> None:
        tab.press(tab.panel.everything)
        tab.leave()
        assert tab.viewer.work.busy == 1


class TestFiles:
    def test_points_without_coordinates_are_told_with_the_servers_flag(
        self, viewer: Viewer, pages: Pages, model: PointSAM, tmp_path: Path
    ) -> None:
        (tmp_path / "holes.xyz").write_text("0 0 0\n1 0 0\n0 1 0\nnan 0 0\n")
        tab = Tab(pages)
        tab.open("holes.xyz")
        assert "drop them (point-sam view --drop-invalid does) or repair the source" in tab.said

        dropping = Viewer(model, tmp_path, autosave=viewer.autosave, drop_invalid=True)
        assert len(opened(Tab(Pages(dropping)), "holes.xyz").workspace.scene) == 3
        dropping.close()

    def test_uploads_do_not_push_out_what_is_shared(self, viewer: Viewer, pages: Pages, tmp_path: Path) -> None:
        shared = viewer.open(tmp_path / "scan.ply")
        tab = Tab(pages)
        for count in range(3, 9):
            tab.upload("mine.xyz", b"".join(b"%d 0 1\n" % i for i in range(count)))
            tab.wait()
            assert (len(tab.workspace.scene), tab.workspace.scene.path) == (count, None)
        assert viewer.open(tmp_path / "scan.ply") is shared
        assert shared.scene.path == tmp_path / "scan.ply"
        assert len(viewer._places) == 0
