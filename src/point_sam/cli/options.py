"""Options that several sub-commands share, with the same words for the same thing.

A panel of `--help` is a dataclass whose fields are made by `option`. A sub-command takes it as one parameter, in whose
place `with_options` puts the fields.
"""

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from functools import wraps
from inspect import Parameter, Signature, get_annotations, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

if TYPE_CHECKING:
    from point_sam import PointSAM


def option(default: Any, *names: str, **about: Any) -> Any:
    """A field of a panel, as `typer.Option` takes it; the default is ... for what must be given."""
    return field(default=default, metadata={"option": typer.Option(*names, **about)})


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command as typer takes it: with the fields of each parameter that is a panel as options in its place."""
    given = signature(command).parameters.values()
    panels: dict[str, Any] = {item.name: item.annotation for item in given if is_dataclass(item.annotation)}

    @wraps(command)
    def run(**values: Any) -> None:
        for name, panel in panels.items():
            values[name] = panel(**{item.name: values.pop(item.name) for item in fields(panel)})
        command(**values)

    options: list[Parameter] = []
    for parameter in given:
        options += _options_of(parameter.annotation) if parameter.name in panels else [parameter]
    run.__signature__ = Signature([one.replace(kind=Parameter.KEYWORD_ONLY) for one in options])  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in options}
    return run


def _options_of(panel: Any) -> Iterator[Parameter]:
    """A panel's own options, then those that it has of others."""
    own = get_annotations(panel)
    for item in sorted(fields(panel), key=lambda item: item.name not in own):
        about = copy(item.metadata["option"])
        about.rich_help_panel = panel.panel
        default = Parameter.empty if item.default is ... else item.default
        yield Parameter(item.name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[item.type, about])


class Precision(str, Enum):
    """What the network's matrix products run in."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Up(str, Enum):
    """The axis of a cloud that points up."""

    Y = "y"
    Z = "z"


class Scales(str, Enum):
    """What a click is looked at in."""

    AUTO = "auto"
    BALLS = "balls"
    WHOLE = "whole"


File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="A cloud: .ply .pcd .xyz .txt .csv .npy .npz ...; or a mesh: .glb .gltf .obj .stl .off, or a .ply "
        "with faces.",
    ),
]
_JSON = "Print one JSON object on stdout instead of text."
Json = Annotated[bool, typer.Option("--json", help=_JSON)]
DropInvalid = Annotated[
    bool,
    typer.Option(
        "--drop-invalid",
        help="Leave out points without finite coordinates, as organised scans have them. Indices and the output then "
        "count the remaining points only.",
    ),
]
Encoded = Annotated[
    Path | None,
    typer.Option(
        "--encoded",
        metavar="EMB|DIR",
        rich_help_panel="Model",
        help="Start from what point-sam encode wrote of FILE: that file, or the folder given to encode -o. Refused "
        "if FILE has changed since, or if model or grouping are others. The grouping is the file's.",
    ),
]
LookAt = Annotated[
    Scales,
    typer.Option(
        "--scales",
        rich_help_panel="Large clouds",
        help="balls: look at each click in balls of several sizes, and rank what they answer. whole: at the cloud as a "
        "whole. auto: balls, but whole where the model is too large to answer in seconds, as large is on a CPU.",
    ),
]
NoSmooth = Annotated[
    bool,
    typer.Option(
        "--no-smooth", rich_help_panel="Meshes", help="Leave each face as its points vote; do not smooth the border."
    ),
]


@dataclass(frozen=True)
class NetworkOptions:
    """How a network is run."""

    panel: ClassVar = "Model"
    num_groups: int | None = option(
        None,
        min=1,
        help="Groups of points that the network sees. More find smaller parts and take longer. By default the "
        "model's own; point-sam info suggests a number.",
    )
    group_size: int | None = option(None, min=1, help="Points in each group. By default the model's own.")
    max_encoder_points: int | None = option(
        None,
        min=0,
        help="Make the groups of a larger cloud from a random choice of so many points; the mask still covers every "
        "point. 0: from all points. By default the model's own: 8192 for tiny, all for the others.",
    )
    device: str | None = option(
        None, metavar="NAME", help="cpu, cuda, cuda:1 or mps. By default cuda where there is a GPU."
    )
    precision: Precision = option(
        Precision.AUTO, help="auto is bfloat16 where the hardware is built for it, else float32."
    )

    def grouping(self) -> dict[str, int | None]:
        """The numbers of a grouping; None leaves the model's own."""
        return {name: getattr(self, name) for name in ("num_groups", "group_size", "max_encoder_points")}


@dataclass(frozen=True)
class ModelOptions(NetworkOptions):
    """Which model to run, and how."""

    model: str = option(
        "tiny",
        metavar="NAME",
        help="tiny (in the package), large (1.2 GB from the Hugging Face hub, once), a hub id user/repo, or a "
        "local file or folder.",
    )
    checkpoint: Path | None = option(
        None,
        metavar="FILE",
        help="Local weights instead, .safetensors, .pt, .pth or .bin; the architecture is read off them.",
    )
    variant: str | None = option(None, metavar="NAME", help="Take the weights for this variant; see point-sam models.")

    @property
    def name(self) -> str:
        """Of the weights."""
        return str(self.checkpoint or self.model)

    def load(self) -> "PointSAM":
        """The model, downloaded if need be."""
        from point_sam import PointSAM

        model = PointSAM.from_pretrained(
            self.model,
            checkpoint_path=self.checkpoint,
            variant=self.variant,
            device=self.device,
            precision=self.precision.value,
        )
        model.adjust_patch_params(**self.grouping())
        return model


@dataclass(frozen=True)
class Sampling:
    """How points are drawn on a mesh."""

    panel: ClassVar = "Meshes"
    samples: int | None = option(
        None, metavar="N", min=1, help="Points drawn on the surface, which the model then sees. By default 32768."
    )
    seed: int | None = option(None, min=0, help="Of drawing them. By default 0.")

    def given(self) -> dict[str, bool]:
        """Which of the options are given."""
        return {f"--{name}": value is not None for name, value in vars(self).items()}

    @property
    def count(self) -> int:
        """How many."""
        from point_sam.mesh.sampling import SAMPLES

        return SAMPLES if self.samples is None else self.samples


@dataclass(frozen=True)
class OutputOptions:
    """What is written; sub-commands say what it holds."""

    panel: ClassVar = "Output"
    out: Path | None = None
    paint: bool = True
    picture: Path | None = None
    up: Up | None = option(
        None, help="The axis that points up in the picture. By default z; y for .glb and .gltf, whose format says so."
    )
    as_json: bool = option(False, "--json", help=_JSON)
