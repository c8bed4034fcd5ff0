"""`point-sam encode`: embedding files, from which `segment`, `everything` and `view` start without encoding."""

import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from point_sam.cli import options as shared
from point_sam.cli.console import print_json, remark, say
from point_sam.cli.embeddings import embedding_path, expected_bytes, is_up_to_date
from point_sam.cli.failures import describe
from point_sam.cli.sources import read_source

if TYPE_CHECKING:
    from point_sam import PointCloud, PointSAM

EPILOG = (
    "Examples:\n\n"
    "  point-sam encode scene.ply -o embeddings\n\n"
    "  point-sam segment scene.ply --point 0.5 0.1 -0.2 --encoded embeddings\n\n"
    "  point-sam view scene.ply --encoded embeddings\n\n"
    "  point-sam encode scans/*.las -o embeddings --model large --num-groups 2048 --group-size 256"
)
_WRITTEN, _CURRENT, _FAILED = "encoded", "up to date", "failed"


def command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Clouds and meshes, as segment reads them.")],
    out: Annotated[
        Path,
        typer.Option(
            "-o",
            "--out",
            metavar="DIR",
            help="Where the files go, each as the input's name with .encoded.safetensors. Made if need be.",
        ),
    ],
    *,
    force: Annotated[bool, typer.Option("--force", help="Encode again what is up to date.")] = False,
    as_json: shared.Json = False,
    sampling: shared.Sampling,
    models: shared.ModelOptions,
    drop_invalid: shared.DropInvalid = False,
) -> None:
    """Encode clouds and meshes ahead, so that segment, everything and view start at once with --encoded.

    A file that is up to date is left alone: the same points and colours, weights, grouping and precision. A file that
    cannot be encoded does not stop the others; the exit code is then 1 at the end.
    """
    _check(files, out)
    model = models.load()
    out.mkdir(parents=True, exist_ok=True)
    told: list[dict[str, Any]] = []
    for file in files:
        path = embedding_path(file, out)
        start = time.perf_counter()
        try:
            cloud = read_source(file, sampling, drop_invalid=drop_invalid).cloud
            record = _encode(model, cloud, path, force=force)
        except (ValueError, OSError, ImportError, MemoryError, RuntimeError) as err:
            record = {"status": _FAILED, "error": describe(err)}
        seconds = round(time.perf_counter() - start, 3)
        told.append({"input": str(file), "output": str(path), **record, "seconds": seconds})
        _tell(told[-1], as_json=as_json)
    failed = [record["input"] for record in told if record["status"] == _FAILED]
    if as_json:
        print_json({"files": told, "failed": len(failed)})
    if failed:
        raise ValueError(f"{len(failed)} of {len(files)} files could not be encoded: {', '.join(failed)}")


def _check(files: list[Path], out: Path) -> None:
    named: dict[str, Path] = {}
    for file in files:
        if file.name in named:
            raise typer.BadParameter(
                f"{named[file.name]} and {file} would both be written to {embedding_path(file, out)}; encode them into "
                f"different folders",
                param_hint="FILE...",
            )
        named[file.name] = file
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f"{out}: is a file; give a folder for the embeddings")


def _encode(model: "PointSAM", cloud: "PointCloud", path: Path, *, force: bool) -> dict[str, Any]:
    if not force and is_up_to_date(path, cloud, model):
        return {"status": _CURRENT, "points": len(cloud), "bytes": path.stat().st_size}
    needed, free = expected_bytes(cloud, model), shutil.disk_usage(path.parent).free
    if needed > free:  # said before the work: a large model encodes for minutes
        raise OSError(f"{path}: needs {needed / 1e6:,.1f} MB, but only {free / 1e6:,.1f} MB are free there")
    model.encode(cloud.xyz, cloud.rgb, normalize=True).save(path)
    return {"status": _WRITTEN, "points": len(cloud), "bytes": path.stat().st_size}


def _tell(record: dict[str, Any], *, as_json: bool) -> None:
    if record["status"] == _FAILED:
        name, reason = record["input"], record["error"]
        remark(f"failed: {reason}" if reason.startswith(name) else f"failed: {name}: {reason}")
    elif not as_json:
        done = "up to date" if record["status"] == _CURRENT else f"{record['seconds']:.1f} s"
        say(f"{record['output']}: {record['points']:,} points, {record['bytes'] / 1e6:,.1f} MB, {done}")
        sys.stdout.flush()  # a line per file as it is done, into a log too
