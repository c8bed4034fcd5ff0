"""`point-sam everything`: all objects and parts of a cloud or a mesh, without a click."""

from pathlib import Path
from typing import Annotated, Any

import typer

from point_sam.cli import options as shared
from point_sam.cli.console import Stages, print_json, remark, say
from point_sam.cli.counting import Counting
from point_sam.cli.describe_masks import describe_masks, print_masks
from point_sam.cli.embeddings import check_embedding, load_embedding, locate_embedding
from point_sam.cli.labeled_output import default_labeled_output, draw_labels
from point_sam.cli.labeled_sources import LabeledCloud, LabeledMesh, LabeledSource, PartFolder
from point_sam.cli.meshes import NoSmooth, Samples, Seed, mesh_options
from point_sam.cli.outputs import check_output, check_picture, default_up
from point_sam.cli.segmenting import DRAWING, ENCODING, LOADING, READING, WRITING

EPILOG = (
    "Examples:\n\n"
    "  point-sam everything scene.ply --picture parts.png\n\n"
    "  point-sam everything scene.ply --points 512 --iou-threshold 0.4 -o parts.npz\n\n"
    "  point-sam everything street.las --crops 8 --num-groups 2048 -o parts.las\n\n"
    "  point-sam everything robot.ply --hierarchy --json\n\n"
    "  point-sam everything model.glb -o parts.glb --parts parts\n\n"
    "  point-sam everything scene.ply --encoded embeddings"
)
_GENERATING = "clicking everywhere"
_MASKS = "Masks"
_OUTPUT = "Output"
_MESH = "Meshes"


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
    points: Annotated[
        int | None,
        typer.Option(
            "--points",
            metavar="N",
            min=1,
            rich_help_panel=_MASKS,
            help="Clicks, spread over the cloud; with --crops also over each block. More find smaller parts and take "
            "longer.",
            show_default="128",
        ),
    ] = None,
    iou_threshold: Annotated[
        float | None,
        typer.Option(rich_help_panel=_MASKS, help="Lowest predicted IoU of a mask.", show_default="0.5"),
    ] = None,
    stability_threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            rich_help_panel=_MASKS,
            help="Lowest stability: how little a mask changes when its logits are cut at +1 instead of -1.",
            show_default="0.4",
        ),
    ] = None,
    nms: Annotated[
        float | None,
        typer.Option(
            "--nms",
            min=0,
            max=1,
            rich_help_panel=_MASKS,
            help="Of two masks with a larger IoU than this only the better one is kept.",
            show_default="0.7",
        ),
    ] = None,
    min_region: Annotated[
        int | None,
        typer.Option(
            "--min-region",
            metavar="N",
            min=0,
            rich_help_panel=_MASKS,
            help="Islands and holes of a mask with fewer points are dropped and filled; at most 1% of the cloud.",
            show_default="25",
        ),
    ] = None,
    crops: Annotated[
        int,
        typer.Option(
            "--crops",
            metavar="N",
            min=0,
            rich_help_panel=_MASKS,
            help="Also look at so many overlapping blocks of a large scene, each at full resolution.",
        ),
    ] = 0,
    screening: Annotated[
        int | None,
        typer.Option(
            "--screening",
            metavar="N",
            min=0,
            rich_help_panel=_MASKS,
            help="Judge the clicks on a cloud of more than twice as many points at so many points first, and answer at "
            "every point only what may be kept. 0 answers all in full, which takes longer.",
            show_default="8192",
        ),
    ] = None,
    hierarchy: Annotated[
        bool, typer.Option("--hierarchy", rich_help_panel=_MASKS, help="Also tell which mask is a part of which.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="OUT",
            show_default=False,
            rich_help_panel=_OUTPUT,
            help="The cloud with all its attributes, plus the attribute label (a mask's number, -1 for none; where "
            "masks overlap, that of the smallest), painted in one colour per label; .npz also holds every mask, as "
            "masks [N, M]; .npy holds the labels alone, as int32. The suffix names the format. By default FILE's name "
            "with _labels.ply, in the current folder. An older OUT is replaced; the input never. Of a mesh: the mesh "
            "with its parts painted (.glb .ply .obj; by default _labels.glb), or its points and their labels (any "
            "other).",
        ),
    ] = None,
    paint: Annotated[
        bool, typer.Option("--paint/--no-paint", rich_help_panel=_OUTPUT, help="Paint the labels over the colours.")
    ] = True,
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.png",
            show_default=False,
            rich_help_panel=_OUTPUT,
            help="Also draw the cloud from four sides, one colour per label: .png .jpg .webp.",
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
            help="Also write each label's faces, in their own colours, as files DIR/part_0, DIR/part_1, ... and those "
            "without a label as DIR/rest.",
        ),
    ] = None,
    samples: Samples = None,
    seed: Seed = None,
    no_smooth: NoSmooth = False,
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
    """Find all objects and parts of a cloud or a mesh, without a click.

    Clicks on points all over the cloud give three candidates each; those that the model is sure of are kept, and of
    those that overlap much only the best. Of a mesh, points are drawn on the surface, and their labels become those of
    faces.
    """
    for_clouds = {"--drop-invalid": drop_invalid}
    mesh = mesh_options(file, samples=samples, seed=seed, no_smooth=no_smooth, parts=parts, only_for_clouds=for_clouds)
    out = default_labeled_output(file, mesh=mesh is not None) if out is None else out
    check_output(out, file, mesh=mesh is not None)
    part_folder = None if parts is None else PartFolder(parts, out, file)
    if picture is not None:
        check_picture(picture)
    chosen = {
        "points_per_cloud": points,
        "iou_threshold": iou_threshold,
        "stability_threshold": stability_threshold,
        "nms_threshold": nms,
        "min_region_points": min_region,
        "screening_points": screening,
    }
    options: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
    settings = shared.ModelOptions(
        model, checkpoint, variant, num_groups, group_size, max_encoder_points, device, precision
    )
    embedding = None if encoded is None else locate_embedding(encoded, file)
    names = [READING, LOADING, ENCODING, _GENERATING, WRITING] + ([] if picture is None else [DRAWING])
    with Stages(names) as stages:
        with stages.stage(READING):
            import numpy as np

            from point_sam.clouds import read_pointcloud

            source: LabeledSource
            if mesh is None:
                source = LabeledCloud(read_pointcloud(file, drop_invalid=drop_invalid), out)
            else:
                source = LabeledMesh(file, mesh, out, part_folder)
            cloud = source.cloud
            if embedding is not None:
                check_embedding(embedding, file, cloud, settings)
        with stages.stage(LOADING, hidden=True):
            from point_sam.automatic import MaskGenerator, label_points

            network = settings.load()
            generator = MaskGenerator(network, crops=crops, hierarchy=hierarchy, **options)
        with stages.stage(ENCODING):
            if embedding is None:
                whole = network.encode(cloud.xyz, cloud.rgb, normalize=True)
            else:
                whole = load_embedding(embedding, file, network)
        with stages.stage(_GENERATING, hidden=True), Counting("clicks") as counting:
            records = generator.generate(cloud.xyz, cloud.rgb, encoded=whole, progress=counting.update)
        with stages.stage(WRITING):
            labels = label_points(records, len(cloud))
            found = np.array([record["segmentation"] for record in records], bool).reshape(-1, len(cloud))
            written = source.write(out, labels, found, paint=paint)
        if picture is not None:
            with stages.stage(DRAWING):
                draw_labels(picture, cloud, written, up=default_up(file) if up is None else up, title=file.name)
    for line in source.remarks():
        remark(line)
    share = float((labels >= 0).mean())
    masks = describe_masks(records, cloud, source.of_masks())
    if as_json:
        print_json(
            {
                "input": str(file),
                "output": str(out),
                "picture": None if picture is None else str(picture),
                "encoded": None if embedding is None else str(embedding),
                "points": len(cloud),
                "labelled_share": share,
                "masks": masks,
                **source.summary(),
                "model": {
                    "name": str(checkpoint or model),
                    "device": str(network.device),
                    "precision": str(network.dtype).removeprefix("torch."),
                },
                "seconds": stages.seconds,
            }
        )
        return
    print_masks(masks, len(cloud), share)
    for line in source.lines():
        say(line)
    say(f"wrote {out}")
    if picture is not None:
        say(f"drew {picture}")
