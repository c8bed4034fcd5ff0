"""What all who are connected share: the model, its queue, the files that were opened and their encodings."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from weakref import WeakValueDictionary

from point_sam.encoded import EncodedCloud
from point_sam.mesh.sampling import SAMPLES
from point_sam.predictor import PointSAM
from point_sam.session import Scales
from point_sam.viewer.autosave import Autosave
from point_sam.viewer.drawing import Opened, draw_scene
from point_sam.viewer.encoding_cache import EncodingCache
from point_sam.viewer.scene import MAX_POINTS, Scene, open_scene
from point_sam.viewer.work import WorkQueue

MAX_UPLOAD = 256 << 20  # bytes; a browser sends them in one go and the server holds them in memory
_KEPT_SCENES = 4


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
        drop_invalid: leave out points of a cloud without finite coordinates; else they are an error.
        scales: what clicks are looked at in, see `Session`.
        stored: encodings that were made earlier, see `EncodingCache`.
        work, encoding_cache: the queue of the model's calls, and what it encoded.
    """

    model: PointSAM
    folder: Path
    file: Path | None = None
    autosave: Autosave = field(default_factory=Autosave)
    max_upload: int = MAX_UPLOAD
    max_points: int = MAX_POINTS
    samples: int = SAMPLES
    seed: int = 0
    drop_invalid: bool = False
    scales: Scales = "auto"
    stored: Callable[[Scene], EncodedCloud | None] | None = None
    work: WorkQueue = field(default_factory=WorkQueue)
    encoding_cache: EncodingCache = field(init=False)

    def __post_init__(self) -> None:
        self.encoding_cache = EncodingCache(self.work, stored=self.stored)
        self._lock = threading.Lock()
        self._opened: OrderedDict[tuple[str, int, int], Opened] = OrderedDict()
        self._places: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()  # of files that are being read

    def open(self, path: Path, *, will_stay: bool = True) -> Opened:
        """Read a file, once for all who ask for it.

        Args:
            path: the file.
            will_stay: False for one that is there for this call alone, such as an upload: nothing is kept of it.

        Raises:
            FileNotFoundError, ValueError, ImportError: as `open_scene`.
        """
        try:
            about = path.stat()
        except OSError as err:
            raise FileNotFoundError(f"{path.name}: no such file") from err
        if not will_stay:
            return self._read(path, None)
        key = (str(path), about.st_mtime_ns, about.st_size)
        with self._lock:
            place = self._places.setdefault(key[0], threading.Lock())
        with place:
            with self._lock:
                if key in self._opened:
                    self._opened.move_to_end(key)
                    return self._opened[key]
            opened = self._read(path, path)
            with self._lock:
                self._opened[key] = opened
                while len(self._opened) > _KEPT_SCENES:
                    self._opened.popitem(last=False)
        return opened

    def _read(self, path: Path, kept_at: Path | None) -> Opened:
        scene = open_scene(
            path, samples=self.samples, seed=self.seed, drop_invalid=self.drop_invalid, max_points=self.max_points
        )
        scene = replace(scene, path=kept_at)
        return Opened(scene, draw_scene(scene))

    def close(self) -> None:
        """Take no more work."""
        self.work.close()
