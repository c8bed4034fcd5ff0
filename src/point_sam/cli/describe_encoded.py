"""What an embedding file is, read off its header."""

from pathlib import Path
from typing import Any

from point_sam.cli.clicks import format_point
from point_sam.cli.console import say


def is_encoded(path: Path) -> bool:
    """Whether the file is one that `point-sam encode` or `EncodedCloud.save` wrote."""
    if path.suffix.lower() != ".safetensors":  # others are not opened: that takes importing torch
        return False
    from point_sam.encoded import is_encoded_file

    return is_encoded_file(path)


def describe_encoded(path: Path) -> dict[str, Any]:
    """Plain values, for --json.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is damaged, or of another version.
    """
    from point_sam.encoded import read_settings

    settings = read_settings(path)
    return {
        "kind": "encoded",
        "points": settings["num_points"],
        "bytes": path.stat().st_size,
        **{name: value for name, value in settings.items() if name != "num_points"},
    }


def print_encoded(about: dict[str, Any]) -> None:
    """The same for people."""
    size = "" if about["group_size"] is None else f" of {about['group_size']} points"
    limit = about["max_encoder_points"]
    of = "" if limit is None else f", made of {limit:,} points of larger clouds"
    say(f"encoded     {about['points']:,} points, {about['bytes']:,} bytes")
    say(f"colour      {'yes' if about['color'] else 'no'}")
    say(f"prompts     {_units(about)}")
    say(f"groups      {about['num_groups']}{size}{of}")
    say(f"precision   {about['precision']}")
    say(f"weights     {about['model_fingerprint']} (fingerprint; others refuse it)")
    say(f"cloud       {about['cloud_fingerprint']} (fingerprint of coordinates and colours)")


def _units(about: dict[str, Any]) -> str:
    if not about["normalized"]:
        return "in the unit ball"
    return f"in the cloud's own units; its center is {format_point(about['center'])}, its radius {about['scale']:.10g}"
