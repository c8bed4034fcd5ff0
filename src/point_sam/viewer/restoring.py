"""Objects from files that `export` wrote, and from what other commands and programs label."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Integer

from point_sam.clouds import PointCloud, read_pointcloud
from point_sam.clouds.npyarray import read_array_data, read_array_header
from point_sam.messages import first_line
from point_sam.viewer.exporting import FORMAT, LABEL, MASKS, OBJECTS_ENTRY
from point_sam.viewer.objects import SegmentedObject, largest_first
from point_sam.viewer.records import RecordError, check_count, objects_from_records
from point_sam.viewer.scene import Scene

MAX_BYTES = 2 << 30
_MOST_JSON = 256 << 20  # bytes of text: Python's values take ten times as much
_MASK = "mask"  # what `point-sam segment` writes
# Of the cloud's extent, and of its coordinates: what LAS and float32 round.
_OFF_EXTENT, _OFF_COORDINATE = 1e-6, 2e-7


def restore(scene: Scene, path: Path, *, max_bytes: int = MAX_BYTES) -> list[SegmentedObject]:
    """The objects in a file, for the scene that they are of.

    From .json and our .npz everything; from the others labels, so that names are "object 3", overlaps are lost, and
    clicks and scores unknown. Negative labels, as `point-sam everything` writes them, are none; where there is one,
    label 0 is an object too, and every id is the label plus 1. `masks` in .npz, as `point-sam everything` writes them,
    go before labels; `mask`, as `point-sam segment` does, is taken where there is neither.

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
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    size = path.stat().st_size
    suffix = path.suffix.lower()
    most = min(max_bytes, _MOST_JSON) if suffix == ".json" else max_bytes
    if size > most:
        raise ValueError(f"{path}: the file has {size:,} bytes; at most {most:,} are read")
    try:
        if suffix == ".json":
            return _from_description(scene, path.read_bytes())
        if suffix == ".npy":
            return _from_labels(_read_labels(path), len(scene))
    except RecordError as err:
        raise ValueError(f"{path}: {err}") from err
    if suffix == ".glb":
        raise ValueError(f"{path}: a painted mesh does not tell objects apart; go on from .json, .npz or a cloud")
    cloud = read_pointcloud(path)
    try:
        _check_same(scene, cloud)
        return _from_cloud(cloud, path)
    except RecordError as err:
        raise ValueError(f"{path}: {err}") from err


def _from_cloud(cloud: PointCloud, path: Path) -> list[SegmentedObject]:
    description = _read_entry(path) if path.suffix.lower() == ".npz" else None
    masks = cloud.attributes.get(MASKS)
    if description is not None:
        rows = np.zeros((0, len(cloud)), bool) if masks is None else _as_masks(masks, MASKS)
        return objects_from_records(_parse(description).get("objects"), len(cloud), rows)
    # In an archive they are the result's; elsewhere they may have come along from the input.
    if masks is not None and (path.suffix.lower() == ".npz" or LABEL not in cloud.attributes):
        return _from_masks(_as_masks(masks, MASKS))
    if LABEL in cloud.attributes:
        return _from_labels(cloud.attributes[LABEL], len(cloud))
    if _MASK in cloud.attributes:
        return _from_masks(_as_masks(cloud.attributes[_MASK].reshape(len(cloud), -1), _MASK))
    raise RecordError(f"has no attribute {LABEL}, {MASKS} or {_MASK}; give a file with labels")


def _from_description(scene: Scene, text: bytes) -> list[SegmentedObject]:
    described = _parse(text)
    cloud = described.get("cloud")
    if not isinstance(cloud, dict):
        raise RecordError("does not say which cloud it is of")
    if cloud.get("points") != len(scene):
        raise RecordError(f"is of a cloud of {str(cloud.get('points'))[:20]} points; {scene.name} has {len(scene)}")
    if cloud.get("fingerprint") != scene.fingerprint:
        raise RecordError(
            f"is of another cloud ({str(cloud.get('name'))[:80]!r}) than {scene.name}: their fingerprints differ; "
            "open the file that it was made of"
        )
    return objects_from_records(described.get("objects"), len(scene))


def _parse(text: bytes) -> dict[str, Any]:
    try:
        described = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise RecordError(f"is no intact JSON: {first_line(err)}") from err
    if not isinstance(described, dict) or described.get("format") != FORMAT:
        raise RecordError(f"is JSON, but no result of the viewer: its format is not {FORMAT!r}")
    return described


def _read_entry(path: Path) -> bytes | None:
    """The description in an archive; None where another program wrote it."""
    try:
        with zipfile.ZipFile(path) as archive:
            if OBJECTS_ENTRY not in archive.namelist():
                return None
            size = archive.getinfo(OBJECTS_ENTRY).file_size
            if size > _MOST_JSON:
                raise RecordError(f"{OBJECTS_ENTRY} has {size:,} bytes; at most {_MOST_JSON:,} are read")
            return archive.read(OBJECTS_ENTRY)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError) as err:
        raise RecordError(f"{OBJECTS_ENTRY} is damaged: {first_line(err)}") from err


def _read_labels(path: Path) -> np.ndarray:
    with open(path, "rb") as file:
        try:
            header = read_array_header(file)
            if header.nbytes > path.stat().st_size:
                raise RecordError(f"announces {header.nbytes} bytes; the file is cut short")
            return read_array_data(file, header)
        except ValueError as err:
            raise RecordError(str(err)) from err


def _from_labels(values: np.ndarray, num_points: int) -> list[SegmentedObject]:
    """An object for each label, by ascending id."""
    labels = _as_labels(values, num_points)
    first = 0 if labels.min() < 0 else 1
    points, known = np.flatnonzero(labels >= first), labels[labels >= first]
    found, starts = np.unique(np.sort(known, kind="stable"), return_index=True)
    check_count(len(found), num_points)
    parts = np.split(points[np.argsort(known, kind="stable")], starts[1:]) if len(found) else []
    objects = []
    for label, part in zip(found.tolist(), parts, strict=True):
        mask = np.zeros(num_points, bool)
        mask[part] = True
        objects.append(SegmentedObject.of(label + 1 - first, mask))
    return objects


def _from_masks(masks: Bool[np.ndarray, "M N"]) -> list[SegmentedObject]:
    """An object for each mask that is not empty, the largest first, so that parts lie above what they are of."""
    check_count(*masks.shape)
    areas = masks.sum(axis=1)
    order = [i for i in largest_first(areas.tolist()) if areas[i]]
    return [SegmentedObject.of(id, masks[i]) for id, i in enumerate(order, 1)]


def _as_labels(values: np.ndarray, num_points: int) -> Integer[np.ndarray, " N"]:
    if values.shape != (num_points,):
        raise RecordError(f"{LABEL} has shape {list(values.shape)}; expected [{num_points}], one for each point")
    # Other programs turn whole numbers into floats.
    with np.errstate(all="ignore"):
        labels = values.astype(np.int64) if values.dtype.kind in "biuf" else None
    if labels is None or (labels != values).any() or labels.max() >= 2**31 - 1:
        raise RecordError(f"{LABEL} is {values.dtype} and holds more than labels; expected whole numbers below 2**31")
    return labels


def _as_masks(values: np.ndarray, name: str) -> Bool[np.ndarray, "M N"]:
    """Masks that a file has as columns, as rows, which are quick to go through."""
    whole = values.ndim == 2 and values.dtype.kind in "biuf"
    if not (whole and (values.dtype.kind == "b" or ((values == 0) | (values == 1)).all())):
        raise RecordError(f"{name} is {values.dtype} {list(values.shape)}; expected 0 or 1 for each point")
    return np.ascontiguousarray(values.T, bool)


def _check_same(scene: Scene, cloud: PointCloud) -> None:
    if len(cloud) != len(scene):
        raise RecordError(f"is of a cloud of {len(cloud):,} points; {scene.name} has {len(scene):,}")
    extent = float(np.ptp(scene.xyz, axis=0).max())
    allowed = _OFF_EXTENT * extent + _OFF_COORDINATE * float(np.abs(scene.xyz).max())
    apart = np.abs(cloud.xyz - scene.xyz).max(axis=1)
    if (apart > allowed).any():
        raise RecordError(
            f"is of another cloud than {scene.name}: {int((apart > allowed).sum()):,} of {len(cloud):,} points lie "
            f"elsewhere, the first is point {int((apart > allowed).argmax())}"
        )
