"""`point-sam everything`: all objects and parts of a cloud or a mesh, without a click."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from point_sam.cli import options as shared
from point_sam.cli.console import (
    DRAWING,
    ENCODING,
    LOADING,
    READING,
    WRITING,
    Bars,
    Stages,
    print_json,
    print_table,
    remark,
    say,
)
from point_sam.cli.embeddings import check_embedding, locate_embedding
from point_sam.cli.outputs import LabelOutput, Written
from point_sam.cli.sources import Source, check_kind, read_source

if TYPE_CHECKING:
    from point_sam.automatic import MaskRecord

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
_MOST_NAMED = 5  # labels in a remark
_SHOWN = 20  # masks in the table


@dataclass(frozen=True)
class MaskOptions:
    """Options of `MaskGenerator`; None leaves its own."""

    panel: ClassVar = "Masks"
    points_per_cloud: int | None = shared.option(
        None,
        "--points",
        metavar="N",
        min=1,
        help="Clicks, spread over the cloud; with --crops also over each block. More find smaller parts and take "
        "longer.",
        show_default="128",
    )
    iou_threshold: float | None = shared.option(None, help="Lowest predicted IoU of a mask.", show_default="0.5")
    stability_threshold: float | None = shared.option(
        None,
        min=0,
        max=1,
        help="Lowest stability: how little a mask changes when its logits are cut at +1 instead of -1.",
        show_default="0.4",
    )
    nms_threshold: float | None = shared.option(
        None,
        "--nms",
        min=0,
        max=1,
        help="Of two masks with a larger IoU than this only the better one is kept.",
        show_default="0.7",
    )
    min_region_points: int | None = shared.option(
        None,
        "--min-region",
        metavar="N",
        min=0,
        help="Islands and holes of a mask with fewer points are dropped and filled; at most 1% of the cloud.",
        show_default="25",
    )
    crops: int = shared.option(
        0, metavar="N", min=0, help="Also look at so many overlapping blocks of a large scene, each at full resolution."
    )
    screening_points: int | None = shared.option(
        None,
        "--screening",
        metavar="N",
        min=0,
        help="Judge the clicks on a cloud of more than twice as many points at so many points first, and answer at "
        "every point only what may be kept. 0 answers all in full, which takes longer.",
        show_default="8192",
    )
    hierarchy: bool = shared.option(False, "--hierarchy", help="Also tell which mask is a part of which.")

    def given(self) -> dict[str, Any]:
        """Those that are to replace its own."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class OutputOptions(shared.OutputOptions):
    """What is written."""

    out: Path | None = shared.option(
        None,
        "-o",
        "--out",
        metavar="OUT",
        help="The cloud with all its attributes, plus the attribute label (a mask's number, -1 for none; where "
        "masks overlap, that of the smallest), painted in one colour per label; .npz also holds every mask, as "
        "masks [N, M]; .npy holds the labels alone, as int32. The suffix names the format. By default FILE's name "
        "with _labels.ply, in the current folder. An older OUT is replaced; the input never. Of a mesh: the mesh "
        "with its parts painted (.glb .ply .obj; by default _labels.glb), or its points and their labels (any "
        "other).",
    )
    paint: bool = shared.option(True, "--paint/--no-paint", help="Paint the labels over the colours.")
    picture: Path | None = shared.option(
        None, metavar="OUT.png", help="Also draw the cloud from four sides, one colour per label: .png .jpg .webp."
    )


def command(
    file: shared.File,
    *,
    masks: MaskOptions,
    output: OutputOptions,
    parts: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            rich_help_panel="Meshes",
            help="Also write each label's faces, in their own colours, as files DIR/part_0, DIR/part_1, ... and those "
            "without a label as DIR/rest.",
        ),
    ] = None,
    sampling: shared.Sampling,
    no_smooth: shared.NoSmooth = False,
    encoded: shared.Encoded = None,
    models: shared.ModelOptions,
    drop_invalid: shared.DropInvalid = False,
) -> None:
    """Find all objects and parts of a cloud or a mesh, without a click.

    Clicks on points all over the cloud give three candidates each; those that the model is sure of are kept, and of
    those that overlap much only the best. Of a mesh, points are drawn on the surface, and their labels become those of
    faces.
    """
    is_mesh = check_kind(
        file,
        for_meshes={**sampling.given(), "--no-smooth": no_smooth, "--parts": parts is not None},
        for_clouds={"--drop-invalid": drop_invalid},
    )
    target = LabelOutput(file, output, is_mesh=is_mesh, smoothing=not no_smooth, parts=parts)
    embedding = None if encoded is None else locate_embedding(encoded, file)
    with Stages(5 if target.picture is None else 6) as stages:
        with stages.stage(READING):
            source = read_source(file, sampling, drop_invalid=drop_invalid)
            target.check(source)
            cloud = source.cloud
            if embedding is not None:
                check_embedding(embedding, file, cloud, models)
        with stages.stage(LOADING, hidden=True):
            import numpy as np

            from point_sam.automatic import MaskGenerator, label_points

            model = models.load()
            generator = MaskGenerator(model, **masks.given())
        with stages.stage(ENCODING):
            whole = source.encode(model, embedding)
        with stages.stage(_GENERATING, hidden=True), Bars() as bars:
            records = generator.generate(cloud.xyz, cloud.rgb, encoded=whole, progress=partial(bars.show, "clicks"))
        with stages.stage(WRITING):
            labels = label_points(records, len(cloud))
            found = np.array([record["segmentation"] for record in records], bool).reshape(-1, len(cloud))
            written = target.write(source, labels, found)
        if target.picture is not None:
            with stages.stage(DRAWING):
                target.draw(cloud, written.labels)
    described, mesh = _describe(records, source, written, target, sampling)
    for line in [*_unborne(described), *written.notes]:
        remark(line)
    share = float((labels >= 0).mean())
    if output.as_json:
        print_json(
            {
                **target.summary(),
                "encoded": embedding,
                "points": len(cloud),
                "labelled_share": share,
                "masks": described,
                **mesh,
                "model": {"name": models.name, "device": str(model.device), "precision": model.precision},
                "seconds": stages.seconds,
            }
        )
        return
    _print_masks(described, len(cloud), share)
    for about in mesh.values():
        say(
            f"labels on {about['labelled_faces']:,} of {about['faces']:,} faces, "
            f"{about['labelled_area_share']:.1%} of the area"
        )
    if parts is not None:
        say(f"wrote {len(written.parts)} parts into {parts}")
    for line in target.lines():
        say(line)


def _describe(
    records: "list[MaskRecord]", source: Source, written: Written, target: LabelOutput, sampling: shared.Sampling
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Plain values of each mask, and `mesh` of a mesh."""
    masks: list[dict[str, Any]] = [
        {
            **{key: value for key, value in record.items() if key not in ("segmentation", "point_coords")},
            "point": source.cloud.xyz[record["point_index"]].tolist(),
        }
        for record in records
    ]
    if source.sampled is None or written.faces is None:
        return masks, {}
    import numpy as np

    areas, borne = source.sampled.mesh.face_areas(), written.faces >= 0
    counts = np.bincount(written.faces[borne], minlength=len(masks))
    shares = np.bincount(written.faces[borne], areas[borne], minlength=len(masks)) / areas.sum()
    for mask, count, share in zip(masks, counts, shares, strict=True):
        mask.update(faces=int(count), area_share=float(share))
    about = {
        "faces": len(areas),
        "labelled_faces": int(borne.sum()),
        "labelled_area_share": sum(mask["area_share"] for mask in masks),
        "samples": len(source.cloud),
        "seed": sampling.seed or 0,
        "smoothed": target.smoothing,
        "parts": [str(path) for path in written.parts],
    }
    return masks, {"mesh": about}


def _unborne(masks: list[dict[str, Any]]) -> list[str]:
    """About labels that no face bears."""
    labels = [str(label) for label, mask in enumerate(masks) if mask.get("faces") == 0]
    if not labels:
        return []
    more = ", ..." if len(labels) > _MOST_NAMED else ""
    return [
        f"note: no face bears the label {', '.join(labels[:_MOST_NAMED])}{more}: smaller masks lie over its faces, or "
        f"they follow their neighbours"
    ]


def _print_masks(masks: list[dict[str, Any]], num_points: int, share: float) -> None:
    if not masks:
        say("no mask passed the filters: lower --iou-threshold or --stability-threshold, or give more --points")
        return
    say(f"{len(masks)} masks on {share:.1%} of {num_points:,} points")
    columns = {
        "points": lambda mask: f"{mask['area']:,}",
        "predicted IoU": lambda mask: f"{mask['predicted_iou']:.2f}",
        "stability": lambda mask: f"{mask['stability_score']:.2f}",
        "prompt": lambda mask: str(mask["point_index"]),
    }
    if "faces" in masks[0]:
        columns["faces"] = lambda mask: f"{mask['faces']:,}"
        columns["area"] = lambda mask: f"{mask['area_share']:.1%}"
    if "parent" in masks[0]:
        columns["part of"] = lambda mask: "-" if mask["parent"] < 0 else str(mask["parent"])
    header = ["label", *columns]
    rows = [[str(label), *(tell(mask) for tell in columns.values())] for label, mask in enumerate(masks[:_SHOWN])]
    print_table(header, rows, right=header)
    if len(masks) > _SHOWN:
        say(f"and {len(masks) - _SHOWN} more (--json tells all)")
