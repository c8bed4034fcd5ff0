"""`point-sam segment`: the object or part under the clicks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from point_sam.cli import options as shared
from point_sam.cli.clicks import PointsCommand, prompts_of
from point_sam.cli.console import print_json, remark, say
from point_sam.cli.embeddings import locate_embedding
from point_sam.cli.outputs import MaskOutput
from point_sam.cli.segmenting import Segmenting
from point_sam.cli.sources import check_kind

COMMAND_CLASS = PointsCommand
EPILOG = (
    "Examples:\n\n"
    "  point-sam segment scene.ply --point 0.5 0.1 -0.2\n\n"
    "  point-sam segment scene.ply --index 4711 -o part.npz --picture part.png\n\n"
    "  point-sam segment scene.ply --point 1.2 0.4 3 --label 1 --point 1.5 0.4 3 --label 0\n\n"
    "  point-sam segment scene.ply --point 0.5 0.1 -0.2 --normalized --model large --num-groups 2048\n\n"
    "  point-sam segment model.glb --point 0.5 0.1 -0.2 -o part.glb --parts parts\n\n"
    "  point-sam segment street.las --point 12.5 3.1 0.8 --focus-radius 4\n\n"
    "  point-sam segment scene.ply --point 0.5 0.1 -0.2 --encoded embeddings"
)


@dataclass(frozen=True)
class ClickOptions:
    """What to click on."""

    panel: ClassVar = "Clicks"
    point: list[str] | None = shared.option(
        None,
        metavar="X Y Z",
        help="A click, in the file's own units (see --normalized). Repeat for more clicks on the same object.",
    )
    index: list[int] | None = shared.option(
        None, metavar="I", min=0, help="A click on point I of the file, from 0. Repeat."
    )
    label: list[int] | None = shared.option(
        None,
        metavar="0|1",
        min=0,
        max=1,
        help="1: this click is on the object, 0: off it. One per click, first the --point, then the --index ones; "
        "without any, all are 1.",
    )
    normalized: bool = shared.option(
        False,
        "--normalized",
        help="--point is in the unit ball: minus the cloud's mean, over the largest distance from it "
        "(point-sam info prints both).",
    )
    candidate: int | None = shared.option(
        None,
        min=0,
        help="Which of the first click's candidates to take, from 0. By default the one with the best predicted IoU.",
    )


@dataclass(frozen=True)
class OutputOptions(shared.OutputOptions):
    """What is written."""

    out: Path | None = shared.option(
        None,
        "-o",
        "--out",
        metavar="OUT",
        help="The cloud with all its attributes, plus the attribute mask (0 or 1), and the mask painted orange; "
        ".npy holds the mask alone, as bool. The suffix names the format. By default FILE's name with _mask.ply, "
        "in the current folder. An older OUT is replaced; the input never. Of a mesh: the mesh with the part "
        "painted (.glb .ply .obj; by default _mask.glb), or its points and their mask (any other).",
    )
    paint: bool = shared.option(True, "--paint/--no-paint", help="Paint the mask over the colours in OUT.")
    picture: Path | None = shared.option(
        None, metavar="OUT.png", help="Also draw the cloud from four sides with mask and clicks: .png .jpg .webp."
    )


@dataclass(frozen=True)
class FocusOptions:
    """What to look at."""

    panel: ClassVar = "Large clouds"
    focus: bool = shared.option(
        False,
        "--focus",
        help="After the first click, encode the neighbourhood of its mask again by itself, at full resolution. "
        "The mask is then empty elsewhere.",
    )
    focus_radius: float | None = shared.option(
        None,
        metavar="R",
        help="The same for the points within R of the first click, in the file's units. About twice the object's "
        "radius suits a part, more an object as a whole.",
    )


def command(
    file: shared.File,
    *,
    clicks: ClickOptions,
    output: OutputOptions,
    parts: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            rich_help_panel="Meshes",
            help="Also write the part and the rest, in their own colours, as files DIR/part and DIR/rest.",
        ),
    ] = None,
    sampling: shared.Sampling,
    no_smooth: shared.NoSmooth = False,
    scales: shared.LookAt = shared.Scales.AUTO,
    specks: Annotated[
        bool,
        typer.Option(
            "--specks",
            rich_help_panel="Output",
            help="Keep pieces of the mask that nobody clicked, however small. --scales whole always does.",
        ),
    ] = False,
    focus: FocusOptions,
    encoded: shared.Encoded = None,
    models: shared.ModelOptions,
    drop_invalid: shared.DropInvalid = False,
) -> None:
    """Segment the object or part under one or more clicks.

    A click is looked at in balls of several sizes, which give candidates of all sizes; the first click takes the one
    with the best predicted IoU, and every further click refines that mask, in the order given. Of a mesh, points are
    drawn on the surface, clicks are moved to its nearest point, and the points' mask becomes one of faces.
    """
    prompts = prompts_of(clicks.point, clicks.index, clicks.label)
    is_mesh = check_kind(
        file,
        for_meshes={**sampling.given(), "--no-smooth": no_smooth, "--parts": parts is not None},
        for_clouds={"--index": bool(clicks.index), "--drop-invalid": drop_invalid},
    )
    target = MaskOutput(file, output, is_mesh=is_mesh, smoothing=not no_smooth, parts=parts)
    if focus.focus_radius is not None and not 0 < focus.focus_radius < float("inf"):
        raise typer.BadParameter(f"{focus.focus_radius} is not a positive number", param_hint="--focus-radius")
    embedding = None if encoded is None else locate_embedding(encoded, file)
    answer = Segmenting(
        prompts,
        target,
        models,
        sampling,
        drop_invalid=drop_invalid,
        normalized=clicks.normalized,
        candidate=clicks.candidate,
        scales=scales,
        specks=specks,
        focus=focus.focus,
        focus_radius=focus.focus_radius,
        embedding=embedding,
    ).run()
    for line in answer.remarks():
        remark(line)
    if output.as_json:
        print_json({**target.summary(), "encoded": embedding, **answer.summary(), "seconds": answer.seconds})
        return
    for line in [*answer.lines(), *target.lines()]:
        say(line)
