"""The named ways to run the package that are measured: precisions, and approximations that somebody may choose.

A new approximation is one more entry here: it then has its line in the speed tables, and its agreement with the exact
answer (`EXACT`) and its IoU in the agreement table.
"""

from collections.abc import Callable
from dataclasses import dataclass

from point_sam import PointSAM

EXACT = "float32, all points"
SHIPPED = "auto"


@dataclass(frozen=True)
class Setting:
    """One way to run the package.

    Attributes:
        about: what it does, in a few words.
        precision: as `PointSAM` takes it.
        max_encoder_points: as `PointSAM.adjust_patch_params` takes it; None leaves what the model came with.
        compile: as `PointSAM` takes it.
        configure: further changes to the model, before it sees a cloud.
        models: names of the models it is measured with in the speed tables; empty: in no speed table.
        from_points: sizes from which it is there.
        agreement: whether it has a line in the agreement table.
        optional: only measured for speed where `--settings` names it.
    """

    about: str
    precision: str = "auto"
    max_encoder_points: int | None = None
    compile: bool = False
    configure: Callable[[PointSAM], None] | None = None
    models: tuple[str, ...] = ()
    from_points: int = 0
    agreement: bool = True
    optional: bool = False


SETTINGS: dict[str, Setting] = {
    SHIPPED: Setting("as shipped: bfloat16 where native", models=("tiny", "large")),
    "float32": Setting("as shipped, but float32", "float32", models=("tiny", "large")),
    "all points": Setting(
        "as shipped, but no point is left out of the encoder", max_encoder_points=0, models=("tiny",)
    ),
    EXACT: Setting("what the naive model computes", "float32", max_encoder_points=0, models=("tiny",)),
    "masks read at 8 points": Setting(
        "later clicks read the mask before at 8 points of each group",
        configure=lambda model: model.adjust_click_params(mask_group_size=8),
    ),
    "masks read at 32 points": Setting(
        "later clicks read the mask before at 32 points of each group",
        configure=lambda model: model.adjust_click_params(mask_group_size=32),
        models=("large",),
        agreement=False,  # tiny's groups have 16
    ),
    "answers at 25k points": Setting(
        "clicks are answered at 25,000 points, which others take over",
        configure=lambda model: model.adjust_click_params(max_decoder_points=25_000),
    ),
    "answers at 250k points": Setting(
        "clicks are answered at 250,000 points, which others take over",
        configure=lambda model: model.adjust_click_params(max_decoder_points=250_000),
        models=("tiny", "large"),
        from_points=1_000_000,
        agreement=False,  # no object there has so many points
    ),
    "compiled": Setting("by torch.compile", compile=True, models=("tiny", "large"), agreement=False, optional=True),
}


def apply(setting: Setting, model: PointSAM) -> PointSAM:
    """The model, run that way from its next cloud on; precision and compile are chosen where it is built."""
    if setting.max_encoder_points is not None:
        model.adjust_patch_params(max_encoder_points=setting.max_encoder_points)
    if setting.configure is not None:
        setting.configure(model)
    return model
