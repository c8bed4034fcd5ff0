"""The named ways to run the package that are measured: precisions, and approximations that somebody may choose.

A new approximation is one more entry here: it then has its line in the speed tables, and its agreement with the exact
answer (`EXACT`) and its IoU in the agreement table.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from point_sam import PointSAM

EXACT = "float32, all points"


@dataclass(frozen=True)
class Setting:
    """One way to run the package.

    Attributes:
        about: what it does, in a few words.
        precision: as `PointSAM` takes it.
        max_encoder_points: as `PointSAM.adjust_patch_params` takes it; None leaves what the model came with.
        configure: further changes to the model, before it sees a cloud.
        predict: more arguments of `predict` and `predict_batch`.
        models: names of the models it is measured with in the speed tables; empty: in no speed table.
        agreement: whether it has a line in the agreement table.
    """

    about: str
    precision: str = "auto"
    max_encoder_points: int | None = None
    configure: Callable[[PointSAM], None] | None = None
    predict: Mapping[str, Any] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    agreement: bool = True


SETTINGS: dict[str, Setting] = {
    "auto": Setting("as shipped: bfloat16 where native", models=("tiny", "large")),
    "float32": Setting("as shipped, but float32", "float32", models=("tiny", "large")),
    "all points": Setting(
        "as shipped, but no point is left out of the encoder", max_encoder_points=0, models=("tiny",)
    ),
    EXACT: Setting("what the naive model computes", "float32", max_encoder_points=0, models=("tiny",)),
}


def apply(setting: Setting, model: PointSAM) -> PointSAM:
    """The model, run that way from its next cloud on; its precision is chosen where it is built."""
    if setting.max_encoder_points is not None:
        model.adjust_patch_params(max_encoder_points=setting.max_encoder_points)
    if setting.configure is not None:
        setting.configure(model)
    return model
