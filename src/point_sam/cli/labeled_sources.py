"""What `everything` labels: a cloud as it stands, or points drawn on a mesh. Both answer the same calls."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import typer

from point_sam.cli.labeled_output import LABEL, MASKS, check_labeled_output, label_color, write_labeled
from point_sam.cli.meshes import MeshOptions, sampled
from point_sam.cli.outputs import check_parts_folder, is_mesh_output, same_file

if TYPE_CHECKING:
    import numpy as np

    from point_sam import PointCloud

    Labels = np.ndarray[Any, np.dtype[np.int32]]
    Masks = np.ndarray[Any, np.dtype[np.bool_]]

_MOST_NAMED = 5  # labels in a remark


class LabeledSource(Protocol):
    """An input in memory, with what becomes of labels on it.

    Attributes:
        cloud: the points that the model sees, in the file's units.
    """

    cloud: "PointCloud"

    def write(self, out: Path, labels: "Labels", masks: "Masks", *, paint: bool) -> "Labels":
        """Write the input with labels [N], -1 none, of masks [M, N]; returns the points' labels as written."""
        ...

    def of_masks(self) -> list[dict[str, Any]]:
        """What is to be told about each mask beside the model's answer."""
        ...

    def summary(self) -> dict[str, Any]:
        """What --json says beside the masks."""
        ...

    def lines(self) -> list[str]:
        """The same for people."""
        ...

    def remarks(self) -> list[str]:
        """What to be told beside the answer."""
        ...


class LabeledCloud:
    """A cloud: the output is the cloud with its labels."""

    def __init__(self, cloud: "PointCloud", out: Path) -> None:
        check_labeled_output(out, cloud)
        self.cloud = cloud
        self._out = out
        self._count = 0

    def write(self, out: Path, labels: "Labels", masks: "Masks", *, paint: bool) -> "Labels":
        """See `LabeledSource.write`."""
        write_labeled(out, self.cloud, labels, masks, paint=paint)
        self._count = len(masks)
        return labels

    def of_masks(self) -> list[dict[str, Any]]:
        """Nothing."""
        return [{} for _ in range(self._count)]

    def summary(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def lines(self) -> list[str]:
        """Nothing."""
        return []

    def remarks(self) -> list[str]:
        """About attributes of the input that the output holds no more."""
        suffix = self._out.suffix.lower()
        replaced = {".npy": (), ".npz": (LABEL, MASKS)}.get(suffix, (LABEL,))
        new = {LABEL: "the new label", MASKS: "the new masks" if self._count else "no masks"}
        return [
            f"note: {self._out} holds {new[name]} in place of the input's attribute {name!r}"
            for name in replaced
            if name in self.cloud.attributes
        ]


class PartFolder:
    """Where the parts of a mesh go: DIR/part_0, DIR/part_1, ... and DIR/rest, with OUT's suffix, or .glb.

    Args:
        folder: made later if it does not exist.
        out, source: the other output, and the input.

    Raises:
        typer.BadParameter: the input or OUT bears the name of a part.
        OSError: the folder cannot be.
    """

    def __init__(self, folder: Path, out: Path, source: Path) -> None:
        self.folder = folder
        self._suffix = out.suffix.lower() if is_mesh_output(out) else ".glb"
        for path in (out, source):
            if self._is_part(path) and same_file(path.parent, folder):
                raise typer.BadParameter(f"{path} is named like a part; give another folder", param_hint="--parts")
        check_parts_folder(folder)

    def path(self, label: int) -> Path:
        """The file of a label; -1 is the rest."""
        return self.folder / f"{'rest' if label < 0 else f'part_{label}'}{self._suffix}"

    def others(self, written: list[Path]) -> list[Path]:
        """Files in the folder that are named like parts but are none of these: of an earlier run."""
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        return sorted(path for path in found if self._is_part(path) and path not in written)

    def _is_part(self, path: Path) -> bool:
        return re.fullmatch(rf"(rest|part_\d+){re.escape(self._suffix)}", path.name) is not None


class LabeledMesh:
    """A mesh and the points drawn on it: the output is the mesh with labels of its faces, or the points with theirs.

    Args:
        file: the mesh.
        options: how it is sampled and labelled.
        out: the output, whose format must hold the points where it is not a mesh's.
        parts: where files of the parts go; None for none.

    Raises:
        ValueError, FileNotFoundError, ImportError: as `sampled`.
    """

    def __init__(self, file: Path, options: MeshOptions, out: Path, parts: PartFolder | None) -> None:
        self.mesh, self.samples = sampled(file, options)
        self.options = options
        self.cloud = self.samples.cloud()
        if not is_mesh_output(out):
            check_labeled_output(out, self.cloud)
        self._parts = parts
        self._written: list[Path] = []
        self._faces: np.ndarray[Any, Any] | None = None
        self._count = 0

    def write(self, out: Path, labels: "Labels", masks: "Masks", *, paint: bool) -> "Labels":
        """The mesh painted or the points with their labels, by suffix; and the files of the parts."""
        import numpy as np

        from point_sam.clouds.colors import MASK_WEIGHT
        from point_sam.mesh import Paint, face_labels, paint_parts, part_meshes, write_mesh

        self._count = len(masks)
        faces = face_labels(self.mesh, self.samples, labels.astype(np.int64), smoothing=self.options.smoothing)
        self._faces = faces
        if is_mesh_output(out):
            found = [label for label in np.unique(faces).tolist() if label >= 0]
            paints = {label: Paint(label_color(label), MASK_WEIGHT) for label in found} if paint else {}
            painted, painted_labels = paint_parts(self.mesh, faces, paints)
            write_mesh(out, painted, painted_labels)
        else:
            write_labeled(out, self.cloud, labels, masks, paint=paint)
        if self._parts is not None:
            self._parts.folder.mkdir(exist_ok=True)
            for label, part in part_meshes(self.mesh, faces).items():
                write_mesh(self._parts.path(label), part)
                self._written.append(self._parts.path(label))
        return faces[self.samples.face].astype(np.int32) if is_mesh_output(out) else labels

    def of_masks(self) -> list[dict[str, Any]]:
        """Faces that bear each mask's label, and their share of the area."""
        import numpy as np

        if self._faces is None:
            return []
        labeled = self._faces >= 0
        counts = np.bincount(self._faces[labeled], minlength=self._count)
        areas = self.mesh.face_areas()
        shares = np.bincount(self._faces[labeled], areas[labeled], minlength=self._count) / areas.sum()
        return [{"faces": int(n), "area_share": float(share)} for n, share in zip(counts, shares, strict=True)]

    def summary(self) -> dict[str, Any]:
        """Plain values, for --json."""
        return {
            "mesh": {
                "faces": len(self.mesh.faces),
                "labelled_faces": 0 if self._faces is None else int((self._faces >= 0).sum()),
                "labelled_area_share": self._labeled_share(),
                "samples": self.options.samples,
                "seed": self.options.seed,
                "smoothed": self.options.smoothing,
                "parts": [str(path) for path in self._written],
            }
        }

    def lines(self) -> list[str]:
        """The same for people."""
        about = self.summary()["mesh"]
        told = [
            f"labels on {about['labelled_faces']:,} of {about['faces']:,} faces, "
            f"{about['labelled_area_share']:.1%} of the area"
        ]
        if self._parts is not None:
            told.append(f"wrote {len(self._written)} parts into {self._parts.folder}")
        return told

    def remarks(self) -> list[str]:
        """About labels that no face bears, and files of an earlier run."""
        told = []
        without = [str(label) for label, about in enumerate(self.of_masks()) if not about["faces"]]
        if without:
            more = ", ..." if len(without) > _MOST_NAMED else ""
            told.append(
                f"note: no face bears the label {', '.join(without[:_MOST_NAMED])}{more}: smaller masks lie over its "
                f"faces, or they follow their neighbours"
            )
        old = [] if self._parts is None else self._parts.others(self._written)
        if self._parts is not None and old:
            told.append(
                f"note: {self._parts.folder} also holds {len(old)} parts of an earlier run, such as {old[0].name}"
            )
        return told

    def _labeled_share(self) -> float:
        return sum(about["area_share"] for about in self.of_masks())
