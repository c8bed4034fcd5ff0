"""Embedding files on the command line: their names, when they are up to date, and when they are refused."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from point_sam.cli.options import ModelOptions

if TYPE_CHECKING:
    from point_sam import EncodedCloud, PointCloud, PointSAM
    from point_sam.viewer.scene import Scene

SUFFIX = ".encoded.safetensors"
# What a file holds of each point (coordinates, three centres and their weights, colour) and of each group beside its
# members' numbers (token, center, number), in bytes.
_POINT_BYTES, _GROUP_BYTES, _MEMBER_BYTES = 39, 1040, 4


def embedding_path(file: Path, folder: Path) -> Path:
    """Where the embedding of FILE lies in a folder: the whole name, so that a.ply and a.las do not meet."""
    return folder / f"{file.name}{SUFFIX}"


def locate_embedding(given: Path, file: Path) -> Path:
    """The embedding of FILE: `given` itself, or the one that `encode FILE -o given` wrote where it is a folder.

    Raises:
        FileNotFoundError: there is none.
    """
    path = embedding_path(file, given) if given.is_dir() else given
    if not path.is_file():
        folder = given if given.is_dir() else given.parent
        raise FileNotFoundError(f"{path}: no such file; {_encode(file, folder)} writes it")
    return path


def check_embedding(path: Path, file: Path, cloud: "PointCloud", options: ModelOptions) -> None:
    """Refuse an embedding of other points than these, or with another grouping than was asked for.

    Raises:
        ValueError: it is damaged, stale, or of another grouping.
    """
    from point_sam.encoded import fingerprint_cloud, read_settings

    settings = read_settings(path)
    if settings["cloud_fingerprint"] != fingerprint_cloud(cloud.xyz, cloud.rgb):
        raise ValueError(
            f"{path}: is not of {file} as it now is (points or colours differ, or of a mesh --samples or --seed); "
            f"{_again(file, path)}"
        )
    for name, value in options.grouping().items():
        if value is not None and (value or None) != settings[name]:
            flag = f"--{name.replace('_', '-')}"
            raise ValueError(
                f"{path}: was encoded with {flag} {settings[name] or 0}, not {value}; leave {flag} out, or "
                f"{_again(file, path)}"
            )


def read_embedding(path: Path, file: Path, model: "PointSAM") -> "EncodedCloud":
    """The embedding.

    Raises:
        ValueError: it is damaged, or other weights made it.
    """
    from point_sam import EncodedCloud

    encoded = EncodedCloud.load(path, device=model.device)
    if encoded.model_fingerprint != model.fingerprint:
        raise ValueError(
            f"{path}: was encoded with other weights ({encoded.model_fingerprint[:8]}, not {model.fingerprint[:8]}); "
            f"give the --model or --checkpoint that it was encoded with, or {_again(file, path)}"
        )
    return encoded


@dataclass(frozen=True)
class StoredEmbeddings:
    """The embeddings of `view --encoded`, for whatever is opened: see `point_sam.viewer.encoding_cache.EncodingCache`.

    Args:
        options, model: which grouping is asked for, and what they are loaded for.
        folder: of embeddings, where a scene's is found by the name of its file.
        single: an embedding that may have any name, for the cloud that it is of.
    """

    options: ModelOptions
    model: "PointSAM"
    folder: Path | None = None
    single: Path | None = None

    def __call__(self, scene: "Scene") -> "EncodedCloud | None":
        """The scene's, or None where there is none."""
        from point_sam.encoded import read_settings

        file = _typed(scene)
        path = None if self.folder is None else embedding_path(file, self.folder)
        if path is None or not path.is_file():
            path = self.single
            if path is None or not path.is_file() or read_settings(path)["cloud_fingerprint"] != scene.fingerprint:
                return None
        check_embedding(path, file, scene.cloud, self.options)
        return read_embedding(path, file, self.model)


def is_up_to_date(path: Path, cloud: "PointCloud", model: "PointSAM") -> bool:
    """Whether the file is what encoding the cloud with the model would write again."""
    from point_sam.encoded import fingerprint_cloud, read_settings

    try:
        settings = read_settings(path)
    except (FileNotFoundError, ValueError):
        return False
    wanted = {
        **vars(model.grouping),
        "normalized": True,
        "precision": model.precision,
        "model_fingerprint": model.fingerprint,
        "cloud_fingerprint": fingerprint_cloud(cloud.xyz, cloud.rgb),
    }
    return all(settings[name] == value for name, value in wanted.items())


def expected_bytes(cloud: "PointCloud", model: "PointSAM") -> int:
    """The size of the file, all but exactly."""
    points = len(cloud)
    groups = min(model.num_groups, points)
    # Voronoi cells: one number per point instead of the members of each group.
    members = points if model.group_size is None else groups * min(model.group_size, points)
    return points * _POINT_BYTES + groups * _GROUP_BYTES + members * _MEMBER_BYTES


def _again(file: Path, path: Path) -> str:
    return f"{_encode(file, path.parent)} makes it anew"


def _encode(file: Path, folder: Path) -> str:
    return f"point-sam encode {shlex.quote(str(file))} -o {shlex.quote(str(folder))}"


def _typed(scene: "Scene") -> Path:
    """The scene's file as somebody would type it here; of an upload there is a name alone."""
    if scene.path is None:
        return Path(scene.name)
    return scene.path.relative_to(Path.cwd()) if scene.path.is_relative_to(Path.cwd()) else scene.path
