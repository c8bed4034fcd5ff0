"""`point-sam info`: what a file holds."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from point_sam.cli import options as shared
from point_sam.cli.clicks import format_point
from point_sam.cli.console import READING, Stages, print_json, print_table, say

if TYPE_CHECKING:
    import numpy as np

    from point_sam import PointCloud
    from point_sam.mesh import Mesh

EPILOG = (
    "Examples:\n\n  point-sam info scene.ply\n\n  point-sam info model.glb\n\n  point-sam info model.safetensors --json"
)
# Upstream advises finer grouping above 30,000 to 100,000 points. The lower end: more groups only cost time.
_MANY_POINTS = 30_000
_FINE = {"num_groups": 2048, "group_size": 256}
_MOST_NAMES = 8  # pieces of a mesh
# Those of checkpoints.files, not imported from there: that takes seconds, and most files are clouds.
_WEIGHTS = (".safetensors", ".pt", ".pth", ".bin")


def command(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
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
    from point_sam.clouds import read_pointcloud
    from point_sam.mesh import is_mesh_file, load_mesh

    if file.suffix.lower() in _WEIGHTS:
        from point_sam.encoded import is_encoded_file

        encoded = file.suffix.lower() == ".safetensors" and is_encoded_file(file)
        about = _describe_encoded(file) if encoded else _describe_weights(file)
        tell = _print_encoded if encoded else _print_weights
    elif is_mesh_file(file):
        if drop_invalid:
            raise typer.BadParameter(f"{file} is a mesh; --drop-invalid is for clouds", param_hint="--drop-invalid")
        with Stages(1) as stages, stages.stage(READING):
            about, tell = _describe_mesh(load_mesh(file)), _print_mesh
    else:
        with Stages(1) as stages, stages.stage(READING):
            about, tell = _describe_cloud(read_pointcloud(file, drop_invalid=drop_invalid)), _print_cloud
    if as_json:
        print_json({"file": file, **about})
        return
    say(f"file        {file}")
    tell(about)


def _describe_cloud(cloud: "PointCloud") -> dict[str, Any]:
    from point_sam.clouds import normalize

    _, center, scale = normalize(cloud.xyz)
    return {
        "kind": "cloud",
        "points": len(cloud),
        **_describe_bounds(cloud.xyz),
        "color": cloud.rgb is not None,
        "attributes": [_describe_attribute(name, values) for name, values in cloud.attributes.items()],
        "duplicates": count_duplicates(cloud.xyz),
        "normalization": {"center": center.tolist(), "scale": scale},
        "suggested": {"large": _FINE if len(cloud) > _MANY_POINTS else None},
    }


def _print_cloud(about: dict[str, Any]) -> None:
    center, scale = about["normalization"]["center"], about["normalization"]["scale"]
    say(f"points      {about['points']:,}")
    _print_bounds(about)
    say(f"colour      {'yes' if about['color'] else 'no (the model then sees a neutral grey)'}")
    say(f"duplicates  {about['duplicates']:,} points at the place of another")
    say(f"normalised  minus {format_point(center)}, over {scale:.10g}: the unit ball that --normalized means")
    fine = about["suggested"]["large"]
    if fine is None:
        say("groups      the models' own number and size of groups suit a cloud of this size")
    else:
        say(
            f"groups      for large: --num-groups {fine['num_groups']} --group-size {fine['group_size']} (its authors' "
            f"advice above {_MANY_POINTS:,} points); for tiny, more groups may find smaller parts"
        )
    if about["attributes"]:
        rows = [
            (a["name"], a["dtype"], str(a["columns"]), _number(a["min"]), _number(a["max"]))
            for a in about["attributes"]
        ]
        print_table(("attribute", "type", "columns", "min", "max"), rows, right=("columns", "min", "max"))


def _describe_bounds(xyz: "np.ndarray[Any, Any]") -> dict[str, Any]:
    low, high = xyz.min(axis=0), xyz.max(axis=0)
    return {"unit": None, "min": low.tolist(), "max": high.tolist(), "size": (high - low).tolist()}


def _print_bounds(about: dict[str, Any]) -> None:
    say(f"from        {format_point(about['min'])}")
    say(f"to          {format_point(about['max'])}")
    say(f"size        {format_point(about['size'])}, in a unit that the file does not tell")


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


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"


def _describe_mesh(mesh: "Mesh") -> dict[str, Any]:
    from point_sam.mesh.adjacency import components, open_edges

    areas = mesh.face_areas()
    return {
        "kind": "mesh",
        "faces": len(mesh.faces),
        "vertices": len(mesh.vertices),
        "pieces": list(mesh.names),
        "components": int(components(mesh).max()) + 1,
        **_describe_bounds(mesh.vertices[mesh.faces.ravel()]),
        "area": float(areas.sum()),
        "faces_without_area": int((areas == 0).sum()),
        "open_edges": open_edges(mesh),
        "color": sorted({type(color).__name__ if color.known else "none" for color in mesh.colors}),
    }


def _print_mesh(about: dict[str, Any]) -> None:
    names, edges = about["pieces"], about["open_edges"]
    more = f", and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    kinds = {"Uniform": "material", "PerCorner": "vertices or faces", "Textured": "texture", "none": "none"}
    say(f"faces       {about['faces']:,}, of which {about['faces_without_area']:,} have no area")
    say(f"vertices    {about['vertices']:,}")
    say(f"pieces      {len(names):,}: {', '.join(names[:_MOST_NAMES])}{more}")
    say(f"components  {about['components']:,} that hang together along edges")
    _print_bounds(about)
    say(f"area        {about['area']:.6g}")
    say(f"closed      {'yes' if edges == 0 else f'no, {edges:,} edges have a face on one side only'}")
    say(f"colour      {', '.join(kinds[kind] for kind in about['color'])}")


def _describe_encoded(path: Path) -> dict[str, Any]:
    from point_sam.encoded import read_settings

    settings = read_settings(path)
    return {
        "kind": "encoded",
        "points": settings["num_points"],
        "bytes": path.stat().st_size,
        **{name: value for name, value in settings.items() if name != "num_points"},
    }


def _print_encoded(about: dict[str, Any]) -> None:
    size = "" if about["group_size"] is None else f" of {about['group_size']} points"
    limit = about["max_encoder_points"]
    of = "" if limit is None else f", made of {limit:,} points of larger clouds"
    say(f"encoded     {about['points']:,} points, {about['bytes']:,} bytes")
    say(f"colour      {'yes' if about['color'] else 'no'}")
    center, radius = about["center"], about["scale"]
    own = f"in the cloud's own units; its center is {format_point(center)}, its radius {radius:.10g}"
    say(f"prompts     {own if about['normalized'] else 'in the unit ball'}")
    say(f"groups      {about['num_groups']}{size}{of}")
    say(f"precision   {about['precision']}")
    say(f"weights     {about['model_fingerprint']} (fingerprint; others refuse it)")
    say(f"cloud       {about['cloud_fingerprint']} (fingerprint of coordinates and colours)")


def _describe_weights(path: Path) -> dict[str, Any]:
    from point_sam.checkpoints import infer_config, read_weights
    from point_sam.checkpoints.architecture import without_leftovers
    from point_sam.checkpoints.sources import locate_local
    from point_sam.model import PRESETS

    files = locate_local(path)
    shapes, _ = read_weights(files.weights)
    try:
        config = infer_config(shapes, files.settings)
    except ValueError as err:
        raise ValueError(f"{path}: {err}") from err
    used = without_leftovers(shapes)
    return {
        "kind": "weights",
        "variant": next((name for name, preset in PRESETS.items() if preset == config), None),
        "tensors": len(used),
        "parameters": sum(math.prod(shape) for shape in used.values()),
        "unused_tensors": len(shapes) - len(used),
        "bytes": files.weights.stat().st_size,
        "config": config.to_dict(),
    }


def _print_weights(about: dict[str, Any]) -> None:
    config = about["config"]
    say(f"variant     {about['variant'] or 'none of the named ones'}")
    say(f"tokenizer   {config['tokenizer']}")
    say(f"trunk       {config['trunk']}, {config['width']} wide, {config['depth']} deep, {config['num_heads']} heads")
    size = "" if config["group_size"] is None else f" of {config['group_size']} points"
    say(f"groups      {config['num_groups']}{size}")
    say(f"parameters  {about['parameters']:,} in {about['tensors']} tensors, {about['bytes']:,} bytes")
    if about["unused_tensors"]:
        say(f"unused      {about['unused_tensors']} tensors of the image model that the trunk comes from")
