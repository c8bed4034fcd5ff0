"""`point-sam segment`: the object or part under the clicks."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from point_sam.cli import options as shared
from point_sam.cli.clicks import PointsCommand, prompts_of
from point_sam.cli.console import Stages, print_json, remark, say
from point_sam.cli.embeddings import check_embedding, load_embedding, locate_embedding
from point_sam.cli.meshes import MeshSource, NoSmooth, Samples, Seed, mesh_options
from point_sam.cli.outputs import check_output, check_part_files, check_picture, default_output, default_up, draw
from point_sam.cli.segmenting import (
    DECODING,
    DRAWING,
    ENCODING,
    LOADING,
    READING,
    WRITING,
    FocusChoice,
    segment_cloud,
)
from point_sam.cli.sources import CloudSource, Source

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
_CLICKS = "Clicks"
_OUTPUT = "Output"
_MESH = "Meshes"
_LARGE = "Large clouds"


def command(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            show_default=False,
            help="A cloud: .ply .pcd .xyz .txt .csv .npy .npz ...; or a mesh: .glb .gltf .obj .stl .off, or a .ply "
            "with faces.",
        ),
    ],
    point: Annotated[
        list[str] | None,
        typer.Option(
            "--point",
            metavar="X Y Z",
            rich_help_panel=_CLICKS,
            help="A click, in the file's own units (see --normalized). Repeat for more clicks on the same object.",
        ),
    ] = None,
    index: Annotated[
        list[int] | None,
        typer.Option(
            "--index",
            metavar="I",
            min=0,
            rich_help_panel=_CLICKS,
            help="A click on point I of the file, from 0. Repeat.",
        ),
    ] = None,
    label: Annotated[
        list[int] | None,
        typer.Option(
            "--label",
            metavar="0|1",
            min=0,
            max=1,
            rich_help_panel=_CLICKS,
            help="1: this click is on the object, 0: off it. One per click, first the --point, then the --index ones; "
            "without any, all are 1.",
        ),
    ] = None,
    normalized: Annotated[
        bool,
        typer.Option(
            "--normalized",
            rich_help_panel=_CLICKS,
            help="--point is in the unit ball: minus the cloud's mean, over the largest distance from it "
            "(point-sam info prints both).",
        ),
    ] = False,
    candidate: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=2,
            rich_help_panel=_CLICKS,
            help="Which of the three readings of the first click to take. By default the one with "
            "the best predicted IoU.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="OUT",
            show_default=False,
            rich_help_panel=_OUTPUT,
            help="The cloud with all its attributes, plus the attribute mask (0 or 1), and the mask painted orange; "
            ".npy holds the mask alone, as bool. The suffix names the format. By default FILE's name with _mask.ply, "
            "in the current folder. An older OUT is replaced; the input never. Of a mesh: the mesh with the part "
            "painted (.glb .ply .obj; by default _mask.glb), or its points and their mask (any other).",
        ),
    ] = None,
    paint: Annotated[
        bool,
        typer.Option("--paint/--no-paint", rich_help_panel=_OUTPUT, help="Paint the mask over the colours in OUT."),
    ] = True,
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.png",
            show_default=False,
            rich_help_panel=_OUTPUT,
            help="Also draw the cloud from four sides with mask and clicks: .png .jpg .webp.",
        ),
    ] = None,
    up: Annotated[
        shared.Up | None,
        typer.Option(
            rich_help_panel=_OUTPUT,
            help="The axis that points up in the picture. By default z; y for .glb and .gltf, whose format says so.",
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", rich_help_panel=_OUTPUT, help="Print one JSON object on stdout instead of text."),
    ] = False,
    parts: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            show_default=False,
            rich_help_panel=_MESH,
            help="Also write the part and the rest, in their own colours, as files DIR/part and DIR/rest.",
        ),
    ] = None,
    samples: Samples = None,
    seed: Seed = None,
    no_smooth: NoSmooth = False,
    focus: Annotated[
        bool,
        typer.Option(
            "--focus",
            rich_help_panel=_LARGE,
            help="After the first click, encode the neighbourhood of its mask again by itself, at full resolution. "
            "The mask is then empty elsewhere.",
        ),
    ] = False,
    focus_radius: Annotated[
        float | None,
        typer.Option(
            "--focus-radius",
            metavar="R",
            rich_help_panel=_LARGE,
            help="The same for the points within R of the first click, in the file's units. About twice the object's "
            "radius suits a part, more an object as a whole.",
        ),
    ] = None,
    encoded: shared.Encoded = None,
    model: shared.Model = "tiny",
    checkpoint: shared.Checkpoint = None,
    variant: shared.Variant = None,
    num_groups: shared.NumGroups = None,
    group_size: shared.GroupSize = None,
    max_encoder_points: shared.MaxEncoderPoints = None,
    device: shared.Device = None,
    precision: shared.PrecisionOption = shared.Precision.AUTO,
    drop_invalid: shared.DropInvalid = False,
) -> None:
    """Segment the object or part under one or more clicks.

    The first click on the object gives three candidates, of which the one with the best predicted IoU is taken;
    every further click refines that mask, in the order given. Of a mesh, points are drawn on the surface, clicks are
    moved to its nearest point, and the points' mask becomes one of faces.
    """
    prompts = prompts_of(point, index, label)
    for_clouds = {"--index": bool(index), "--drop-invalid": drop_invalid}
    mesh = mesh_options(file, samples=samples, seed=seed, no_smooth=no_smooth, parts=parts, only_for_clouds=for_clouds)
    out = default_output(file, mesh=mesh is not None) if out is None else out
    check_output(out, file, mesh=mesh is not None)
    part_files = check_part_files(parts, out, file)
    if picture is not None:
        check_picture(picture)
    settings = shared.ModelOptions(
        model, checkpoint, variant, num_groups, group_size, max_encoder_points, device, precision
    )
    look = FocusChoice(focus_radius) if focus or focus_radius is not None else None
    embedding = None if encoded is None else locate_embedding(encoded, file)
    names = [READING, LOADING, ENCODING, DECODING, WRITING] + ([] if picture is None else [DRAWING])
    with Stages(names) as stages:
        with stages.stage(READING):
            source: Source
            if mesh is None:
                from point_sam.clouds import read_pointcloud

                source = CloudSource(read_pointcloud(file, drop_invalid=drop_invalid), out)
            else:
                source = MeshSource(file, mesh, part_files)
            prompts = source.place(prompts, normalized=normalized)
            if embedding is not None:
                check_embedding(embedding, file, source.cloud, settings)
        answer = segment_cloud(
            source.cloud,
            prompts,
            settings,
            stages,
            normalized=normalized,
            candidate=candidate,
            focus=look,
            encode=None if embedding is None else partial(load_embedding, embedding, file),
        )
        with stages.stage(WRITING):
            written_mask = source.write(out, answer.mask, paint=paint)
        if picture is not None:
            with stages.stage(DRAWING):
                up = default_up(file) if up is None else up
                draw(picture, source.cloud, written_mask, answer.clicks, up=up, title=file.name)
    for line in [*answer.remarks(far=mesh is None), *source.remarks()]:
        remark(line)
    if as_json:
        files = {
            "input": str(file),
            "output": str(out),
            "picture": None if picture is None else str(picture),
            "encoded": None if embedding is None else str(embedding),
        }
        print_json({**files, **answer.summary(), **source.summary(), "seconds": stages.seconds})
        return
    for line in [*answer.lines(), *source.lines()]:
        say(line)
    say(f"wrote {out}")
    if picture is not None:
        say(f"drew {picture}")
