"""`point-sam train`: train or fine-tune a model on labelled clouds."""

import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from point_sam.cli import options as shared
from point_sam.cli.console import print_json, remark, say
from point_sam.cli.failures import INTERRUPTED

if TYPE_CHECKING:
    from point_sam.training.config import TrainConfig
    from point_sam.training.trainer import Outcome

EPILOG = (
    "Examples:\n\n  point-sam train --data shelves --model tiny --freeze encoder --out run\n\n"
    "  point-sam train --resume --out run\n\n"
    "  point-sam train --print-config > train.toml && point-sam train --config train.toml --data shelves\n\n"
    "  torchrun --nproc-per-node 2 -m point_sam train --data shelves --out run"
)


class Freeze(str, Enum):
    """What keeps its weights."""

    NONE = "none"
    ENCODER = "encoder"
    ALL_BUT_DECODER = "all_but_decoder"


class MixedPrecision(str, Enum):
    """What matrix products run in while training."""

    AUTO = "auto"
    BF16 = "bf16"
    NO = "no"


@dataclass(frozen=True)
class SettingOptions:
    """Settings that come before those of the file; None leaves them."""

    panel: ClassVar = "Settings (the file holds all of them)"
    model: str | None = shared.option(
        None,
        metavar="NAME",
        help="Where to start: tiny, large, a hub id, a local file or folder; with --scratch any preset.",
    )
    scratch: bool | None = shared.option(None, "--scratch", help="Start from new weights of that architecture.")
    layout: str | None = shared.option(None, metavar="NAME", help="How the data lie on disk; auto recognises it.")
    freeze: Freeze | None = shared.option(None, help="What keeps its weights.")
    steps: int | None = shared.option(None, min=1, help="Steps of the whole run.")
    batch_size: int | None = shared.option(None, min=1, help="Clouds per step, of all processes together.")
    accumulate: int | None = shared.option(None, min=1, help="Work on them in so many pieces: less memory.")
    lr: float | None = shared.option(None, "--lr", help="Highest learning rate.")
    validate_every: int | None = shared.option(None, min=0, help="Steps between validations; 0: none.")
    workers: int | None = shared.option(None, min=0, help="Background processes that prepare clouds.")
    precision: MixedPrecision | None = shared.option(None, help="Of matrix products.")
    seed: int | None = shared.option(None, min=0, help="Of every random choice.")

    def changes(self) -> dict[str, Any]:
        """By their names in the file."""
        inside = {"batch_size": "stages.clouds", "lr": "optimizer.learning_rate", "validate_every": "validation.every"}
        return {
            inside.get(name, name): value.value if isinstance(value, Enum) else value
            for name, value in vars(self).items()
        }


def command(
    *,
    data: Annotated[
        str | None, typer.Option(metavar="DIR", help="Labelled clouds: a folder, or a file of objects.")
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="RUN", help="Folder of the run, made if need be.")] = Path(
        "run"
    ),
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Settings as TOML; the options below come before it. With --resume: the run's own."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the latest checkpoint in RUN.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check data, model and settings, tell what would be done, write nothing.")
    ] = False,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print the settings as commented TOML, and exit.")
    ] = False,
    changed: SettingOptions,
    device: Annotated[
        str | None, typer.Option(metavar="NAME", help="cpu: stay off the GPU. By default one GPU for each process.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only what went wrong.")] = False,
    as_json: shared.Json = False,
) -> None:
    """Train or fine-tune a model on labelled clouds.

    RUN gets the settings (config.toml), a log (log.jsonl), TensorBoard events, checkpoints, and the models best and
    final, either of which any --model takes. Ctrl-C writes a checkpoint and stops; --resume goes on as if nothing had
    happened.
    """
    settings = _settings(config, out, {"data": data, **changed.changes()}, resume=resume)
    if print_config:
        from point_sam.training.config import write_config

        typer.echo(write_config(settings), nl=False)
        return
    if dry_run:
        about = _describe(settings, device)
        if not _is_first():
            return
        if as_json:
            print_json(about)
        else:
            for name, value in about.items():
                say(f"{name.replace('_', ' '):<19} {value}")
        return

    from point_sam.training.progress import choose_reporter
    from point_sam.training.trainer import train

    outcome = train(settings, out, resume=resume, device=device, reporter=choose_reporter(quiet=quiet))
    if _is_first():
        _tell(outcome, settings, as_json=as_json)
    if not outcome.finished:
        raise typer.Exit(INTERRUPTED)


def _is_first() -> bool:
    """Whether this is the process that tells, of those that a launcher started."""
    return os.environ.get("RANK", "0") == "0"


def _settings(config: Path | None, out: Path, changes: dict[str, Any], *, resume: bool) -> "TrainConfig":
    from point_sam.training.config import TrainConfig, read_config
    from point_sam.training.settings import with_values

    if config is None and resume:
        config = out / "config.toml"
        if not config.is_file():
            raise FileNotFoundError(f"{out}: holds no run to resume (no config.toml)")
    settings = TrainConfig() if config is None else read_config(config)
    return with_values(settings, {name: value for name, value in changes.items() if value is not None})


def _describe(settings: "TrainConfig", device: str | None) -> dict[str, Any]:
    from point_sam.training.model import make_model
    from point_sam.training.plan import make_plan
    from point_sam.training.processes import start_processes

    accelerator = start_processes(device)
    plan = make_plan(settings, processes=accelerator.num_processes, device=accelerator.device)
    trainee = make_model(settings, accelerator.device)
    count = {flag: sum(p.numel() for p in trainee.parameters() if p.requires_grad >= flag) for flag in (False, True)}
    return {
        "training_data": f"{settings.data}: {plan.data}",
        "validation": f"{len(plan.samples)} clouds, {sum(len(sample.masks) for sample in plan.samples)} masks"
        if plan.samples
        else "none",
        "skipped": len(plan.skipped),
        "model": f"{settings.model}, {'new weights' if settings.scratch else 'trained weights'}",
        "parameters": count[False],
        "learning_parameters": count[True],
        "processes": accelerator.num_processes,
        "device": str(accelerator.device),
        "precision": plan.precision,
        "steps": settings.steps,
        "stages": "; ".join(
            f"{stage.clouds} clouds x {stage.masks} masks x {stage.rounds} rounds, sizes {[list(s) for s in sizes]}"
            for stage, sizes in zip(settings.stages, plan.sizes, strict=True)
        ),
    }


def _tell(outcome: "Outcome", settings: "TrainConfig", *, as_json: bool) -> None:
    folder = outcome.folder
    if as_json:
        print_json(
            {
                "run": str(folder.path),
                "finished": outcome.finished,
                "step": outcome.step,
                "steps": settings.steps,
                "first_iou": outcome.first_iou,
                "last_iou": outcome.last_iou,
                "best_step": outcome.best_step or None,
                "final": str(folder.final) if outcome.finished else None,
                "best": str(folder.best) if outcome.best_step else None,
            }
        )
    if not outcome.finished:
        remark(
            f"stopped after step {outcome.step} of {settings.steps}; "
            f"go on with: point-sam train --resume --out {folder.path}"
        )
        return
    if as_json:
        return
    for when, iou in (("before", outcome.first_iou), ("after", outcome.last_iou)):
        if iou is not None:
            say(f"validation IoU {when:<6} {' '.join(f'{value:.3f}' for value in iou)}  (1..{len(iou)} clicks)")
    if outcome.best_step:
        say(f"best:  {folder.best} (of step {outcome.best_step})")
    say(f"final: {folder.final} (of step {outcome.step})")
    say(f"Use it: point-sam segment FILE --index 0 --model {folder.final}")
