"""Encodings that people share: each is made once, the least recently used go first when memory is short."""

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any

from point_sam.encoded import EncodedCloud
from point_sam.predictor import PointSAM
from point_sam.viewer.scene import Scene
from point_sam.viewer.work import WorkQueue

MAX_BYTES = 4 << 30


class Library:
    """Encoded clouds by cloud, weights and grouping. Threads may share it.

    One that was dropped stays alive for those who use it, and is found again as long as somebody does.

    Args:
        work: where clouds are encoded.
        max_bytes: of the tensors kept; a cloud that alone takes more is handed out and not kept.

    Raises:
        ValueError: max_bytes is negative.
    """

    def __init__(self, work: WorkQueue, *, max_bytes: int = MAX_BYTES) -> None:
        raise NotImplementedError

    def get(
        self,
        scene: Scene,
        model: PointSAM,
        *,
        owner: Hashable = None,
        on_start: Callable[[], Any] | None = None,
    ) -> "Future[EncodedCloud]":
        """The scene encoded at the model's current grouping: done at once if it is here, else when it is encoded.

        Whoever asks while it is being encoded gets a future of the same encoding; cancelling it leaves the others'
        alone. An encoding that failed is tried again by the next who asks. Never wait for it inside the work queue.

        Args:
            scene, model: which.
            owner: who asks, see `WorkQueue.submit`.
            on_start: called when encoding begins, only if this call makes it begin.

        Raises:
            RuntimeError: as `WorkQueue.submit`.
        """
        raise NotImplementedError

    def add(self, encoded: EncodedCloud) -> None:
        """Keep an encoding that came from elsewhere, such as a file of `point-sam encode`."""
        raise NotImplementedError

    @property
    def num_bytes(self) -> int:
        """Of the tensors kept."""
        raise NotImplementedError

    def __len__(self) -> int:
        """Encodings kept."""
        raise NotImplementedError
