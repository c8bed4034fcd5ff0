"""A page of the viewer without a browser: viser's handles keep what they are given, and are pressed by the tests."""

import asyncio
import re
import threading
import time
from contextlib import nullcontext
from html import unescape
from types import SimpleNamespace
from typing import Any

import numpy as np

from point_sam.viewer.app import Viewer
from point_sam.viewer.ui import Pages
from point_sam.viewer.workspace import Workspace

PATIENCE = 60.0  # seconds


class Handle:
    """Any handle of viser's: a value, whatever else is set, and who wants to hear of it."""

    def __init__(self, value: Any = None) -> None:
        self.value = value
        self.visible = True
        self.disabled = False
        self.removed = False
        self.content = ""
        self.options: tuple[str, ...] = ()
        self._impl = SimpleNamespace()
        self._heard: list[Any] = []

    def on_click(self, callback: Any) -> None:
        self._heard.append(callback)

    on_update = on_upload = on_trigger = on_click

    def fire(self, event: Any = None) -> None:
        """What viser does when the browser says so."""
        for callback in self._heard:
            asyncio.run(callback(event))

    def remove(self) -> None:
        self.removed = True


class Gui:
    """The controls of a tab. `_handle_*` is what `limit_uploads` takes the place of."""

    _handle_file_transfer_start = _handle_file_transfer_part = None

    def __init__(self) -> None:
        nothing = lambda *_: None  # noqa: E731
        self._websock_interface = SimpleNamespace(register_handler=nothing, unregister_handler=nothing)
        self._current_file_upload_states: dict[str, Any] = {}

    def add_html(self, content: str, **_: Any) -> Handle:
        return Handle()

    def add_progress_bar(self, value: float, *, visible: bool, **_: Any) -> Handle:
        handle = Handle(value)
        handle.visible = visible
        return handle

    def add_button(self, label: str, *, visible: bool = True, **_: Any) -> Handle:
        handle = Handle()
        handle.visible = visible
        return handle

    add_upload_button = add_command = add_button

    def add_dropdown(self, label: str, options: tuple[str, ...]) -> Handle:
        handle = Handle(options[0])
        handle.options = options
        return handle

    def add_text(self, label: str, initial: str, **_: Any) -> Handle:
        return Handle(initial)

    def add_slider(self, label: str, low: float, high: float, step: float, initial: float) -> Handle:
        return Handle(initial)

    def add_folder(self, label: str) -> Any:
        return nullcontext()

    def add_tab_group(self) -> Any:
        return SimpleNamespace(add_tab=lambda label: nullcontext())


class Scenery:
    """What is drawn."""

    def __init__(self) -> None:
        self.drawn: list[Handle] = []
        self.clicked: dict[str | None, Any] = {}

    def on_click(self, *, modifier: str | None = None) -> Any:
        return lambda callback: self.clicked.__setitem__(modifier, callback)

    def _add(self, *_: Any, **__: Any) -> Handle:
        self.drawn.append(Handle())
        return self.drawn[-1]

    add_point_cloud = add_label = add_icosphere = add_box = _add


class Client:
    """A tab, as viser hands it over."""

    def __init__(self, number: int, storage: dict[str, str]) -> None:
        self.client_id = number
        self.gui = Gui()
        self.scene = Scenery()
        self.camera = SimpleNamespace()
        self.downloads: dict[str, bytes] = {}
        self.local_storage = SimpleNamespace(
            get_item=lambda key, timeout: storage.get(key), set_item=storage.__setitem__
        )

    def atomic(self) -> Any:
        return nullcontext()

    def flush(self) -> None:
        pass

    def send_file_download(self, name: str, content: bytes, *, save_immediately: bool) -> None:
        self.downloads[name] = content


class Tab:
    """Somebody's tab: presses, and reads what the page says.

    Args:
        pages: of the viewer that it is connected to.
        storage: of the browser; tabs of one browser share it.
    """

    def __init__(self, pages: Pages, storage: dict[str, str] | None = None) -> None:
        self.pages = pages
        self.client = Client(max(pages._pages, default=0) + 1, {} if storage is None else storage)
        self.page = pages.join(self.client)  # type: ignore[arg-type]
        self.finish()

    @property
    def viewer(self) -> Viewer:
        return self.pages._viewer

    @property
    def workspace(self) -> Workspace:
        assert self.page._editor is not None
        return self.page._editor.workspace

    @property
    def panel(self) -> Any:
        return self.page._panel

    @property
    def state(self) -> str:
        found = re.search('data-state="([a-z]+)"', self.panel.status.content)
        return "" if found is None else found[1]

    @property
    def said(self) -> str:
        """The line that the page shows."""
        found = re.search("<b>(.*)</b>", self.panel.status.content)
        return "" if found is None else unescape(found[1])

    def finish(self) -> None:
        """Until everything that was asked for is done, but what waits for the model."""
        done = threading.Event()
        self.page._thread.do(done.set)
        assert done.wait(PATIENCE)

    def wait(self, state: str = "ready") -> None:
        """Until the page is in a state."""
        end = time.monotonic() + PATIENCE
        while self.state != state:
            assert time.monotonic() < end, f"the page is {self.state!r} and says {self.said!r}"
            time.sleep(0.005)
        self.finish()

    def press(self, handle: Handle) -> None:
        """A button, and what it does."""
        handle.fire()
        self.finish()

    def open(self, typed: str) -> None:
        """A path in the page's field."""
        self.panel.path.value = typed
        self.press(self.panel.open)

    def upload(self, name: str, content: bytes) -> None:
        self.panel.upload.value = SimpleUpload(name, content)
        self.press(self.panel.upload)

    def point(self, *, shift: bool = False) -> None:
        """Click on the outermost point, and do not wait for the answer."""
        assert self.page._canvas is not None
        positions = self.page._canvas._drawing.positions
        place = positions[np.linalg.norm(positions, axis=1).argmax()].astype(float)
        ray = SimpleNamespace(ray_origin=tuple(2 * place), ray_direction=tuple(-place))
        asyncio.run(self.client.scene.clicked["shift" if shift else None](ray))

    def click(self, *, shift: bool = False) -> None:
        self.point(shift=shift)
        self.finish()

    def leave(self) -> None:
        """The tab is closed."""
        self.pages.leave(self.client.client_id)


class SimpleUpload:
    """viser's `UploadedFile`."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name, self.content = name, content
