"""A page: what one browser's buttons, keys and clicks do.

viser calls back in its event loop. Nothing is done there: actions go, in order, to a thread that belongs to the page,
and from there calls of the model to the queue that all pages share.
"""

import logging
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from point_sam.clouds import PointCloudError
from point_sam.encoded import EncodedCloud
from point_sam.messages import first_line
from point_sam.viewer.app import Viewer
from point_sam.viewer.exporting import export_suffixes
from point_sam.viewer.page_thread import Callback, PageThread
from point_sam.viewer.paths import inside
from point_sam.viewer.ui_canvas import Canvas
from point_sam.viewer.ui_editor import Editor
from point_sam.viewer.ui_panel import Panel
from point_sam.viewer.viser_private import limit_uploads, received
from point_sam.viewer.work import QueueClosedError, QueueFullError
from point_sam.viewer.workspace import Event, Workspace

if TYPE_CHECKING:
    from viser import ClientHandle

_LOG = logging.getLogger(__name__)
_BROWSER = "point_sam_browser"  # the key in the browser's local storage
_ANSWER_SECONDS = 5.0  # for a browser to tell its storage
# What an error advises, in the words of who starts the server.
_ADVICE = {"drop_invalid": "drop them (point-sam view --drop-invalid does) or repair the source"}


class Page:
    """One browser tab.

    Args:
        viewer: what all pages share.
        client: the tab.
        pages: of all who are connected.

    Attributes:
        browser: whose tab it is; empty before that is known.
        person: a name for the work on what is open. Each has another, so that autosaves of it take the place of none
            that is offered.
    """

    def __init__(self, viewer: Viewer, client: "ClientHandle", pages: Mapping[int, "Page"]) -> None:
        self._viewer = viewer
        self._client = client
        self._pages = pages
        self._thread = PageThread(f"page-{client.client_id}", self._fail)
        self._canvas: Canvas | None = None  # of what is open
        self._editor: Editor | None = None  # of that, once it is encoded
        self.browser = ""
        self.person = ""
        self._thread.do(self._build)

    def close(self) -> None:
        """The tab is gone. What it did is in the autosave."""
        self._stop()
        self._thread.close()

    def look_again(self) -> None:
        """Another page of this browser is gone; what it left may be offered here."""
        self._thread.do(self._look_for_saved)

    def _fail(self, err: Exception) -> None:
        if isinstance(err, CancelledError | QueueClosedError):  # the server is going down
            return
        if isinstance(err, MemoryError):
            message = "out of memory"
        elif isinstance(err, ValueError | OSError | ImportError | QueueFullError):
            message = first_line(err)
        else:
            _LOG.error("in the page of client %d", self._client.client_id, exc_info=err)
            message = "something went wrong; the server's terminal says what"
        self._panel.tell(message, self._resting)

    @property
    def _resting(self) -> str:
        if self._editor is None:
            return "empty" if self._canvas is None else "busy"
        return "busy" if self._editor.is_searching else "ready"

    def _build(self) -> None:
        self._panel = panel = Panel(self._client)
        panel.tell("starting", "busy")
        limit_uploads(self._client, self._viewer.max_upload, lambda why: self._thread.do(partial(panel.tell, why)))
        self._connect(panel)
        self.browser = _browser_of(self._client)
        if self._viewer.file is not None:
            self._open(self._viewer.file)
        else:
            panel.tell("Type the path of a cloud or mesh, or upload one", "empty")

    def _connect(self, panel: Panel) -> None:
        on, on_event, on_last = self._thread.on, self._thread.on_event, self._thread.on_last

        def edit(action: Callable[[Editor], None]) -> Callback:
            return on(lambda: action(self._ready()))

        def do(action: Callable[[Workspace], Event]) -> Callback:
            return on(lambda: self._ready().do(action))

        for handle, callback in (
            (panel.stop, on(self._stop)),
            (panel.restore_saved, edit(Editor.resume)),
            (panel.discard_saved, edit(Editor.discard)),
            (panel.next_click, on(lambda: panel.switch(not panel.positive))),
            (panel.candidate, do(Workspace.step)),
            (panel.undo, do(Workspace.undo)),
            (panel.clear, do(Workspace.clear)),
            (panel.accept, edit(Editor.accept)),
            (panel.rename, edit(Editor.rename)),
            (panel.visible, edit(Editor.toggle)),
            (panel.delete, edit(Editor.delete)),
            (panel.everything, edit(Editor.everything)),
            (panel.reset, on(self._reset_camera)),
            (panel.export, edit(Editor.export)),
            (panel.open, on(lambda: self._open(self._typed()))),
            (panel.restore, on(lambda: self._restore(self._typed()))),
        ):
            handle.on_click(callback)
        for key, callback in zip(
            panel.keys, (do(Workspace.undo), edit(Editor.accept), do(Workspace.step)), strict=True
        ):
            key.on_trigger(callback)
        for control in (panel.mode, panel.opacity, panel.size):
            control.on_update(on_last(self._redraw))
        panel.chosen.on_update(on_last(self._show_name))
        panel.upload.on_upload(on(lambda: self._uploaded(panel.upload, partial(self._open, will_stay=False))))
        panel.upload_result.on_upload(on(lambda: self._uploaded(panel.upload_result, self._restore)))
        scene = self._client.scene
        scene.on_click()(on_event(lambda ray: self._ready().click(ray, shifted=False)))  # type: ignore[arg-type]
        scene.on_click(modifier="shift")(on_event(lambda ray: self._ready().click(ray, shifted=True)))  # type: ignore[arg-type]

    def _typed(self) -> Path:
        return inside(self._viewer.folder, self._panel.path.value)

    def _uploaded(self, button: Any, action: Callable[[Path], None]) -> None:
        with received(button) as path:
            action(path)

    def _open(self, path: Path, *, will_stay: bool = True) -> None:
        if self._editor is not None:
            self._ready()  # not while everything is being segmented
        with self._panel.reading(f"Reading {path.name}"), _told_by_name(path):
            opened = self._viewer.open(path, will_stay=will_stay)
        self._shut()
        self.person = f"{self.browser}-{secrets.token_hex(4)}"
        with self._shut_on_error():
            self._canvas = canvas = Canvas(self._client, opened, self._panel.look)
            self._panel.opened(opened.scene.name, len(opened.drawing), len(opened.scene), export_suffixes(opened.scene))
            self._panel.work(0.3)
            self._panel.tell("Waiting for the model", "busy")
            encoding = self._viewer.encoding_cache.get(
                opened.scene,
                self._viewer.model,
                owner=self._client.client_id,
                on_start=lambda: self._thread.do(partial(self._encoding, canvas)),
            )
            encoding.add_done_callback(lambda done: self._thread.do(partial(self._encoded, canvas, done)))

    def _encoding(self, canvas: Canvas) -> None:
        if self._canvas is canvas and self._editor is None:
            self._panel.work(0.5)
            self._panel.tell("Encoding, once for all clicks", "busy")

    def _encoded(self, canvas: Canvas, done: "Future[EncodedCloud]") -> None:
        if self._canvas is not canvas or self._editor is not None:
            return
        with self._shut_on_error():
            workspace = Workspace(canvas.scene, self._viewer.model, done.result(), self._viewer.scales)
        self._editor = Editor(self._viewer, self._client, self._thread, self._panel, canvas, workspace, self.person)
        remarks = self._look_for_saved()
        self._panel.tell("; ".join(["Click on a part; shift-click takes away", *remarks]), "ready")

    @contextmanager
    def _shut_on_error(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            self._shut()
            raise

    def _shut(self) -> None:
        """Nothing is open any more."""
        if self._canvas is not None:
            self._canvas.remove()
        self._canvas = self._editor = None
        self._panel.empty()
        self._panel.work(None)

    def _ready(self) -> Editor:
        if self._editor is None:
            raise ValueError("open a cloud or mesh first" if self._canvas is None else "not yet: it is being encoded")
        if self._editor.is_searching:
            raise ValueError("everything is being segmented; stop that first")
        return self._editor

    def _look_for_saved(self) -> list[str]:
        """Offer what is kept of what is open; what to tell about that."""
        if self._editor is None:  # it is looked for when the encoding is there
            return []
        at_work = {self.person, *(page.person for page in list(self._pages.values()))}
        return self._editor.look_for_saved(f"{self.browser}-", at_work)

    def _restore(self, path: Path) -> None:
        editor = self._ready()
        with _told_by_name(path):
            editor.restore(path)

    def _stop(self) -> None:
        if self._editor is not None:
            self._editor.stop()

    def _show_name(self) -> None:
        if self._editor is not None:
            self._editor.show_name()

    def _redraw(self) -> None:
        if self._editor is not None:
            self._editor.redraw()

    def _reset_camera(self) -> None:
        if self._canvas is not None:
            self._canvas.reset_camera()


def _browser_of(client: "ClientHandle") -> str:
    """Who this is: a random number that the browser keeps, so that its work is offered to it and nobody else."""
    try:
        known = client.local_storage.get_item(_BROWSER, timeout=_ANSWER_SECONDS)
    except (RuntimeError, TimeoutError):  # it keeps nothing, or is gone
        known = None
    if not isinstance(known, str) or not re.fullmatch("[0-9a-f]{24}", known):
        known = secrets.token_hex(12)
        client.local_storage.set_item(_BROWSER, known)
    return known


@contextmanager
def _told_by_name(path: Path) -> Iterator[None]:
    """Errors name the file, not where the server keeps it, and the server's flags instead of Python.

    Raises:
        ValueError: in place of a ValueError or OSError.
    """
    try:
        yield
    except (ValueError, OSError) as err:
        message = err.advise(_ADVICE) if isinstance(err, PointCloudError) else str(err)
        raise ValueError(message.replace(str(path), path.name)) from err
