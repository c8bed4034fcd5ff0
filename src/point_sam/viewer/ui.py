"""A page: what one browser's buttons, keys and clicks do.

viser calls back in its event loop. Nothing is done there: actions go, in order, to a thread that belongs to the page,
and from there calls of the model to the queue that all pages share.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from point_sam.encoded import EncodedCloud
from point_sam.viewer.app import Opened, Viewer
from point_sam.viewer.downloads import download
from point_sam.viewer.exporting import COMPLETE, export_suffixes
from point_sam.viewer.paths import inside
from point_sam.viewer.restoring import restore
from point_sam.viewer.telling import message_of, told_by_name
from point_sam.viewer.ui_canvas import Canvas
from point_sam.viewer.ui_hand import Hand
from point_sam.viewer.ui_offer import Offer, browser_of
from point_sam.viewer.ui_panel import Panel
from point_sam.viewer.uploads import limit_uploads, received
from point_sam.viewer.work import QueueClosedError
from point_sam.viewer.workspace import Event, Workspace

if TYPE_CHECKING:
    from viser import ClientHandle

_LOG = logging.getLogger(__name__)


class _StoppedError(Exception):
    """Somebody pressed stop, or left."""


class Page:
    """One browser tab.

    Args:
        viewer: what all pages share.
        client: the tab.
    """

    def __init__(self, viewer: Viewer, client: "ClientHandle") -> None:
        self._viewer = viewer
        self._client = client
        self._hand = Hand(f"page-{client.client_id}", self._fail)
        self._stopped = False
        self._opened: Opened | None = None
        self._canvas: Canvas | None = None
        self._workspace: Workspace | None = None
        self._searching = False
        self._search: Future[Event] | None = None
        self._offer = Offer(viewer.autosave, "")
        self.person = ""
        self._hand.do(self._build)

    def close(self) -> None:
        """The tab is gone. What it did is in the autosave."""
        self._stop()
        self._hand.close()

    @property
    def browser(self) -> str:
        """Whose tab it is; empty before that is known."""
        return self._offer.browser

    def look_again(self) -> None:
        """Another page of this browser is gone; what it left may be offered here."""
        self._hand.do(self._look_for_saved)

    def _fail(self, err: Exception) -> None:
        if isinstance(err, CancelledError | QueueClosedError):  # the server is going down
            return
        message = message_of(err)
        if message is None:
            _LOG.error("in the page of client %d", self._client.client_id, exc_info=err)
            message = "something went wrong; the server's terminal says what"
        self._panel.tell(message, self._resting)

    @property
    def _resting(self) -> str:
        is_coming = self._opened is not None and self._workspace is None
        return "busy" if self._searching or is_coming else "ready" if self._workspace else "empty"

    # Opening.

    def _build(self) -> None:
        self._panel = panel = Panel(self._client)
        panel.tell("starting", "busy")
        limit_uploads(self._client, self._viewer.max_upload, lambda why: self._hand.do(partial(panel.tell, why)))
        self._connect(panel)
        self._offer = Offer(self._viewer.autosave, browser_of(self._client))
        if self._viewer.file is not None:
            self._open(self._viewer.file)
        else:
            panel.tell("Type the path of a cloud or mesh, or upload one", "empty")

    def _connect(self, panel: Panel) -> None:
        on = self._hand.on
        for handle, action in (
            (panel.stop, self._stop),
            (panel.restore_saved, self._resume),
            (panel.discard_saved, self._discard),
            (panel.next_click, lambda: panel.switch(not panel.positive)),
            (panel.candidate, self._step),
            (panel.undo, self._undo),
            (panel.clear, self._clear),
            (panel.accept, self._accept),
            (panel.rename, self._rename),
            (panel.visible, self._toggle),
            (panel.delete, self._delete),
            (panel.everything, self._everything),
            (panel.reset, self._reset_camera),
            (panel.export, self._export),
            (panel.open, lambda: self._open(self._typed())),
            (panel.restore, lambda: self._restore(self._typed())),
        ):
            handle.on_click(on(action))
        for key, action in zip(panel.keys, (self._undo, self._accept, self._step), strict=True):
            key.on_trigger(on(action))
        for control in (panel.mode, panel.opacity, panel.size):
            control.on_update(self._hand.on_last(self._redraw))
        panel.chosen.on_update(self._hand.on_last(self._show_name))
        panel.upload.on_upload(on(lambda: self._uploaded(panel.upload, partial(self._open, will_stay=False))))
        panel.upload_result.on_upload(on(lambda: self._uploaded(panel.upload_result, self._restore)))
        scene = self._client.scene
        scene.on_click()(self._hand.on_event(partial(self._click, shifted=False)))  # type: ignore[arg-type]
        scene.on_click(modifier="shift")(self._hand.on_event(partial(self._click, shifted=True)))  # type: ignore[arg-type]

    def _typed(self) -> Path:
        return inside(self._viewer.folder, self._panel.path.value)

    def _uploaded(self, button: Any, action: Callable[[Path], None]) -> None:
        with received(button) as path:
            action(path)

    def _open(self, path: Path, *, will_stay: bool = True) -> None:
        if self._searching:
            raise ValueError("everything is being segmented; stop that first")
        with self._panel.reading(f"Reading {path.name}"), told_by_name(path):
            opened = self._viewer.open(path, will_stay=will_stay)
        self._shut()
        self._opened = opened
        self.person = self._offer.new_person()
        try:
            self._show_and_encode(opened)
        except Exception:
            self._shut()
            raise

    def _shut(self) -> None:
        """Nothing is open any more."""
        if self._canvas is not None:
            self._canvas.remove()
        self._canvas = self._workspace = self._opened = None
        self._panel.empty()
        self._panel.work(None)

    def _show_and_encode(self, opened: Opened) -> None:
        panel = self._panel
        self._canvas = Canvas(self._client, opened, panel.look)
        panel.opened(opened.scene.name, len(opened.drawing), len(opened.scene), export_suffixes(opened.scene))
        panel.work(0.3)
        panel.tell("Waiting for the model", "busy")
        encoding = self._viewer.library.get(
            opened.scene,
            self._viewer.model,
            owner=self._client.client_id,
            on_start=lambda: self._hand.do(partial(self._encoding, opened)),
        )
        encoding.add_done_callback(lambda done: self._hand.do(partial(self._encoded, opened, done)))

    def _encoding(self, opened: Opened) -> None:
        if self._opened is opened and self._workspace is None:
            self._panel.work(0.5)
            self._panel.tell("Encoding, once for all clicks", "busy")

    def _encoded(self, opened: Opened, done: "Future[EncodedCloud]") -> None:
        if self._opened is not opened or self._workspace is not None:
            return
        try:
            self._workspace = Workspace(opened.scene, self._viewer.model, done.result())
        except Exception:
            self._shut()
            raise
        self._panel.work(None)
        self._panel.show(self._workspace.state)
        remarks = self._look_for_saved()
        self._panel.tell("; ".join(["Click on a part; shift-click takes away", *remarks]), "ready")

    def _look_for_saved(self) -> list[str]:
        """Offer what is kept of what is open; what to tell about that."""
        if self._workspace is None:  # it is looked for when the encoding is there
            return []
        busy = {self.person, *(page.person for page in list(self._viewer.pages.values()))}
        remarks = self._offer.look(self._workspace.scene, busy)
        self._panel.offer(self._offer.saved)
        return remarks

    # Working on what is open.

    def _ready(self) -> Workspace:
        if self._searching:
            raise ValueError("everything is being segmented; stop that first")
        if self._workspace is None:
            raise ValueError("open a cloud or mesh first" if self._opened is None else "not yet: it is being encoded")
        return self._workspace

    def _after(self, event: Event, **facts: Any) -> None:
        """Show what an action did, and keep it."""
        if event.changed and self._workspace is not None and self._canvas is not None and self._opened is not None:
            state = self._workspace.state
            start = time.perf_counter()
            self._canvas.show(state, self._panel.look)
            self._client.flush()
            facts["paint"] = f"{time.perf_counter() - start:.4f}"
            self._panel.show(state)
            self._viewer.autosave.save(self._opened.scene, self.person, state)
        self._panel.tell(event.message, self._resting, **facts)

    def _ask_model(self, call: Callable[[], Event]) -> Event:
        if self._viewer.work.busy:
            self._panel.tell("Waiting for the model, which works for somebody else", "busy")
        return self._viewer.work.submit(call, owner=self._client.client_id).result()

    def _click(self, ray: Any, *, shifted: bool) -> None:
        workspace = self._ready()
        positive = self._panel.positive and not shifted
        point = None if self._canvas is None else self._canvas.pick(ray.ray_origin, ray.ray_direction)
        start = time.perf_counter()
        event = self._ask_model(lambda: workspace.click(point, positive))
        self._after(event, model=f"{time.perf_counter() - start:.4f}")

    def _step(self) -> None:
        self._after(self._ready().step())

    def _undo(self) -> None:
        self._after(self._ready().undo())

    def _clear(self) -> None:
        self._after(self._ready().clear())

    def _accept(self) -> None:
        self._after(self._ready().accept())
        self._panel.switch(True)

    def _chosen(self) -> int:
        chosen = self._panel.object_id
        if chosen is None:
            raise ValueError("there is no object yet; accept one first")
        return chosen

    def _rename(self) -> None:
        self._after(self._ready().rename(self._chosen(), self._panel.name.value))

    def _delete(self) -> None:
        self._after(self._ready().delete(self._chosen()))

    def _toggle(self) -> None:
        workspace, chosen = self._ready(), self._chosen()
        visible = any(item.id == chosen and item.visible for item in workspace.state.objects)
        self._after(workspace.show(chosen, not visible))

    def _show_name(self) -> None:
        if self._workspace is not None:
            names = {item.id: item.name for item in self._workspace.state.objects}
            self._panel.name.value = names.get(self._panel.object_id or 0, "")

    def _redraw(self) -> None:
        if self._canvas is not None and self._workspace is not None:
            self._canvas.show(self._workspace.state, self._panel.look)

    def _reset_camera(self) -> None:
        if self._canvas is not None:
            self._canvas.reset_camera()

    # Segmenting everything.

    def _everything(self) -> None:
        workspace = self._ready()
        self._searching, self._stopped = True, False
        self._panel.work(0.0, can_stop=True)
        self._panel.tell("Segmenting everything", "busy")
        try:
            self._search = self._viewer.work.submit(
                lambda: workspace.everything(self._progress), owner=self._client.client_id, long=True
            )
        except Exception:
            self._searching = False
            self._panel.work(None)
            raise
        self._search.add_done_callback(lambda done: self._hand.do(partial(self._found, done)))

    def _progress(self, done: int, total: int) -> None:
        if self._stopped:
            raise _StoppedError
        self._panel.work(done / max(total, 1), can_stop=True)
        self._viewer.work.give_way(self._client.client_id)

    def _stop(self) -> None:
        self._stopped = True
        if self._search is not None:
            self._search.cancel()  # where it has not begun; else its next progress ends it

    def _found(self, done: "Future[Event]") -> None:
        self._searching, self._search = False, None
        self._panel.work(None)
        try:
            self._after(done.result())
        except (_StoppedError, CancelledError):
            self._panel.tell("Stopped; nothing has changed", "ready")

    # Files and earlier work.

    def _export(self) -> None:
        state = self._ready().state
        if self._opened is None or not state.objects:
            raise ValueError("there is no object yet; accept one first")
        scene = self._opened.scene
        name, content, remarks = download(scene, state.objects, self._panel.format.value)
        self._client.send_file_download(name, content, save_immediately=True)
        if state.clicks:
            remarks.append("the clicks that are not accepted are not in it")
        elif Path(name).suffix in COMPLETE:
            self._viewer.autosave.discard(scene, self.person)
        self._panel.tell("; ".join([f"Exported {name}", *remarks]), "ready")

    def _restore(self, path: Path) -> None:
        workspace = self._ready()
        if self._opened is not None:
            with told_by_name(path):
                objects = restore(self._opened.scene, path)
            self._after(workspace.add(objects))

    def _resume(self) -> None:
        workspace = self._ready()
        if self._offer.saved:
            saved = self._offer.saved[0]
            self._after(self._ask_model(lambda: workspace.resume(saved.objects, saved.clicks, saved.choices)))
            self._drop_saved()

    def _discard(self) -> None:
        if self._offer.saved:
            self._drop_saved()
            self._panel.tell("Thrown away", self._resting)

    def _drop_saved(self) -> None:
        self._offer.drop(self._ready().scene)
        self._panel.offer(self._offer.saved)
