"""`point-sam models`: the models that have names."""

from typing import TYPE_CHECKING, Any

from point_sam.cli import options as shared
from point_sam.cli.console import print_json, print_table, say

if TYPE_CHECKING:
    from point_sam.checkpoints import ModelSource

EPILOG = "Examples:\n\n  point-sam models\n\n  point-sam models --json"


def command(as_json: shared.Json = False) -> None:
    """List the named models: architecture, size, and where weights are.

    Any of them also runs with your own weights: --checkpoint FILE.
    """
    from point_sam.checkpoints import MODELS

    models = [_describe(name, source) for name, source in MODELS.items()]
    if as_json:
        print_json({"models": models})
        return
    header = ("name", "tokenizer", "trunk", "parameters", "groups", "group size", "weights", "licence")
    rows = [
        (
            m["name"],
            m["tokenizer"],
            f"{m['trunk']} {m['width']}x{m['depth']}",
            f"{m['parameters'] / 1e6:.1f} M",
            str(m["num_groups"]),
            str(m["group_size"] or "-"),
            m["source"],
            m["license"] or "-",
        )
        for m in models
    ]
    print_table(header, rows, right=("parameters", "groups", "group size"))
    say("Use one: point-sam segment FILE --index 0 --model tiny")


def _describe(name: str, source: "ModelSource") -> dict[str, Any]:
    from point_sam.model import ModelConfig, PointSAMModel, without_values

    config = ModelConfig.preset(name)
    network = without_values(lambda: PointSAMModel(config))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return {
        "name": name,
        "tokenizer": config.tokenizer,
        "trunk": config.trunk,
        "width": config.width,
        "depth": config.depth,
        "parameters": parameters,
        "num_groups": config.num_groups,
        "group_size": config.group_size,
        "weights": "embedded" if source.embedded else "hub" if source.published else None,
        "source": source.source,
        "license": source.licence,
    }
