"""Objects to files: labels with the cloud (PLY, PCD, LAS, NPZ, ...), objects alone (JSON), a painted mesh (GLB)."""

from collections.abc import Sequence
from pathlib import Path

from point_sam.viewer.objects import SegmentedObject
from point_sam.viewer.scene import Scene

LABEL = "label"
MASKS = "masks"


def export_suffixes(scene: Scene) -> tuple[str, ...]:
    """Suffixes that `export` takes for a scene, the usual first."""
    raise NotImplementedError


def export(path: Path, scene: Scene, objects: Sequence[SegmentedObject]) -> list[str]:
    """Write the objects; the suffix names the format, and the file appears only when complete.

    A cloud's file holds all points with their own colours and attributes and one attribute more, `label`, int32: the
    object's id, 0 for none; where objects overlap, the later one's. .npz also holds every mask (`masks` [N, M] bool)
    and, as `objects.json`, names, colours, clicks and scores. .json holds these and the masks, without the cloud. .npy
    holds the labels alone. .glb is for meshes: the faces painted; it cannot be restored from.

    Args:
        path: in an existing folder.
        scene: what the objects are of.
        objects: hidden ones too.

    Returns:
        Remarks for the person, e.g. that an attribute of the input was replaced.

    Raises:
        FileNotFoundError: the folder does not exist.
        ValueError: an unknown suffix, objects of another scene, or what the format cannot hold.
        ImportError: a writer's package is not installed.
        OSError: the system refuses.
    """
    raise NotImplementedError
