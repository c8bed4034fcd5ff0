"""Objects from files that `export` wrote, and from what other commands and programs label."""

from pathlib import Path

from point_sam.viewer.objects import SegmentedObject
from point_sam.viewer.scene import Scene

MAX_BYTES = 2 << 30


def restore(scene: Scene, path: Path, *, max_bytes: int = MAX_BYTES) -> list[SegmentedObject]:
    """The objects in a file, for the scene that they are of.

    From .json and our .npz everything; from the others labels, so that names are "object 3", overlaps are lost, and
    clicks and scores unknown. A negative label is none, as `point-sam everything` writes; where there is one, label 0
    is an object too.

    Args:
        scene: what is open.
        path: a result, by suffix.
        max_bytes: a larger file is refused.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a damaged file, one without labels, or one of another cloud: another number of points, other
            coordinates (beyond what LAS and float32 round), or in .json another fingerprint.
        ImportError: a reader's package is not installed.
    """
    raise NotImplementedError
