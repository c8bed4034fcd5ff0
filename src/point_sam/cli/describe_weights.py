"""What a file of weights is: architecture and size, read off the names and shapes of its tensors."""

import math
from pathlib import Path
from typing import Any

from point_sam.cli.console import say


def is_weights(path: Path) -> bool:
    """Whether the suffix is one of weights."""
    # Those of checkpoints.files, not imported from there: that takes seconds, and most files are clouds.
    return path.suffix.lower() in (".safetensors", ".pt", ".pth", ".bin")


def describe_weights(path: Path) -> dict[str, Any]:
    """Plain values, for --json.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is not a file of Point-SAM weights.
    """
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


def print_weights(about: dict[str, Any]) -> None:
    """The same for people."""
    config = about["config"]
    say(f"variant     {about['variant'] or 'none of the named ones'}")
    say(f"tokenizer   {config['tokenizer']}")
    say(f"trunk       {config['trunk']}, {config['width']} wide, {config['depth']} deep, {config['num_heads']} heads")
    size = "" if config["group_size"] is None else f" of {config['group_size']} points"
    say(f"groups      {config['num_groups']}{size}")
    say(f"parameters  {about['parameters']:,} in {about['tensors']} tensors, {about['bytes']:,} bytes")
    if about["unused_tensors"]:
        say(f"unused      {about['unused_tensors']} tensors of the image model that the trunk comes from")
