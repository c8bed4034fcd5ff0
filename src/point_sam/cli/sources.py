"""What a command works on: a cloud as it stands, or points drawn on a mesh."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from point_sam.cli.clicks import Click, Move, Prompt, check_reach, place_clicks
from point_sam.cli.embeddings import read_embedding
from point_sam.cli.options import Sampling, Scales

if TYPE_CHECKING:
    from point_sam import EncodedCloud, PointCloud, PointSAM, Session
    from point_sam.mesh import Mesh, SurfaceSamples


class SampledMesh(NamedTuple):
    """A mesh, and the points that were drawn on it."""

    mesh: "Mesh"
    samples: "SurfaceSamples"


@dataclass(frozen=True, eq=False)
class Source:
    """A file in memory.

    Attributes:
        file: where it is from.
        cloud: the points that the model sees, in the file's units.
        sampled: where on the mesh they lie; None where the file is a cloud.
    """

    file: Path
    cloud: "PointCloud"
    sampled: SampledMesh | None = None

    def encode(self, model: "PointSAM", embedding: Path | None) -> "EncodedCloud":
        """The cloud's encoding, from the embedding file where there is one."""
        if embedding is None:
            return model.encode(self.cloud.xyz, self.cloud.rgb, normalize=True)
        encoded = read_embedding(embedding, self.file, model)
        model.grouping = encoded.grouping  # so that a focus or a crop is encoded alike
        return encoded

    def open_session(self, model: "PointSAM", embedding: Path | None, scales: Scales, *, specks: bool) -> "Session":
        """A session on the cloud. The whole of it is encoded only where it is looked at as a whole."""
        from point_sam import Session
        from point_sam.pyramid import Pyramid
        from point_sam.session import choose_scales

        cloud: EncodedCloud | Pyramid
        if embedding is None and choose_scales(model, scales.value) == "balls":
            cloud = Pyramid(model, self.cloud.xyz, self.cloud.rgb, normalize=True)
        else:
            cloud = self.encode(model, embedding)
        return Session(model, cloud, scales=scales.value, specks=specks)

    def place(self, prompts: Sequence[Prompt], *, normalized: bool) -> list[Click]:
        """The clicks in the order in which they are sent; on a mesh each is moved to the nearest point of the surface.

        Args:
            prompts: as given.
            normalized: whether the prompts' points are in the unit ball rather than in the file's units.

        Raises:
            ValueError: an index beyond the cloud, or a point far outside it.
        """
        from point_sam.clouds import normalize

        _, center, scale = unit = normalize(self.cloud.xyz)
        clicks = place_clicks(prompts, self.cloud, unit, normalized=normalized)
        if self.sampled is not None:
            import numpy as np

            from point_sam.mesh import snap_to_surface

            snapped = snap_to_surface(self.sampled.mesh, np.array([click.point for click in clicks]))
            moves = [
                Move(click.point, place, distance, click.far)
                for click, place, distance in zip(clicks, snapped.xyz.tolist(), snapped.distance.tolist(), strict=True)
            ]
            places = (snapped.xyz - center) / scale if normalized else snapped.xyz
            moved = [Prompt(tuple(place), click.positive) for place, click in zip(places.tolist(), clicks, strict=True)]
            placed = place_clicks(moved, self.cloud, unit, normalized=normalized)
            clicks = [replace(click, move=move) for click, move in zip(placed, moves, strict=True)]
        check_reach(clicks, scale)
        return clicks


def read_source(file: Path, sampling: Sampling, *, drop_invalid: bool) -> Source:
    """Read a cloud, or read a mesh and draw points on it. Errors begin with the file's name."""
    from point_sam.clouds import read_pointcloud
    from point_sam.mesh import MeshError, is_mesh_file, load_mesh, sample_surface

    if not is_mesh_file(file):
        return Source(file, read_pointcloud(file, drop_invalid=drop_invalid))
    mesh = load_mesh(file)
    try:
        samples = sample_surface(mesh, sampling.count, sampling.seed or 0)
    except MeshError as err:
        raise MeshError(f"{file}: {err}") from err
    return Source(file, samples.cloud(), SampledMesh(mesh, samples))


def check_kind(file: Path, *, for_meshes: Mapping[str, bool], for_clouds: Mapping[str, bool]) -> bool:
    """Whether a file is a mesh, which the options given for one kind only must fit.

    Raises:
        typer.BadParameter: one is given that is not for this kind.
    """
    from point_sam.mesh import is_mesh_file

    is_mesh = is_mesh_file(file)
    for name, given in (for_clouds if is_mesh else for_meshes).items():
        if given:
            kind = "mesh, of which points are drawn anew" if is_mesh else "cloud"
            other = "clouds" if is_mesh else "meshes"
            raise typer.BadParameter(f"{file} is a {kind}; {name} is for {other}", param_hint=name)
    return is_mesh
