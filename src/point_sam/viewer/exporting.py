"""Objects to files: labels with the cloud (PLY, PCD, LAS, NPZ, ...), objects alone (JSON), a painted mesh (GLB)."""

import json
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from point_sam.atomic import replacing, write_atomically
from point_sam.clouds import PointCloud, PointCloudError, writable_suffixes, write_pointcloud
from point_sam.clouds.colors import MASK_WEIGHT
from point_sam.clouds.formats.npz import write_npz
from point_sam.mesh import Mesh, Paint, SurfaceSamples, face_labels, paint_parts, write_mesh
from point_sam.messages import printable
from point_sam.viewer.objects import SegmentedObject, check_sizes, label_image
from point_sam.viewer.paths import safe_name
from point_sam.viewer.records import MaskForm, check_ids, objects_to_records
from point_sam.viewer.scene import Scene

LABEL = "label"
MASKS = "masks"
OBJECTS_ENTRY = "objects.json"  # in .npz archives, beside the arrays
FORMAT = "point_sam.objects.1"
_USUAL = (".ply", ".pcd", ".las", ".npz", ".json")
_PAINTED = ".glb"
COMPLETE = (".npz", ".json")  # formats that hold all of an object: its mask, name, colour, clicks, score


def export_suffixes(scene: Scene) -> tuple[str, ...]:
    """Suffixes that `export` takes for a scene, the usual first."""
    others = tuple(suffix for suffix in writable_suffixes() if suffix not in _USUAL)
    return (*_USUAL, *others, *((_PAINTED,) if scene.mesh is not None else ()))


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
    suffix = path.suffix.lower()
    if suffix not in export_suffixes(scene):
        raise ValueError(f"{path}: results are written as {' '.join(export_suffixes(scene))}")
    check_sizes(objects, scene)
    check_ids(objects)
    if suffix == ".json":
        text = _describe(scene, objects, "plain")
        write_atomically(path, lambda file: file.write(text))
        return []
    labels = label_image(objects, len(scene))
    if suffix == ".npy":
        write_atomically(path, lambda file: np.lib.format.write_array(file, labels, allow_pickle=False))
        return []
    if suffix == _PAINTED and scene.mesh is not None and scene.samples is not None:
        _write_painted(path, scene.mesh, scene.samples, labels, objects)
        return []
    extra: dict[str, Any] = {LABEL: labels}
    if suffix == ".npz" and objects:
        extra[MASKS] = np.stack([item.mask for item in objects], axis=1)
    # Masks of the input would be taken for those of the result.
    kept = {name: values for name, values in scene.cloud.attributes.items() if name != MASKS}
    labeled = replace(scene.cloud, attributes={**kept, **extra})
    if suffix == ".npz":
        _write_archive(path, labeled, _describe(scene, objects, "none"))
    else:
        write_pointcloud(path, labeled)
    replaced = [name for name in (LABEL, MASKS) if name in scene.cloud.attributes]
    return [
        f"{path.name} holds {'new' if name in extra else 'no'} {name} in place of the input's attribute {name!r}"
        for name in replaced
    ]


def download(scene: Scene, objects: Sequence[SegmentedObject], suffix: str) -> tuple[str, bytes, list[str]]:
    """The objects in a format, by suffix, for a browser.

    Returns:
        The file's name, its content, and remarks for the person, as `export` gives them.

    Raises:
        ValueError: another suffix than `export_suffixes` names, a path for example; else, and ImportError and OSError,
            as `export`.
    """
    if suffix not in export_suffixes(scene):
        raise ValueError(f"the format {printable(str(suffix), 80)!r} is not offered; choose one of the list")
    with tempfile.TemporaryDirectory(prefix="point-sam-export-") as folder:
        path = Path(folder) / f"{Path(safe_name(scene.name)).stem}_objects{suffix}"
        remarks = export(path, scene, objects)
        return path.name, path.read_bytes(), remarks


def _describe(scene: Scene, objects: Sequence[SegmentedObject], masks: MaskForm) -> bytes:
    described = {
        "format": FORMAT,
        "cloud": {"name": scene.name, "points": len(scene), "fingerprint": scene.fingerprint},
        "objects": objects_to_records(objects, masks),
    }
    return json.dumps(described, ensure_ascii=False, separators=(",", ":")).encode()


def _write_archive(path: Path, cloud: PointCloud, description: bytes) -> None:
    with replacing(path) as temporary:
        try:
            with open(temporary, "wb") as file:
                write_npz(file, cloud)
        except PointCloudError as err:
            raise err.within(path) from err
        with zipfile.ZipFile(temporary, "a") as archive:
            # A fixed date, as for the arrays, so that equal results give equal files.
            archive.writestr(zipfile.ZipInfo(OBJECTS_ENTRY), description)


def _write_painted(
    path: Path, mesh: Mesh, samples: SurfaceSamples, labels: np.ndarray, objects: Sequence[SegmentedObject]
) -> None:
    paints = {item.id: Paint(item.color, MASK_WEIGHT) for item in objects}
    painted, painted_labels = paint_parts(mesh, face_labels(mesh, samples, labels), paints)
    write_mesh(path, painted, painted_labels)
