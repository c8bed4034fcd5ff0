"""Encodings that people share: each is made once, the least recently used go first when memory is short."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from point_sam.encoded import EncodedCloud
from point_sam.model import Grouping
from point_sam.predictor import PointSAM
from point_sam.viewer.scene import Scene
from point_sam.viewer.work import WorkQueue

MAX_BYTES = 4 << 30
_LOG = logging.getLogger(__name__)


class EncodingCache:
    """Encoded clouds by cloud, weights, precision and grouping. Threads may share it.

    One that was dropped stays alive for those who use it, and is found again as long as somebody does.

    Args:
        work: where clouds are encoded.
        max_bytes: of the tensors kept; a cloud that alone takes more is handed out and not kept.
        stored: asked in the queue before a scene is encoded: an encoding of it that was made earlier, such as a file
            of `point-sam encode`, or None. It is taken whatever its grouping and precision. Its ValueError or OSError
            becomes a warning in the log, and the scene is encoded.

    Raises:
        ValueError: max_bytes is negative.
    """

    def __init__(
        self,
        work: WorkQueue,
        *,
        max_bytes: int = MAX_BYTES,
        stored: Callable[[Scene], EncodedCloud | None] | None = None,
    ) -> None:
        if max_bytes < 0:
            raise ValueError(f"max_bytes is {max_bytes}; it must be 0 or more")
        self._work = work
        self._max_bytes = max_bytes
        self._stored = stored
        self._lock = threading.RLock()
        self._kept: OrderedDict[_Key, EncodedCloud] = OrderedDict()
        self._alive: WeakValueDictionary[_Key, EncodedCloud] = WeakValueDictionary()
        self._added: WeakValueDictionary[tuple[str, str], EncodedCloud] = WeakValueDictionary()  # cloud, weights
        self._coming: dict[_Key, Future[EncodedCloud]] = {}

    def get(
        self,
        scene: Scene,
        model: PointSAM,
        *,
        owner: Hashable = None,
        on_start: Callable[[], Any] | None = None,
    ) -> "Future[EncodedCloud]":
        """The scene as `add` or `stored` gave it, or encoded at the model's current grouping and precision.

        Done at once if it is here, else when it is encoded.

        Whoever asks while it is being encoded gets a future of the same encoding; cancelling it leaves the others'
        alone. An encoding that failed is tried again by the next who asks. Never wait for it inside the work queue.

        Args:
            scene, model: which.
            owner: who asks, see `WorkQueue.submit`.
            on_start: called when encoding begins, only if this call makes it begin.

        Raises:
            QueueClosedError, QueueFullError: as `WorkQueue.submit`.
        """
        precision = model.precision
        key = _Key(scene.fingerprint, model.fingerprint, precision, model.grouping)
        answer: Future[EncodedCloud] = Future()
        with self._lock:
            found = self._find(key)
            if found is not None:
                answer.set_result(found)
                return answer
            coming = self._coming.get(key)
            if coming is None:
                coming = self._work.submit(lambda: self._make(scene, model), owner=owner, on_start=on_start, long=True)
                self._coming[key] = coming
                coming.add_done_callback(lambda done: self._arrived(key, done))
        coming.add_done_callback(lambda done: _hand_on(done, answer))
        return answer

    def add(self, encoded: EncodedCloud) -> None:
        """Keep an encoding that came from elsewhere, such as a file of `point-sam encode`.

        As long as it is kept or in use, it is what `get` gives for its cloud and weights, whatever its grouping and
        precision.
        """
        with self._lock:
            self._added[encoded.cloud_fingerprint, encoded.model_fingerprint] = encoded
            self._keep(encoded)

    @property
    def num_bytes(self) -> int:
        """Of the tensors kept."""
        with self._lock:
            return sum(encoded.num_bytes for encoded in self._kept.values())

    def __len__(self) -> int:
        """Encodings kept."""
        return len(self._kept)

    def _find(self, key: "_Key") -> EncodedCloud | None:
        found = self._added.get((key.cloud, key.model)) or self._alive.get(key)
        if found is not None:
            self._keep(found)
        return found

    def _make(self, scene: Scene, model: PointSAM) -> EncodedCloud:
        try:
            found = None if self._stored is None else self._stored(scene)
        except (ValueError, OSError) as err:
            _LOG.warning("%s; until then it is encoded here", err)
            found = None
        if found is None:
            return model.encode(scene.cloud.xyz, scene.cloud.rgb, normalize=True)
        self.add(found)
        return found

    def _keep(self, encoded: EncodedCloud) -> None:
        key = _Key(encoded.cloud_fingerprint, encoded.model_fingerprint, encoded.precision, encoded.grouping)
        self._alive[key] = encoded
        self._kept[key] = encoded
        self._kept.move_to_end(key)
        if encoded.num_bytes > self._max_bytes:
            del self._kept[key]
        while self.num_bytes > self._max_bytes:
            self._kept.popitem(last=False)

    def _arrived(self, key: "_Key", done: "Future[EncodedCloud]") -> None:
        with self._lock:
            del self._coming[key]
            if not done.cancelled() and done.exception() is None:
                self._keep(done.result())


class _Key(NamedTuple):
    cloud: str
    model: str
    precision: str
    grouping: Grouping


def _hand_on(done: "Future[EncodedCloud]", answer: "Future[EncodedCloud]") -> None:
    """The outcome of one future to another, which its holder may have cancelled."""
    if done.cancelled():
        answer.cancel()
    elif answer.set_running_or_notify_cancel():
        if (error := done.exception()) is not None:
            answer.set_exception(error)
        else:
            answer.set_result(done.result())
