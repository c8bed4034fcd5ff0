"""Options that several sub-commands share, with the same words for the same thing."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from point_sam import PointSAM


class Precision(str, Enum):
    """What the network's matrix products run in."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Up(str, Enum):
    """The axis of a cloud that points up."""

    Y = "y"
    Z = "z"


_MODEL = "Model"

Model = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        rich_help_panel=_MODEL,
        help="tiny (in the package), large (1.2 GB from the Hugging Face hub, once), a hub id user/repo, or a local "
        "file or folder.",
    ),
]
Checkpoint = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        rich_help_panel=_MODEL,
        help="Local weights instead, .safetensors, .pt, .pth or .bin; the architecture is read off them.",
    ),
]
Variant = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", rich_help_panel=_MODEL, help="Take the weights for this variant; see point-sam models."
    ),
]
NumGroups = Annotated[
    int | None,
    typer.Option(
        min=1,
        rich_help_panel=_MODEL,
        help="Groups of points that the network sees. More find smaller parts and take longer. By default the "
        "model's own; point-sam info suggests a number.",
    ),
]
GroupSize = Annotated[
    int | None,
    typer.Option(min=1, rich_help_panel=_MODEL, help="Points in each group. By default the model's own."),
]
MaxEncoderPoints = Annotated[
    int | None,
    typer.Option(
        min=0,
        rich_help_panel=_MODEL,
        help="Make the groups of a larger cloud from a random choice of so many points; the mask still covers every "
        "point. 0: from all points. By default the model's own: 8192 for tiny, all for the others.",
    ),
]
MaskGroupSize = Annotated[
    int | None,
    typer.Option(
        min=0,
        rich_help_panel=_MODEL,
        help="Faster later clicks of large models: read the mask before at so many points of each group. 0: at all.",
        show_default="0",
    ),
]
MaxDecoderPoints = Annotated[
    int | None,
    typer.Option(
        min=0,
        rich_help_panel=_MODEL,
        help="Faster clicks on millions of points: answer once for each cell of a grid of at most so many cells. "
        "0: for each point.",
        show_default="0",
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", rich_help_panel=_MODEL, help="cpu, cuda, cuda:1 or mps. By default cuda where there is a GPU."
    ),
]
PrecisionOption = Annotated[
    Precision,
    typer.Option(rich_help_panel=_MODEL, help="auto is bfloat16 where the hardware is built for it, else float32."),
]
Encoded = Annotated[
    Path | None,
    typer.Option(
        "--encoded",
        metavar="EMB|DIR",
        show_default=False,
        rich_help_panel=_MODEL,
        help="Start from what point-sam encode wrote of FILE: that file, or the folder given to encode -o. Refused "
        "if FILE has changed since, or if model or grouping are others. The grouping is the file's.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout instead of text.")]
DropInvalid = Annotated[
    bool,
    typer.Option(
        "--drop-invalid",
        help="Leave out points without finite coordinates, as organised scans have them. Indices and the output then "
        "count the remaining points only.",
    ),
]


@dataclass(frozen=True)
class ModelOptions:
    """Which model to run, and how; the options above."""

    model: str = "tiny"
    checkpoint: Path | None = None
    variant: str | None = None
    num_groups: int | None = None
    group_size: int | None = None
    max_encoder_points: int | None = None
    device: str | None = None
    precision: Precision = Precision.AUTO
    mask_group_size: int | None = None
    max_decoder_points: int | None = None

    def load(self) -> "PointSAM":
        """The model, downloaded if need be.

        Raises:
            ValueError, FileNotFoundError: as `PointSAM.from_pretrained`, `PointSAM.adjust_patch_params` and
                `PointSAM.adjust_click_params`.
        """
        from point_sam import PointSAM

        model = PointSAM.from_pretrained(
            self.model,
            checkpoint_path=self.checkpoint,
            variant=self.variant,
            device=self.device,
            precision=self.precision.value,
        )
        model.adjust_patch_params(self.num_groups, self.group_size, self.max_encoder_points)
        model.adjust_click_params(self.mask_group_size, self.max_decoder_points)
        return model
