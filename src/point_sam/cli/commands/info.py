"""`point-sam info`: what a file holds."""

from pathlib import Path
from typing import Annotated

import typer

from point_sam.cli import options as shared
from point_sam.cli.console import Stages, print_json, say
from point_sam.cli.describe_cloud import describe_cloud, print_cloud
from point_sam.cli.describe_weights import describe_weights, is_weights, print_weights

EPILOG = "Examples:\n\n  point-sam info scene.ply\n\n  point-sam info model.safetensors --json"


def command(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", show_default=False, help="A cloud, or weights (.safetensors .pt .pth .bin)."),
    ],
    as_json: shared.Json = False,
    drop_invalid: shared.DropInvalid = False,
) -> None:
    """Tell what a cloud or a file of weights holds.

    Of a cloud: points, bounds, colour, attributes, duplicates, what normalisation does to it, and which grouping suits
    it. Of weights: architecture and size.
    """
    if is_weights(file):
        about = describe_weights(file)
    else:
        from point_sam.clouds import read_pointcloud

        with Stages(["reading"]) as stages, stages.stage("reading"):
            about = describe_cloud(read_pointcloud(file, drop_invalid=drop_invalid))
    if as_json:
        print_json({"file": str(file), **about})
        return
    say(f"file        {file}")
    (print_weights if about["kind"] == "weights" else print_cloud)(about)
