"""The controls of one page: what there is to press and to read, without what it does."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any, TypeVar

from point_sam.messages import printable
from point_sam.picture.colors import NEGATIVE_COLOR, POSITIVE_COLOR
from point_sam.viewer.autosave import Saved
from point_sam.viewer.coloring import MODES
from point_sam.viewer.objects import SegmentedObject
from point_sam.viewer.ui_canvas import MINUS, Look
from point_sam.viewer.workspace import State

if TYPE_CHECKING:
    from viser import ClientHandle, GuiApi

T = TypeVar("T")

NO_OBJECT = "no object"
MAX_LISTED = 100  # rows of the list of objects; the menu below it has all of them
_MODES = dict(zip(("rgb", "mask", "height", "predicted IoU"), MODES, strict=True))
_OPACITY, _SIZE = (0.0, 1.0), (0.25, 4.0)
_MOST_QUOTED = 80  # characters
_KEYS = (("Undo", "Z"), ("Accept the object", "enter"), ("Next candidate", "C"))


class Panel:
    """Everything in a page but the points. Nothing that people wrote (names, paths) gets into it unescaped.

    Args:
        client: the browser.
    """

    def __init__(self, client: "ClientHandle") -> None:
        gui = client.gui
        self.positive = True
        self._title = ""
        self._message = ""
        self._state = "empty"
        self._facts: dict[str, Any] = {}
        self._revision = 0
        self._work: tuple[float | None, bool] = (None, False)
        self._ids: dict[str, int | None] = {NO_OBJECT: None}
        self.status = gui.add_html("")
        self.progress: Any = gui.add_progress_bar(0, animated=True, visible=False)
        self.stop = gui.add_button("Stop", color="gray", visible=False)
        self.saved_text = gui.add_html("", visible=False)
        self.restore_saved = gui.add_button("Go on with it", color="orange", visible=False)
        self.discard_saved = gui.add_button("Throw it away", color="gray", visible=False)
        tabs = gui.add_tab_group()
        with tabs.add_tab("Segment"):
            self._add_clicks(gui)
            self._add_objects(gui)
            self._add_view(gui)
        with tabs.add_tab("Files"):
            self._add_files(gui)
        self.keys = [gui.add_command(label, hotkey=key) for label, key in _KEYS]  # type: ignore[arg-type]
        self.switch(True)
        self.empty()

    def _add_clicks(self, gui: "GuiApi") -> None:
        with gui.add_folder("Clicks"):
            self.next_click = gui.add_button("", hint="For touch screens; with a keyboard, shift-click takes away.")
            self.candidate = gui.add_button("Next candidate (C)")
            self.undo = gui.add_button("Undo (Z)")
            self.clear = gui.add_button("Clear clicks")
            self.accept = gui.add_button("Accept the object (Enter)", color="green")

    def _add_objects(self, gui: "GuiApi") -> None:
        with gui.add_folder("Objects"):
            self.objects = gui.add_html("")
            self.chosen: Any = gui.add_dropdown("Object", (NO_OBJECT,))
            self.name: Any = gui.add_text("Name", "")
            self.rename = gui.add_button("Rename")
            self.visible = gui.add_button("Show or hide")
            self.delete = gui.add_button("Delete")
            self.everything = gui.add_button("Segment everything", color="grape")

    def _add_view(self, gui: "GuiApi") -> None:
        with gui.add_folder("View"):
            self.mode = gui.add_dropdown("Colour by", tuple(_MODES))
            self.opacity = gui.add_slider("Opacity", *_OPACITY, 0.05, Look.opacity)
            self.size = gui.add_slider("Point size", *_SIZE, 0.05, Look.size)
            self.reset = gui.add_button("Look at all of it")

    def _add_files(self, gui: "GuiApi") -> None:
        with gui.add_folder("Save"):
            self.format: Any = gui.add_dropdown("Format", (".ply",))
            self.export = gui.add_button("Export the objects", color="green")
        with gui.add_folder("Open"):
            self.path = gui.add_text("Path", "", hint="A file in the folder that the viewer was started in.")
            self.open = gui.add_button("Open this cloud or mesh")
            self.restore = gui.add_button("Load objects from this result")
            self.upload = gui.add_upload_button("Upload a cloud or mesh")
            self.upload_result = gui.add_upload_button("Upload a result")

    @property
    def look(self) -> Look:
        """How points are to be drawn.

        Raises:
            ValueError: the browser sent something else than the page offers; so in `object_id`.
        """
        return Look(
            one_of(self.mode.value, _MODES, "colouring"),
            within(self.opacity.value, *_OPACITY, "the opacity"),
            within(self.size.value, *_SIZE, "the point size"),
        )

    @property
    def object_id(self) -> int | None:
        """The object that is chosen; None: none."""
        return one_of(self.chosen.value, self._ids, "object")

    def tell(self, message: str, state: str | None = None, **facts: Any) -> None:
        """Say one line, and mark the page as "empty" (nothing open), "busy" or "ready"."""
        self._message = message
        self._state = state or self._state
        self._facts.update(facts)
        self._revision += 1
        data = {"state": self._state, "revision": self._revision, **self._facts}
        attributes = " ".join(f'data-{key}="{escape(str(value))}"' for key, value in data.items())
        self.status.content = (
            f'<div id="point-sam-status" {attributes} style="padding:0 0.8em 0.6em">{self._title}'
            f'<div role="status" style="margin-top:0.3em;min-height:3em"><b>{escape(message)}</b></div></div>'
        )

    def switch(self, positive: bool) -> None:
        """Set what the next click without a key means."""
        self.positive = positive
        meaning = "on the object (+)" if positive else f"off the object ({MINUS})"
        self.next_click.label = f"Next click: {meaning}"
        self.next_click.color = POSITIVE_COLOR if positive else NEGATIVE_COLOR

    def work(self, share: float | None, *, can_stop: bool = False) -> None:
        """Show how much of something long is done, 0..1; None: nothing is going on."""
        self._work = (share, can_stop)
        self.progress.visible = share is not None
        self.progress.value = 100.0 * (share or 0.0)
        self.stop.visible = can_stop and share is not None

    @contextmanager
    def reading(self, message: str) -> Iterator[None]:
        """While a file is read; what else is going on is shown again behind it."""
        share, can_stop = self._work
        self.tell(message, "busy")
        self.work(0.1)
        try:
            yield
        finally:
            self.work(share, can_stop=can_stop)

    def empty(self) -> None:
        """Nothing is open."""
        self._title = ""
        self._facts = {}
        self.offer(())
        self.objects.content = ""
        for control in self._scene_controls:
            control.disabled = True

    def opened(self, name: str, drawn: int, total: int, suffixes: Sequence[str]) -> None:
        """A scene is open."""
        text = f"drawn {drawn:,} of {total:,} points"
        masks = "" if drawn == total else "; masks cover all of them"
        self._title = f'<div style="overflow-wrap:anywhere">{escape(name)}</div><div>{text}{masks}</div>'
        self._facts = {"drawn": drawn, "total": total}
        self.format.options = tuple(suffixes)
        self.format.value = suffixes[0]

    def show(self, state: State) -> None:
        """Everything that follows from a state."""
        count = len(state.candidate_scores)
        seen = zip(state.candidate_scores, state.candidate_radii, strict=True)
        told = ", ".join(f"{score:.2f} ({radius:.3g})" for score, radius in seen)
        place = f"{(state.chosen or 0) + 1} of {count}" if count else "none"
        self.candidate.label = f"Next candidate (C): {place}"
        self.candidate.hint = f"Predicted IoU (radius of the ball): {told}" if count else None
        self.candidate.disabled = count < 2
        self.undo.label = f"Undo (Z): {state.undo}" if state.undo else "Undo (Z)"
        self.undo.disabled = state.undo is None
        self.clear.disabled = not state.clicks
        self.accept.disabled = not state.mask.any()
        self.everything.disabled = self.restore.disabled = self.upload_result.disabled = False
        self._list(state.objects)
        self._facts.update(
            clicks=len(state.clicks),
            area=int(state.mask.sum()),
            candidate=-1 if state.chosen is None else state.chosen,
            candidates=count,
            objects=len(state.objects),
        )

    def offer(self, saved: Sequence[Saved]) -> None:
        """Offer what was kept of earlier work; nothing hides the offer."""
        for control in (self.saved_text, self.restore_saved, self.discard_saved):
            control.visible = bool(saved)
        if saved:
            last = saved[0]
            when = time.strftime("%d %b %H:%M", time.localtime(last.saved_at))
            more = f" ({len(saved) - 1} older too)" if len(saved) > 1 else ""
            self.saved_text.content = (
                '<div id="point-sam-saved" style="padding:0 0.8em 0.4em">Unfinished work on this file from '
                f"{when}: {_count(last.objects, 'object')}, {_count(last.clicks, 'click')}{more}.</div>"
            )

    @property
    def _scene_controls(self) -> tuple[Any, ...]:
        objects = (self.rename, self.visible, self.delete, self.everything, self.export)
        return (self.candidate, self.undo, self.clear, self.accept, *objects, self.restore, self.upload_result)

    def _list(self, objects: Sequence[SegmentedObject]) -> None:
        for control in (self.rename, self.visible, self.delete, self.export):
            control.disabled = not objects
        rows = "".join(_row(item) for item in reversed(objects[-MAX_LISTED:]))
        rest = f"<div>and {len(objects) - MAX_LISTED} more</div>" if len(objects) > MAX_LISTED else ""
        style = "padding:0 0.8em 0.4em;max-height:14em;overflow-y:auto"
        self.objects.content = f'<div id="point-sam-objects" style="{style}">{rows}{rest}</div>'
        before = self._ids.get(self.chosen.value)
        self._ids = {f"{item.id}: {item.name}": item.id for item in reversed(objects)} or {NO_OBJECT: None}
        options = tuple(self._ids)
        if options != tuple(self.chosen.options):
            kept = [option for option, id in self._ids.items() if before is not None and id == before]
            self.chosen.options = options
            self.chosen.value = (kept or list(options))[0]


def _row(item: SegmentedObject) -> str:
    color = "#{:02x}{:02x}{:02x}".format(*item.color)
    score = "" if item.iou_score is None else f", IoU {item.iou_score:.2f}"
    faded = "" if item.visible else "opacity:0.4;"
    hidden = "" if item.visible else " (hidden)"
    return (
        f'<div data-object="{item.id}" style="{faded}overflow-wrap:anywhere">'
        f'<span style="display:inline-block;width:0.8em;height:0.8em;border-radius:0.2em;background:{color}"></span> '
        f"{escape(item.name)}{hidden}: {item.area:,} points{score}</div>"
    )


def _count(things: Sequence[object], name: str) -> str:
    return f"{len(things)} {name}" + ("" if len(things) == 1 else "s")


# viser takes any value that a browser sends, whether the page offers it or not.


def one_of(value: object, options: Mapping[str, T], what: str) -> T:
    """What stands in `options` under a value that a menu was set to.

    Raises:
        ValueError: it was not offered.
    """
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{what} {printable(str(value), _MOST_QUOTED)!r} is not offered; choose one of the list")
    return options[value]


def within(value: object, low: float, high: float, what: str) -> float:
    """The number that a slider was set to.

    Raises:
        ValueError: it is no number from `low` to `high`.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{what} is {printable(str(value), _MOST_QUOTED)}; it must be from {low:g} to {high:g}")
    return float(value)
