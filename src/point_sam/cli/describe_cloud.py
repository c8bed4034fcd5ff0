"""What a cloud holds, in numbers that matter before segmenting it."""

from typing import TYPE_CHECKING, Any

from point_sam.cli.clicks import format_point
from point_sam.cli.console import print_table, say

if TYPE_CHECKING:
    import numpy as np

    from point_sam import PointCloud

# Upstream advises finer grouping above 30,000 to 100,000 points. The lower end: more groups only cost time.
_MANY_POINTS = 30_000
_FINE = {"num_groups": 2048, "group_size": 256}


def describe_cloud(cloud: "PointCloud") -> dict[str, Any]:
    """Plain values, for --json.

    Raises:
        ValueError: the coordinates are too large to be normalised.
    """
    from point_sam.clouds import normalize

    _, center, scale = normalize(cloud.xyz)
    low, high = cloud.xyz.min(axis=0), cloud.xyz.max(axis=0)
    return {
        "kind": "cloud",
        "points": len(cloud),
        "unit": None,
        "min": low.tolist(),
        "max": high.tolist(),
        "size": (high - low).tolist(),
        "color": cloud.rgb is not None,
        "attributes": [_describe_attribute(name, values) for name, values in cloud.attributes.items()],
        "duplicates": count_duplicates(cloud.xyz),
        "normalization": {"center": center.tolist(), "scale": scale},
        "suggested": {"large": _FINE if len(cloud) > _MANY_POINTS else None},
    }


def print_cloud(about: dict[str, Any]) -> None:
    """The same for people."""
    center, scale = about["normalization"]["center"], about["normalization"]["scale"]
    say(f"points      {about['points']:,}")
    say(f"from        {format_point(about['min'])}")
    say(f"to          {format_point(about['max'])}")
    say(f"size        {format_point(about['size'])}, in a unit that the file does not tell")
    say(f"colour      {'yes' if about['color'] else 'no (the model then sees a neutral grey)'}")
    say(f"duplicates  {about['duplicates']:,} points at the place of another")
    say(f"normalised  minus {format_point(center)}, over {scale:.10g}: the unit ball that --normalized means")
    fine = about["suggested"]["large"]
    say(f"groups      {_advice(about['points'], fine)}")
    if about["attributes"]:
        rows = [
            (a["name"], a["dtype"], str(a["columns"]), _number(a["min"]), _number(a["max"]))
            for a in about["attributes"]
        ]
        print_table(("attribute", "type", "columns", "min", "max"), rows, right=("columns", "min", "max"))


def count_duplicates(xyz: "np.ndarray[Any, Any]") -> int:
    """How many points lie exactly where an earlier one does."""
    import numpy as np

    ordered = xyz[np.lexsort(xyz.T)]
    return int((ordered[1:] == ordered[:-1]).all(axis=1).sum())


def _describe_attribute(name: str, values: "np.ndarray[Any, Any]") -> dict[str, Any]:
    import numpy as np

    low: float | None = None
    high: float | None = None
    if values.dtype.kind in "biu":
        low, high = int(values.min()), int(values.max())
    elif values.dtype.kind == "f" and not np.isnan(values).all():
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
    columns = 1 if values.ndim == 1 else values.shape[1]
    return {"name": name, "dtype": str(values.dtype), "columns": columns, "min": low, "max": high}


def _advice(points: int, fine: dict[str, int] | None) -> str:
    if fine is None:
        return "the models' own number and size of groups suit a cloud of this size"
    return (
        f"for large: --num-groups {fine['num_groups']} --group-size {fine['group_size']} (its authors' advice above "
        f"{_MANY_POINTS:,} points); for tiny, more groups may find smaller parts"
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"
