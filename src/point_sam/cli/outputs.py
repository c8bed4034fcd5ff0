"""What a command writes: a cloud or a mesh with its labels, files of the parts of a mesh, and a picture.

What could not be written after the work is refused before it. A mask is one label.
"""

import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from point_sam.cli.clicks import Click
from point_sam.cli.options import OutputOptions, Up
from point_sam.cli.sources import Source

if TYPE_CHECKING:
    import numpy as np

    from point_sam import PointCloud

    Array = np.ndarray[Any, Any]

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_LABEL, _MASKS = "label", "masks"


class Written(NamedTuple):
    """Labels as written: of the points, and of the faces of a mesh; files of its parts; what is to be told of them."""

    labels: "Array"
    faces: "Array | None"
    parts: list[Path]
    notes: list[str]


class LabelOutput:
    """Where the labels of a file go: OUT, and if they are wanted files of the parts of a mesh, and a picture.

    Of a mesh OUT is the mesh, or its points where the suffix is none of a mesh. .npy takes the points' labels alone;
    .npz also the masks, as the attribute `masks`; every other format has one attribute more than the input, `label`.

    Args:
        file: the input.
        output: OUT, by default FILE's name with _labels in the current folder; and the picture.
        is_mesh: whether the input is one.
        smoothing: smooth the borders of labels on it.
        parts: folder for the faces of each label, in their own colours; made if need be.
        title: of the picture, by default FILE's name.

    Raises:
        typer.BadParameter: a file would be written over the input or another.
        ValueError, OSError: a suffix that is not known, or a folder that is not there or cannot be written to.
    """

    rest = -1  # the label of what has none
    _word = "labels"
    _part = "part_{}"
    _clash = "named like a part"

    def __init__(
        self,
        file: Path,
        output: OutputOptions,
        *,
        is_mesh: bool = False,
        smoothing: bool = True,
        parts: Path | None = None,
        title: str | None = None,
    ) -> None:
        suffix = ".glb" if is_mesh and file.suffix.lower() != ".ply" else ".ply"
        self.file, self.path = file, output.out or Path(f"{file.stem}_{self._word}{suffix}")
        self.picture, self.parts, self.title = output.picture, parts, title or file.name
        self.smoothing, self._paint = smoothing, output.paint
        self._up = output.up or (Up.Y if file.suffix.lower() in (".glb", ".gltf") else Up.Z)
        self._part_suffix = self.path.suffix.lower() if _is_mesh(self.path) else ".glb"
        self._check_path(is_mesh=is_mesh)
        if parts is not None:
            self._check_parts(parts)
        if self.picture is not None:
            if self.picture.suffix.lower() not in PICTURE_SUFFIXES:
                raise ValueError(f"{self.picture}: pictures are written as {' '.join(PICTURE_SUFFIXES)}")
            _check_folder(self.picture)

    def check(self, source: Source) -> None:
        """Try whether the format holds the attributes and a label, on the points with their extreme values.

        Encoding can take minutes; what the format refuses is better said before.

        Raises:
            ValueError: it does not.
        """
        import numpy as np

        from point_sam.clouds import PointCloud
        from point_sam.clouds.registry import format_of

        if source.sampled is not None and _is_mesh(self.path):
            return
        format = format_of(self.path, to_write=True)
        if format.write_mask is not None or format.write is None:
            return
        cloud, rows = source.cloud, [0]
        for values in cloud.attributes.values():
            if values.dtype.kind in "biuf":
                rows += [int(i) // (values.size // len(values)) for i in (values.argmin(), values.argmax())]
        few = np.unique(rows)
        attributes = {name: values[few] for name, values in cloud.attributes.items()}
        sample = PointCloud(cloud.xyz[few], None if cloud.rgb is None else cloud.rgb[few], attributes)
        try:
            with tempfile.TemporaryFile() as file:
                format.write(file, self._labelled(sample, np.full(len(few), self.rest, np.int32)))
        except ValueError as err:
            raise ValueError(f"{self.path}: {err}") from err

    def write(self, source: Source, labels: "Array", masks: "Array") -> Written:
        """Write the input with its labels, and the parts.

        Args:
            source: what the labels are of.
            labels: [N] int32, `rest` where there is none.
            masks: [M, N] bool, which may overlap.
        """
        if source.sampled is None:
            self._write_cloud(source.cloud, labels, masks)
            return Written(labels, None, [], self._notes(source.cloud, masks, []))
        import numpy as np

        from point_sam.clouds.colors import MASK_WEIGHT
        from point_sam.mesh import Paint, face_labels, paint_parts, part_meshes, write_mesh

        mesh, samples = source.sampled
        faces = face_labels(mesh, samples, labels, smoothing=self.smoothing)
        if _is_mesh(self.path):
            found = np.setdiff1d(faces, self.rest).tolist() if self._paint else []
            paints = {label: Paint(self._color(label), MASK_WEIGHT) for label in found}
            write_mesh(self.path, *paint_parts(mesh, faces, paints))
            labels = faces[samples.face]
        else:
            self._write_cloud(source.cloud, labels, masks)
        written = []
        if self.parts is not None:
            self.parts.mkdir(exist_ok=True)
            for label, part in part_meshes(mesh, faces).items():
                written.append(self._part_path(self.parts, label))
                write_mesh(written[-1], part)
        return Written(labels, faces, written, self._notes(source.cloud, masks, written))

    def draw(self, cloud: "PointCloud", labels: "Array", clicks: Sequence[Click] = ()) -> None:
        """Draw the picture, if one is wanted."""
        from point_sam.picture import render, save_picture

        if self.picture is not None:
            image = render(
                cloud.xyz,
                cloud.rgb,
                labels - self.rest,
                prompts=[click.point for click in clicks] or None,
                prompt_labels=[int(click.positive) for click in clicks] or None,
                title=self.title,
                up=self._up.value,
            )
            save_picture(self.picture, image)

    def summary(self) -> dict[str, Any]:
        """The files' names, for --json."""
        picture = None if self.picture is None else str(self.picture)
        return {"input": str(self.file), "output": str(self.path), "picture": picture}

    def lines(self) -> list[str]:
        """The same for people."""
        return [f"wrote {self.path}"] + ([] if self.picture is None else [f"drew {self.picture}"])

    def _write_cloud(self, cloud: "PointCloud", labels: "Array", masks: "Array") -> None:
        import numpy as np

        from point_sam.atomic import write_atomically
        from point_sam.clouds import write_pointcloud

        if self.path.suffix.lower() == ".npy":
            write_atomically(self.path, lambda file: np.lib.format.write_array(file, labels, allow_pickle=False))
            return
        labelled = self._labelled(cloud, labels)
        if self.path.suffix.lower() == ".npz":
            others = {name: values for name, values in labelled.attributes.items() if name != _MASKS}
            new = {_MASKS: np.ascontiguousarray(masks.T)} if len(masks) else {}
            labelled = replace(labelled, attributes={**others, **new})
        if self._paint:
            labelled = replace(labelled, rgb=_paint_labels(cloud.rgb, labels))
        write_pointcloud(self.path, labelled)

    def _labelled(self, cloud: "PointCloud", labels: "Array") -> "PointCloud":
        return replace(cloud, attributes={**cloud.attributes, _LABEL: labels})

    def _color(self, label: int) -> tuple[int, int, int]:
        return label_color(label)

    def _part_path(self, folder: Path, label: int) -> Path:
        return folder / f"{'rest' if label == self.rest else self._part.format(label)}{self._part_suffix}"

    def _is_part(self, path: Path) -> bool:
        name = self._part.format(r"\d+")
        return re.fullmatch(f"(rest|{name}){re.escape(self._part_suffix)}", path.name) is not None

    def _notes(self, cloud: "PointCloud", masks: "Array", written: list[Path]) -> list[str]:
        """About attributes of the input that OUT holds no more, and parts of an earlier run."""
        replaced = {".npy": [], ".npz": [_LABEL, _MASKS]}.get(self.path.suffix.lower(), [_LABEL])
        new = {_LABEL: "the new label", _MASKS: "the new masks" if len(masks) else "no masks"}
        told = [
            f"note: {self.path} holds {new[name]} in place of the input's attribute {name!r}"
            for name in replaced
            if name in cloud.attributes
        ]
        here = [] if self.parts is None else self.parts.iterdir()
        old = sorted(path for path in here if self._is_part(path) and path not in written)
        if old:
            told.append(f"note: {self.parts} also holds {len(old)} parts of an earlier run, such as {old[0].name}")
        return told

    def _check_path(self, *, is_mesh: bool) -> None:
        from point_sam.clouds.registry import format_of
        from point_sam.mesh.writing import WRITABLE

        if _is_same_file(self.path, self.file):
            raise typer.BadParameter(
                f"{self.path} is the input; give another name, the input is never overwritten", param_hint="-o"
            )
        if not (is_mesh and _is_mesh(self.path)):
            try:
                format_of(self.path, to_write=True)
            except ValueError as err:
                meshes = f", and {' '.join(WRITABLE)} for meshes" if is_mesh else ""
                raise ValueError(f"{self.path}: {err}{meshes}") from err
        _check_folder(self.path)

    def _check_parts(self, folder: Path) -> None:
        for path in (self.path, self.file):
            if self._is_part(path) and _is_same_file(path.parent, folder):
                raise typer.BadParameter(f"{path} is {self._clash}; give another folder", param_hint="--parts")
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(f"{folder}: is a file; give a folder for the parts")
        _check_folder(folder / "part" if folder.is_dir() else folder)


class MaskOutput(LabelOutput):
    """Where a mask goes: label 1, and 0 for the rest.

    As `LabelOutput`, with other names: FILE's with _mask, the attribute `mask`, and the parts `part` and `rest`; .npz
    holds no `masks`, and .npy the mask as bool.
    """

    rest = 0
    _word = "mask"
    _part = "part"
    _clash = "the input or OUT"

    def _write_cloud(self, cloud: "PointCloud", labels: "Array", masks: "Array") -> None:
        from point_sam.clouds import write_pointcloud

        write_pointcloud(self.path, cloud, mask=labels > 0, paint=self._paint)

    def _labelled(self, cloud: "PointCloud", labels: "Array") -> "PointCloud":
        return replace(cloud, attributes={**cloud.attributes, "mask": labels.astype("uint8")})

    def _color(self, label: int) -> tuple[int, int, int]:
        from point_sam.clouds.colors import MASK_COLOR

        return MASK_COLOR

    def _notes(self, cloud: "PointCloud", masks: "Array", written: list[Path]) -> list[str]:
        """About a part that would have no face."""
        wanted = [] if self.parts is None else [self._part_path(self.parts, label) for label in (0, 1)]
        return [f"note: {path} was not written: it would have no face" for path in wanted if path not in written]


def label_color(label: int) -> tuple[int, int, int]:
    """The colour 0..255 that stands for a label, from 0 on, in files and pictures."""
    import numpy as np

    from point_sam.picture.colors import palette

    red, green, blue = np.rint(palette(np.array([label + 1]))[0]).astype(int).tolist()
    return red, green, blue


def _paint_labels(rgb: "Array | None", labels: "Array") -> "Array":
    """The colours, uint8 [N, 3], with each label's own blended over them; the colours of the picture."""
    import numpy as np

    from point_sam.clouds.colors import MASK_WEIGHT, NEUTRAL_COLOR
    from point_sam.picture.colors import palette

    painted = np.full((len(labels), 3), NEUTRAL_COLOR, np.uint8) if rgb is None else rgb.copy()
    inside = labels >= 0
    blend = painted[inside] * (1 - MASK_WEIGHT) + palette(labels[inside].astype(np.int64) + 1) * MASK_WEIGHT
    painted[inside] = np.rint(blend).astype(np.uint8)
    return painted


def _is_mesh(path: Path) -> bool:
    """Whether a mesh that is written under this name stays one; under others it becomes its points."""
    from point_sam.mesh.writing import WRITABLE

    return path.suffix.lower() in WRITABLE


def _is_same_file(out: Path, source: Path) -> bool:
    try:
        return os.path.samefile(out, source)
    except OSError:  # one of them does not exist
        return os.path.abspath(out) == os.path.abspath(source)


def _check_folder(path: Path) -> None:
    folder = path.resolve().parent
    if not folder.is_dir():
        raise FileNotFoundError(f"{path}: the folder {folder} does not exist; create it first")
    if path.is_dir():
        raise IsADirectoryError(f"{path}: is a folder; give the name of a file in it")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{path}: the folder {folder} cannot be written to")
