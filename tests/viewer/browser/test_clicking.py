"""One person's way through the viewer, in a real browser: the pixels are looked at, the exported files read back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from point_sam import PointSAM, Session, read_pointcloud
from point_sam.viewer.restoring import restore
from point_sam.viewer.scene import open_scene

NEAR = 13  # pixels round the pointer: outside the click's own marker


@pytest.fixture(scope="module")
def opened(server: Any, open_tab: Callable[..., Any]) -> Any:
    tab = open_tab(server.url)
    tab.wait(state="ready")
    tab.page.locator(".mantine-Notification-closeButton").first.click()  # viser's warning of software rendering
    return tab


@pytest.fixture
def tab(opened: Any) -> Any:
    """The page as it was opened: opening it anew for every test would take most of their time."""
    opened.page.get_by_role("tab", name="Segment").click()
    while opened.button("Undo (Z)").is_enabled():
        opened.press("Undo (Z)")
    if opened.field("Colour by").input_value() != "rgb":
        color_by(opened, "rgb")
    opened.wait(state="ready", clicks=0, objects=0)
    opened.settle()
    return opened


def color_by(tab: Any, mode: str) -> None:
    tab.field("Colour by").click()
    tab.page.get_by_role("option", name=mode, exact=True).click()


def around(tab: Any, x: float, y: float) -> np.ndarray:
    """The colours on a ring round the pointer, [16, 3]."""
    turn = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    columns, rows = np.round([x + NEAR * np.cos(turn), y + NEAR * np.sin(turn)]).astype(int)
    return tab.pixels()[rows, columns]


def wait_for_change(tab: Any, x: float, y: float, before: np.ndarray) -> np.ndarray:
    """The ring's colours once most of them are others; frames are counted, not seconds."""
    for _ in range(300):
        now = around(tab, x, y)
        if (np.abs(now - before).max(axis=1) > 20).mean() > 0.6:
            tab.settle()
            return around(tab, x, y)
        tab.page.evaluate("() => new Promise(done => requestAnimationFrame(done))")
    pytest.fail("the pixels under the pointer keep their colour")


def test_a_click_colours_the_part_under_the_pointer_and_undo_gives_it_back(tab: Any) -> None:
    tab.screenshot("1_opened")
    assert "drawn 14,000 of 14,000 points" in tab.page.inner_text("#point-sam-status")
    x, y = tab.nearest()
    plain = around(tab, x, y)

    first = tab.act(lambda: tab.page.mouse.click(x, y), state="ready", clicks=1)
    assert int(first["area"]) > 50
    masked = wait_for_change(tab, x, y, plain)
    assert (masked[:, 0] > masked[:, 2] + 60).mean() > 0.6, "a mask is orange"
    tab.screenshot("2_clicked")

    away_x, away_y = tab.lowest()
    tab.page.keyboard.down("Shift")
    second = tab.act(lambda: tab.page.mouse.click(away_x, away_y), clicks=2)
    tab.page.keyboard.up("Shift")
    assert int(second["candidates"]) > 1, "balls answer later clicks too"
    tab.screenshot("3_negative")

    back = tab.key("z", clicks=1)
    assert (back["area"], back["candidates"]) == (first["area"], first["candidates"])
    tab.key("z", clicks=0, area=0)
    np.testing.assert_allclose(wait_for_change(tab, x, y, masked), plain, atol=40)


def test_candidates_are_stepped_through_and_come_round(tab: Any) -> None:
    x, y = tab.nearest()
    first = tab.act(lambda: tab.page.mouse.click(x, y), clicks=1)
    areas = {first["candidate"]: first["area"]}
    count = int(first["candidates"])
    assert count > 3, "balls have candidates of several sizes"
    for _ in range(count - 1):
        step = tab.key("c")
        areas[step["candidate"]] = step["area"]
    assert set(areas) == {str(i) for i in range(count)}
    assert len(set(areas.values())) > 1
    assert tab.press("Next candidate", candidate=first["candidate"])["area"] == first["area"]


def test_the_background_changes_nothing_and_says_so(tab: Any) -> None:
    before = tab.facts()
    after = tab.act(lambda: tab.page.mouse.click(120, 500))
    assert "background" in tab.message()
    assert (after["clicks"], after["area"]) == (before["clicks"], before["area"])


def test_a_switch_makes_the_next_click_negative_for_those_without_keys(tab: Any) -> None:
    x, y = tab.nearest()
    tab.button("Next click: on the object").click()
    tab.button("Next click: off the object").wait_for()
    assert tab.act(lambda: tab.page.mouse.click(x, y))["clicks"] == "0", "a first click off the object is refused"
    tab.button("Next click: off the object").click()
    tab.button("Next click: on the object").wait_for()
    tab.act(lambda: tab.page.mouse.click(x, y), clicks=1)
    tab.press("Clear clicks", clicks=0)


def test_enter_accepts_once_even_with_a_button_in_focus(tab: Any) -> None:
    x, y = tab.nearest()
    tab.act(lambda: tab.page.mouse.click(x, y), clicks=1)
    tab.press("Next candidate")
    tab.key("Enter", objects=1, clicks=0)
    tab.press("Undo (Z): accept object 1", objects=0, clicks=1)


def test_objects_are_renamed_hidden_and_deleted_and_names_are_shown_as_text(tab: Any) -> None:
    x, y = tab.nearest()
    plain = around(tab, x, y)
    tab.act(lambda: tab.page.mouse.click(x, y), clicks=1)
    tab.press("Accept the object", objects=1)
    painted = wait_for_change(tab, x, y, plain)

    name = "<img src=x onerror=document.title='broken'>"  # typed with a z behind it, which is no undo there
    tab.field("Name").fill(name)
    tab.field("Name").press_sequentially("z")
    tab.press("Rename", objects=1)
    assert f"{name}z" in tab.page.inner_text("#point-sam-objects")
    assert tab.page.title() != "broken"
    tab.screenshot("4_renamed")

    tab.press("Show or hide")
    np.testing.assert_allclose(wait_for_change(tab, x, y, painted), plain, atol=40)
    assert "(hidden)" in tab.page.inner_text("#point-sam-objects")
    tab.press("Delete", objects=0)
    tab.key("z", objects=1)


def test_what_is_exported_is_what_was_segmented(tab: Any, sample: Path, tmp_path: Path) -> None:
    x, y = tab.nearest()
    tab.act(lambda: tab.page.mouse.click(x, y), clicks=1)
    first = tab.key("c")
    tab.key("Enter", objects=1)
    tab.act(lambda: tab.page.mouse.click(*tab.lowest()), clicks=1)
    tab.key("Enter", objects=2)
    files = {suffix: export(tab, suffix, tmp_path) for suffix in (".json", ".npz", ".ply", ".pcd", ".las")}

    scene = open_scene(sample)
    objects = restore(scene, files[".json"])
    assert str(objects[0].area) == first["area"]
    model = PointSAM.from_pretrained("tiny")
    session = Session(model, model.encode(scene.xyz, scene.cloud.rgb, normalize=True))
    session.click(objects[0].clicks[0].point)
    session.choose(int(first["candidate"]))
    np.testing.assert_array_equal(objects[0].mask, session.mask)

    labels = np.where(objects[1].mask, 2, np.where(objects[0].mask, 1, 0))
    for suffix in (".ply", ".pcd", ".las"):
        np.testing.assert_array_equal(read_pointcloud(files[suffix]).attributes["label"], labels)
    for ours, theirs in zip(objects, restore(scene, files[".npz"]), strict=True):
        np.testing.assert_array_equal(ours.mask, theirs.mask)

    tab.key("z")
    tab.act(lambda: tab.page.keyboard.press("z"))
    tab.page.get_by_role("tab", name="Files").click()
    with tab.page.expect_file_chooser() as chooser:
        tab.button("Upload a result").click()
    before = int(tab.facts()["objects"])
    tab.act(lambda: chooser.value.set_files(files[".ply"]), objects=before + 2)
    tab.screenshot("5_result_again")


def export(tab: Any, suffix: str, folder: Path) -> Path:
    tab.page.get_by_role("tab", name="Files").click()
    tab.field("Format").click()
    tab.page.get_by_role("option", name=suffix, exact=True).click()
    with tab.page.expect_download() as download:
        tab.button("Export the objects").click()
    path = folder / f"export{suffix}"
    download.value.save_as(path)
    tab.wait(message=f"Exported extinguisher_objects{suffix}")
    return path


def test_the_view_can_be_changed_without_touching_the_masks(tab: Any) -> None:
    x, y = tab.nearest()
    masked = tab.act(lambda: tab.page.mouse.click(x, y), clicks=1)
    last = around(tab, x, y)
    for mode in ("height", "predicted IoU", "mask"):
        color_by(tab, mode)
        if mode != "mask":
            last = wait_for_change(tab, x, y, last)
        tab.screenshot(f"6_{mode.replace(' ', '_')}")
    assert tab.facts()["area"] == masked["area"]


def test_everything_is_segmented_with_progress_and_can_be_stopped(tab: Any) -> None:
    tab.act(lambda: tab.button("Segment everything").click(), state="busy")
    tab.button("Stop").click()
    tab.wait("Stopped", state="ready", objects=0)
    tab.act(lambda: tab.button("Segment everything").click(), state="busy")
    found = tab.wait("found", state="ready")
    assert int(found["objects"]) > 1
    tab.page.wait_for_function("() => document.querySelectorAll('#point-sam-objects [data-object]').length > 1")
    tab.screenshot("7_everything")
    tab.key("z", objects=0)
