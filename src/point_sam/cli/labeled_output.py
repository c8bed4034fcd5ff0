"""Files with a label for every point: the cloud with labels and colours, or the labels alone."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from point_sam.cli.options import Up
from point_sam.cli.outputs import check_attributes

if TYPE_CHECKING:
    import numpy as np

    from point_sam import PointCloud

LABEL = "label"
MASKS = "masks"


def default_labeled_output(source: Path, *, mesh: bool = False) -> Path:
    """STEM_labels.ply in the current folder; of a mesh STEM_labels.glb, or .ply where it is one."""
    suffix = ".glb" if mesh and source.suffix.lower() != ".ply" else ".ply"
    return Path(f"{source.stem}_labels{suffix}")


def check_labeled_output(out: Path, cloud: "PointCloud") -> None:
    """Try whether the output's format holds the cloud's attributes and its labels.

    Raises:
        ValueError: it does not.
    """
    import numpy as np

    check_attributes(out, _with_labels(cloud, np.full(len(cloud), -1, np.int32)))


def write_labeled(
    out: Path, cloud: "PointCloud", labels: "np.ndarray[Any, Any]", masks: "np.ndarray[Any, Any]", *, paint: bool
) -> None:
    """Write the cloud with its labels; the suffix names the format.

    Args:
        out: .npy takes the labels alone, int32 [N]; .npz also the masks, as the attribute `masks`; every other format
            has one attribute more than the cloud, `label`.
        cloud: as read.
        labels: [N] int32, -1 none. They replace an attribute of that name.
        masks: [M, N] bool, which may overlap. They replace an attribute of that name, with nothing if there are none.
        paint: blend each label's colour over the points' own, where the format holds colours.

    Raises:
        ValueError, FileNotFoundError: as `write_pointcloud`.
    """
    import numpy as np

    from point_sam.atomic import write_atomically
    from point_sam.clouds import write_pointcloud

    if out.suffix.lower() == ".npy":
        write_atomically(out, lambda file: np.lib.format.write_array(file, labels, allow_pickle=False))
        return
    labeled = _with_labels(cloud, labels)
    if out.suffix.lower() == ".npz":
        others = {name: values for name, values in labeled.attributes.items() if name != MASKS}
        new = {MASKS: np.ascontiguousarray(masks.T)} if len(masks) else {}
        labeled = replace(labeled, attributes={**others, **new})
    if paint:
        labeled = replace(labeled, rgb=paint_labels(cloud.rgb, labels))
    write_pointcloud(out, labeled)


def paint_labels(rgb: "np.ndarray[Any, Any] | None", labels: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """The colours, uint8 [N, 3], with each label's own blended over them; the colours of the picture."""
    import numpy as np

    from point_sam.clouds.colors import MASK_WEIGHT, NEUTRAL_COLOR
    from point_sam.picture.colors import palette

    painted = np.full((len(labels), 3), NEUTRAL_COLOR, np.uint8) if rgb is None else rgb.copy()
    inside = labels >= 0
    blend = painted[inside] * (1 - MASK_WEIGHT) + palette(labels[inside].astype(np.int64) + 1) * MASK_WEIGHT
    painted[inside] = np.rint(blend).astype(np.uint8)
    return painted


def label_color(label: int) -> tuple[int, int, int]:
    """The colour 0..255 that stands for a label, from 0 on, in files and pictures."""
    import numpy as np

    from point_sam.picture.colors import palette

    red, green, blue = np.rint(palette(np.array([label + 1]))[0]).astype(int).tolist()
    return red, green, blue


def draw_labels(
    path: Path, cloud: "PointCloud", labels: "np.ndarray[Any, Any]", *, up: Up, title: str | None = None
) -> None:
    """Several views of the cloud, each label in its colour, as a picture file.

    Raises:
        ValueError, OSError: it cannot be written.
    """
    from point_sam.picture import render, save_picture

    save_picture(path, render(cloud.xyz, cloud.rgb, labels + 1, title=title, up=up.value))


def _with_labels(cloud: "PointCloud", labels: "np.ndarray[Any, Any]") -> "PointCloud":
    return replace(cloud, attributes={**cloud.attributes, LABEL: labels})
