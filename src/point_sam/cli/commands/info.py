"""`point-sam info`: what a file holds."""

from pathlib import Path
from typing import Annotated

import typer

from point_sam.cli import options as shared
from point_sam.cli.console import Stages, print_json, say
from point_sam.cli.describe_cloud import describe_cloud, print_cloud
from point_sam.cli.describe_encoded import describe_encoded, is_encoded, print_encoded
from point_sam.cli.describe_mesh import describe_mesh, print_mesh
from point_sam.cli.describe_weights import describe_weights, is_weights, print_weights

EPILOG = (
    "Examples:\n\n  point-sam info scene.ply\n\n  point-sam info model.glb\n\n  point-sam info model.safetensors --json"
)


def command(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            show_default=False,
            help="A cloud, a mesh, weights (.safetensors .pt .pth .bin), or what point-sam encode wrote.",
        ),
    ],
    as_json: shared.Json = False,
    drop_invalid: shared.DropInvalid = False,
) -> None:
    """Tell what a cloud, a mesh, a file of weights or an embedding file holds.

    Of a cloud: points, bounds, colour, attributes, duplicates, what normalisation does to it, and which grouping suits
    it. Of a mesh: faces, pieces, bounds, area, colour, open edges. Of weights: architecture and size. Of an embedding:
    points, grouping, fingerprints.
    """
    from point_sam.mesh import is_mesh_file, load_mesh

    if is_encoded(file):
        about = describe_encoded(file)
    elif is_weights(file):
        about = describe_weights(file)
    elif is_mesh_file(file):
        if drop_invalid:
            raise typer.BadParameter(f"{file} is a mesh; --drop-invalid is for clouds", param_hint="--drop-invalid")
        with Stages(["reading"]) as stages, stages.stage("reading"):
            about = describe_mesh(load_mesh(file))
    else:
        from point_sam.clouds import read_pointcloud

        with Stages(["reading"]) as stages, stages.stage("reading"):
            about = describe_cloud(read_pointcloud(file, drop_invalid=drop_invalid))
    if as_json:
        print_json({"file": str(file), **about})
        return
    say(f"file        {file}")
    printers = {"encoded": print_encoded, "weights": print_weights, "mesh": print_mesh, "cloud": print_cloud}
    printers[about["kind"]](about)
