"""The masks that `everything` found: values for scripts, a table for people."""

from typing import TYPE_CHECKING, Any

from point_sam.cli.console import print_table, say

if TYPE_CHECKING:
    from point_sam import PointCloud
    from point_sam.automatic import MaskRecord

_SHOWN = 20  # masks in the table


def describe_masks(
    records: "list[MaskRecord]", cloud: "PointCloud", more: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Plain values of each mask, for --json; `more` are further ones of each."""
    return [
        {
            **{key: value for key, value in record.items() if key not in ("segmentation", "point_coords")},
            "point": cloud.xyz[record["point_index"]].tolist(),
            **others,
        }
        for record, others in zip(records, more, strict=True)
    ]


def print_masks(masks: list[dict[str, Any]], num_points: int, share: float) -> None:
    """The same for people: as `describe_masks` gives them, with the share of the points that have a label."""
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
