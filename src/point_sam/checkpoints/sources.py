"""Where weights are: inside the package, on the Hugging Face hub, or in a local file or folder."""

import json
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from point_sam.checkpoints import hub
from point_sam.checkpoints.errors import CheckpointError
from point_sam.checkpoints.files import WEIGHT_SUFFIXES
from point_sam.model.config import ModelConfig

WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_MAX_CONFIG = 1 << 20  # bytes


@dataclass(frozen=True)
class ModelSource:
    """A model known by name.

    Attributes:
        source: where its weights are, for people.
        licence: of the weights, an SPDX identifier; None where there are none.
        embedded: the file inside the package, or None.
        published: the file on the hub, or None. A model with neither has no published weights.
    """

    source: str
    licence: str | None = None
    embedded: str | None = None
    published: hub.PublishedFile | None = None


_UNPUBLISHED = ModelSource("no published weights; train them or pass checkpoint_path")
MODELS: dict[str, ModelSource] = {
    "tiny": ModelSource("inside the package", licence="MIT", embedded="tiny.safetensors"),
    "base": _UNPUBLISHED,
    "large": ModelSource(
        "hub, yuchen0187/Point-SAM",
        licence="Apache-2.0",
        published=hub.PublishedFile(
            repo_id="yuchen0187/Point-SAM",
            filename="model.safetensors",
            revision="fb2cd5cd8047e3681491d82fc41b880a9a914fc8",
            size=1_244_245_632,
            sha256="bfe0aa4fee2d3c08251271e597954e6a2d26209d003c724d0ff049f578410ab2",
        ),
    ),
    "giant": _UNPUBLISHED,
    "voronoi_large": _UNPUBLISHED,
    "voronoi_giant": _UNPUBLISHED,
}


@dataclass(frozen=True)
class WeightFiles:
    """A file of weights and the settings of the config.json that came with it (None: there was none)."""

    weights: Path
    settings: dict[str, Any] | None


def locate(
    name_or_path: str | Path,
    *,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
) -> WeightFiles:
    """The files of a model, downloaded if need be.

    Args:
        name_or_path: a name in MODELS, a local file or folder, or a hub repository "user/repo". Names come first
            ("./large" is a folder), then whatever exists locally.
        revision, cache_dir, local_files_only: as huggingface_hub has them; only for what is on the hub.

    Raises:
        FileNotFoundError: a local path does not exist.
        CheckpointError: the name is unknown or has no weights, or the hub cannot deliver.
    """
    name = str(name_or_path)
    if isinstance(name_or_path, str) and name in MODELS:
        return _locate_named(name, revision=revision, cache_dir=cache_dir, local_files_only=local_files_only)
    if Path(name).expanduser().exists() or _looks_like_path(name_or_path):
        if revision is not None:
            raise CheckpointError(f"{name} is a local path; revision {revision!r} only applies to a hub repository")
        return locate_local(name)
    if not _REPO_ID.fullmatch(name):
        raise CheckpointError(
            f"no model is called {name!r}; known: {', '.join(MODELS)}; or give a local file, or a hub id 'user/repo'"
        )
    options: dict[str, Any] = {"revision": revision, "cache_dir": cache_dir, "local_files_only": local_files_only}
    weights = hub.fetch(name, WEIGHTS_FILE, **options)
    config = hub.fetch_optional(name, CONFIG_FILE, **options)
    return WeightFiles(weights, None if config is None else read_settings(config))


def locate_local(path: str | Path) -> WeightFiles:
    """A local weight file, or a folder with model.safetensors, and the config.json beside it.

    Raises:
        FileNotFoundError: there is no such file or folder, or no weights in the folder.
        CheckpointError: the file's suffix is unknown.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    if path.is_dir():
        if not (path / WEIGHTS_FILE).is_file():
            raise FileNotFoundError(f"{path}: the folder holds no {WEIGHTS_FILE}; give the weight file itself")
        path = path / WEIGHTS_FILE
    if path.suffix not in WEIGHT_SUFFIXES:
        raise CheckpointError(f"{path}: weights end in {', '.join(WEIGHT_SUFFIXES)}, not {path.suffix!r}")
    return _with_settings(path)


def read_settings(path: Path) -> dict[str, Any] | None:
    """Model settings of a config.json; None when the file is some other tool's (it states none of ours).

    Raises:
        CheckpointError: the file is not JSON, is too large, or mixes our settings with unknown ones.
    """
    if path.stat().st_size > _MAX_CONFIG:
        raise CheckpointError(f"{path}: larger than {_MAX_CONFIG} bytes, so no model's settings; remove it from there")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as err:
        raise CheckpointError(f"{path}: not readable as JSON ({err}); repair or remove it") from err
    known = set(ModelConfig.__dataclass_fields__)
    if not isinstance(values, dict) or not known & values.keys():
        return None
    if unknown := sorted(values.keys() - known):
        raise CheckpointError(f"{path}: unknown model settings {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    return values


def _locate_named(
    name: str, *, revision: str | None, cache_dir: str | Path | None, local_files_only: bool
) -> WeightFiles:
    source = MODELS[name]
    if source.published is not None:
        published = source.published
        weights = hub.fetch_published(published, revision, cache_dir=cache_dir, local_files_only=local_files_only)
        return WeightFiles(weights, None)
    if revision is not None:
        raise CheckpointError(f"{name!r} is not on the hub; revision {revision!r} does not apply to it")
    if source.embedded is None:
        raise CheckpointError(
            f"{name!r} has no published weights; pass checkpoint_path='file.safetensors' with weights you trained, or "
            f"use 'tiny' or 'large'"
        )
    folder = resources.files("point_sam").joinpath("weights")
    weights = Path(str(folder.joinpath(source.embedded)))
    if not weights.is_file():
        raise CheckpointError(
            f"the weights of {name!r} are missing from this installation ({weights}); reinstall point-sam, or pass "
            f"checkpoint_path"
        )
    return _with_settings(weights)


def _with_settings(weights: Path) -> WeightFiles:
    config = weights.with_name(CONFIG_FILE)
    return WeightFiles(weights, read_settings(config) if config.is_file() else None)


def _looks_like_path(name_or_path: str | Path) -> bool:
    """Whether a name that does not exist was meant as a path: a weight suffix, a leading . or ~ or /, two slashes."""
    name = str(name_or_path)
    return (
        isinstance(name_or_path, Path)
        or name.endswith(WEIGHT_SUFFIXES)
        or name.startswith((".", "~", "/"))
        or "\\" in name
        or name.count("/") > 1
    )
