"""Meshes on the command line: their options, clicks on the surface, and the files that come of one mask."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from point_sam.cli.clicks import Click, Prompt, format_point, place_clicks
from point_sam.cli.outputs import is_mesh_output

if TYPE_CHECKING:
    import numpy as np

    from point_sam.cli.sources import Mask
    from point_sam.mesh import Mesh, SurfaceSamples

_PART = 1
_PANEL = "Meshes"

Samples = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        rich_help_panel=_PANEL,
        help="Points drawn on the surface, which the model then sees. By default 32768.",
    ),
]
Seed = Annotated[int | None, typer.Option(min=0, rich_help_panel=_PANEL, help="Of drawing them. By default 0.")]
NoSmooth = Annotated[
    bool,
    typer.Option(
        "--no-smooth", rich_help_panel=_PANEL, help="Leave each face as its points vote; do not smooth the border."
    ),
]


@dataclass(frozen=True)
class MeshOptions:
    """How a mesh is sampled and labelled.

    Attributes:
        samples: points drawn on it.
        seed: of the drawing.
        smoothing: whether borders between labels are smoothed.
    """

    samples: int
    seed: int
    smoothing: bool


def mesh_options(
    file: Path,
    *,
    samples: int | None,
    seed: int | None,
    no_smooth: bool,
    parts: Path | None,
    only_for_clouds: dict[str, bool],
) -> MeshOptions | None:
    """The options of a mesh, or None where FILE is a cloud.

    Args:
        file: the input.
        samples, seed, no_smooth, parts: as given; `parts` is the folder for files of the parts.
        only_for_clouds: names of options that make no sense for a mesh, and whether they were given.

    Raises:
        typer.BadParameter: an option that is not for this kind of file.
    """
    from point_sam.mesh.reading import is_mesh_file
    from point_sam.mesh.sampling import SAMPLES

    if is_mesh_file(file):
        for name, given in only_for_clouds.items():
            if given:
                raise typer.BadParameter(
                    f"{file} is a mesh, of which points are drawn anew; {name} is for clouds", param_hint=name
                )
        return MeshOptions(SAMPLES if samples is None else samples, seed or 0, not no_smooth)
    given_here = {
        "--samples": samples is not None,
        "--seed": seed is not None,
        "--no-smooth": no_smooth,
        "--parts": parts is not None,
    }
    for name, given in given_here.items():
        if given:
            raise typer.BadParameter(f"{file} is a cloud; {name} is for meshes", param_hint=name)
    return None


def sampled(file: Path, options: MeshOptions) -> "tuple[Mesh, SurfaceSamples]":
    """The mesh, and points drawn on it.

    Raises:
        ValueError, FileNotFoundError, ImportError: as `load_mesh` and `sample_surface`, with the file's name.
    """
    from point_sam.mesh import MeshError, load_mesh, sample_surface

    mesh = load_mesh(file)
    try:
        return mesh, sample_surface(mesh, options.samples, options.seed)
    except MeshError as err:
        raise MeshError(f"{file}: {err}") from err


class MeshSource:
    """A mesh and the points drawn on it; see `point_sam.cli.sources.Source`.

    Args:
        file: the mesh.
        options: how it is sampled and labelled.
        part_files: where the rest and the part go, in this order; None for no such files.

    Raises:
        ValueError, FileNotFoundError, ImportError: as `sampled`.
    """

    def __init__(self, file: Path, options: MeshOptions, part_files: tuple[Path, Path] | None) -> None:
        self.mesh, self.samples = sampled(file, options)
        self.options = options
        self.cloud = self.samples.cloud()
        self._part_files = part_files
        self._clicks: list[Click] = []
        self._snapped: list[list[float]] = []
        self._distances: list[float] = []
        self._written: list[Path] = []
        self._labels: np.ndarray[Any, Any] | None = None

    def place(self, prompts: Sequence[Prompt], *, normalized: bool) -> list[Prompt]:
        """The prompts moved to the nearest points of the surface, in the units that they came in."""
        import numpy as np

        from point_sam.clouds import normalize
        from point_sam.mesh import snap_to_surface

        coords, center, scale = normalize(self.cloud.xyz)
        self._clicks = place_clicks(prompts, self.cloud, coords, center, scale, normalized=normalized)
        snapped = snap_to_surface(self.mesh, np.array([click.point for click in self._clicks]))
        self._distances = snapped.distance.tolist()
        places = (snapped.xyz - center) / scale if normalized else snapped.xyz
        self._snapped = snapped.xyz.tolist()
        return [
            Prompt((float(x), float(y), float(z)), None, click.positive)
            for (x, y, z), click in zip(places, self._clicks, strict=True)
        ]

    def write(self, out: Path, mask: "Mask", *, paint: bool) -> "Mask":
        """The mesh with the part painted, or the points with the mask, by suffix; and the files of the parts."""
        from point_sam.clouds import write_pointcloud
        from point_sam.clouds.colors import MASK_COLOR, MASK_WEIGHT
        from point_sam.mesh import Paint, face_labels, paint_parts, part_meshes, write_mesh

        labels = face_labels(self.mesh, self.samples, mask, smoothing=self.options.smoothing)
        self._labels = labels
        if is_mesh_output(out):
            painted, painted_labels = paint_parts(
                self.mesh, labels, {_PART: Paint(MASK_COLOR, MASK_WEIGHT)} if paint else {}
            )
            write_mesh(out, painted, painted_labels)
        else:
            write_pointcloud(out, self.cloud, mask=mask, paint=paint)
        if self._part_files is not None:
            self._part_files[_PART].parent.mkdir(exist_ok=True)
            for label, part in part_meshes(self.mesh, labels).items():
                write_mesh(self._part_files[label], part)
                self._written.append(self._part_files[label])
        return labels[self.samples.face] == _PART if is_mesh_output(out) else mask

    def summary(self) -> dict[str, Any]:
        """Plain values, for --json."""
        return {
            "mesh": {
                "faces": len(self.mesh.faces),
                **self._selected(),
                "samples": self.options.samples,
                "seed": self.options.seed,
                "smoothed": self.options.smoothing,
                "clicks": [
                    {"given": click.point, "on_surface": place, "distance": distance}
                    for click, place, distance in zip(self._clicks, self._snapped, self._distances, strict=True)
                ],
                "parts": [str(path) for path in self._written],
            }
        }

    def lines(self) -> list[str]:
        """The same for people."""
        told = [
            f"click at {format_point(click.point)} taken at {format_point(place)} on the surface, {distance:.3g} away"
            for click, place, distance in zip(self._clicks, self._snapped, self._distances, strict=True)
        ]
        selected = self._selected()
        told.append(
            f"part: {selected['part_faces']:,} of {len(self.mesh.faces):,} faces, "
            f"{selected['part_area_share']:.1%} of the area"
        )
        return told + [f"wrote {path}" for path in self._written]

    def remarks(self) -> list[str]:
        """About clicks far off the surface, and parts that no file was written of."""
        told = [
            f"note: the click at {format_point(click.point)} is {distance:.3g} away from the surface, in the file's "
            f"units"
            for click, distance in zip(self._clicks, self._distances, strict=True)
            if click.far
        ]
        unwritten = [] if self._part_files is None else [p for p in self._part_files if p not in self._written]
        return told + [f"note: {path} was not written: it would have no face" for path in unwritten]

    def _selected(self) -> dict[str, Any]:
        if self._labels is None:
            return {}
        areas = self.mesh.face_areas()
        chosen = self._labels == _PART
        return {"part_faces": int(chosen.sum()), "part_area_share": float(areas[chosen].sum() / areas.sum())}
