"""What a page does, pressed by hand instead of by a browser."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from point_sam import PointSAM
from point_sam.viewer.app import Viewer
from point_sam.viewer.autosave import Autosave
from point_sam.viewer.scene import Scene
from tests.viewer.browserless import Tab


@pytest.fixture
def viewer(model: PointSAM, scene: Scene, tmp_path: Path) -> Iterator[Viewer]:
    """Nothing is open; scan.ply lies in its folder."""
    viewer = Viewer(model, tmp_path, autosave=Autosave(tmp_path / "autosave"))
    yield viewer
    viewer.close()


@pytest.fixture
def tab(viewer: Viewer) -> Tab:
    """scan.ply is open in it."""
    return opened(Tab(viewer))


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
