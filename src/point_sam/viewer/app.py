"""The viewer: what all who are connected share, and a page for each of them."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from point_sam.encoded import EncodedCloud
from point_sam.mesh.sampling import SAMPLES
from point_sam.predictor import PointSAM
from point_sam.viewer.autosave import Autosave
from point_sam.viewer.drawing import Drawing, draw_scene
from point_sam.viewer.library import Library
from point_sam.viewer.scene import MAX_POINTS, Scene, open_scene
from point_sam.viewer.work import WorkQueue

if TYPE_CHECKING:
    from viser import ClientHandle, ViserServer

    from point_sam.viewer.ui import Page

MAX_UPLOAD = 256 << 20  # bytes; a browser sends them in one go and the server holds them in memory
_KEPT_SCENES = 4


@dataclass(frozen=True, eq=False)
class Opened:
    """A scene and what is drawn of it; several people may share them."""

    scene: Scene
    drawing: Drawing


@dataclass(eq=False)
class Viewer:
    """What all pages of one server share.

    Attributes:
        model: the model.
        folder: paths typed in a page lie in it.
        file: opened for everybody who comes; None: each opens a file in the page.
        autosave: where work is kept.
        max_upload: bytes of an uploaded file.
        max_points: of an opened file.
        samples, seed: how many points are drawn on a mesh, and of drawing them.
        stored: encodings that were made earlier, see `Library`.
        work, library: the queue of the model's calls, and what it encoded.
        pages: of those who are connected.
    """

    model: PointSAM
    folder: Path
    file: Path | None = None
    autosave: Autosave = field(default_factory=Autosave)
    max_upload: int = MAX_UPLOAD
    max_points: int = MAX_POINTS
    samples: int = SAMPLES
    seed: int = 0
    stored: Callable[[Scene], EncodedCloud | None] | None = None
    work: WorkQueue = field(default_factory=WorkQueue)
    library: Library = field(init=False)
    pages: "dict[int, Page]" = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.library = Library(self.work, stored=self.stored)
        self._lock = threading.Lock()
        self._opened: OrderedDict[tuple[str, int, int], Opened] = OrderedDict()
        self._places: dict[str, threading.Lock] = {}

    def serve(self, server: "ViserServer") -> None:
        """Give everybody who connects to that server a page."""
        from point_sam.viewer.ui import Page

        server.gui.set_panel_label("point-sam view")

        async def connect(client: "ClientHandle") -> None:
            self.pages[client.client_id] = Page(self, client)

        async def disconnect(client: "ClientHandle") -> None:
            page = self.pages.pop(client.client_id, None)
            if page is not None:
                page.close()

        server.on_client_disconnect(disconnect)
        server.on_client_connect(connect)

    def open(self, path: Path) -> Opened:
        """Read a file, once for all who ask for it.

        Raises:
            FileNotFoundError, ValueError, ImportError: as `open_scene`.
        """
        try:
            about = path.stat()
        except OSError as err:
            raise FileNotFoundError(f"{path.name}: no such file") from err
        key = (str(path), about.st_mtime_ns, about.st_size)
        with self._lock:
            place = self._places.setdefault(key[0], threading.Lock())
        with place:
            with self._lock:
                if key in self._opened:
                    self._opened.move_to_end(key)
                    return self._opened[key]
            scene = open_scene(path, samples=self.samples, seed=self.seed, max_points=self.max_points)
            opened = Opened(scene, draw_scene(scene))
            with self._lock:
                self._opened[key] = opened
                while len(self._opened) > _KEPT_SCENES:
                    self._opened.popitem(last=False)
        return opened

    def close(self) -> None:
        """Take no more work."""
        for page in list(self.pages.values()):
            page.close()
        self.work.close()
