"""Training: the loop around `run_rounds`.

What a step trains on is decided by the seed and the step's number alone, see `data`; all else that a step depends on
is in the checkpoints. A resumed run therefore continues as if never interrupted, and a run shared among processes is
the same run, up to the order in which float32 numbers are added.
"""

import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from point_sam.checkpoints import save_model
from point_sam.datasets import LabeledDataset
from point_sam.training.checkpointing import (
    TrainState,
    check_resumable,
    prune,
    read_checkpoint,
    restore,
    save_checkpoint,
    sweep,
)
from point_sam.training.config import TrainConfig
from point_sam.training.data import Batch, Skipped, Steps, TrainingError, rounds_generator
from point_sam.training.model import average_of, follow, make_model, make_spaces
from point_sam.training.optimizer import learning_rate, make_optimizer
from point_sam.training.plan import Plan, make_plan
from point_sam.training.processes import Interruption, Processes, gather, start_processes, sum_gradients
from point_sam.training.progress import Quiet, Reporter, StepFigures
from point_sam.training.runfolder import RunFolder, RunLog, check_tensorboard
from point_sam.training.step import run_rounds
from point_sam.training.validation import validate

# So many steps without a finite gradient in a row are no accident.
_MOST_BAD_STEPS = 10
# Draws before their failures are held against a half.
_FEW_DRAWS = 40
# Names of unusable clouds that are shown; all are in the log.
_SHOWN = 5


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        folder: of the run.
        step: steps done.
        finished: False where it was interrupted; then a checkpoint of `step` is there to resume from.
        first_iou: mean IoU after each click before the first step; None in a resumed run or without validation.
        last_iou: the same of the last validation.
        best_step: step of the best validation, 0 where there was none.
    """

    folder: RunFolder
    step: int
    finished: bool
    first_iou: list[float] | None
    last_iou: list[float] | None
    best_step: int


def train(
    config: TrainConfig,
    out: str | Path,
    *,
    dataset: LabeledDataset | None = None,
    resume: bool = False,
    device: str | None = None,
    reporter: Reporter | None = None,
) -> Outcome:
    """Run `config` in the folder `out`, in as many processes as the launcher started.

    Args:
        config: of the run.
        out: folder, made if need be; one run in it.
        dataset: in place of opening `config.data`; the same in every process.
        resume: go on from the latest checkpoint in `out`.
        device: "cpu" stays off the GPUs.
        reporter: who is told; None tells nobody but stderr, and only what went wrong.

    Raises:
        FileNotFoundError, FileExistsError: data, model or checkpoints are not there, or another run is.
        ValueError: the settings do not fit the data, the model or the run to resume; `TrainingError`, a kind of it:
            the run cannot go on.
        OSError: a checkpoint cannot be written.
        ImportError: the extra `train` is not installed.
    """
    folder = RunFolder(out)
    latest = folder.check(resume=resume)
    processes = start_processes(device)
    if config.output.tensorboard:
        check_tensorboard()
    with processes.main_process_first():  # one download, not one for each process
        plan = make_plan(config, dataset=dataset, processes=processes.num_processes, device=processes.device)
        model = make_model(config, processes.device)
    average = average_of(model) if config.ema_decay else None
    spaces = make_spaces(config, processes.device)
    state = TrainState(model, average, make_optimizer(model, config, spaces), spaces)
    if latest is not None:
        _go_on(latest, plan, state)
    if not processes.is_main_process:
        reporter = Reporter()
    run = _Run(plan, state, folder, processes, reporter or Quiet())
    processes.wait_for_everyone()  # every process has looked at the folder before it is written to
    if processes.is_main_process:
        folder.begin(config)
        sweep(folder.checkpoints)
    return run.go()


def _go_on(checkpoint: Path, plan: Plan, state: TrainState) -> None:
    content = read_checkpoint(checkpoint)
    check_resumable(checkpoint, content, plan.config, plan.data)
    if content["architecture"] != plan.architecture:
        raise ValueError(f"{checkpoint}: is of another architecture than the model {plan.config.model!r}")
    restore(content, state)


class _Run:
    """One run, from `state` to its end."""

    def __init__(
        self, plan: Plan, state: TrainState, folder: RunFolder, processes: Processes, reporter: Reporter
    ) -> None:
        self.plan, self.config, self.state = plan, plan.config, state
        self.folder, self.processes, self.reporter = folder, processes, reporter
        rank, world = processes.process_index, processes.num_processes
        self.steps = Steps(plan.config, plan.source, plan.sizes, rank, world)
        self.learning = [p for group in state.optimizer.param_groups for p in group["params"]]
        self.named: set[str] = set()
        self.log: RunLog | None = None
        self.first_iou: list[float] | None = None
        self.last_iou: list[float] | None = None

    def go(self) -> Outcome:
        config, counts = self.config, self.state.counts
        if self.processes.is_main_process:
            self.log = RunLog(self.folder, step=counts.step, tensorboard=config.output.tensorboard)
        try:
            with Interruption() as interruption:
                self._note_skipped(list(self.plan.skipped))
                self.reporter.begin(counts.step, config.steps)
                if counts.step == 0 and self.plan.samples:
                    self._validate()
                began = time.monotonic()
                for batch in self.steps.load(counts.step):
                    interrupted = self._step(batch.to(self.processes.device), began, interruption)
                    self._after_step(last=interrupted or counts.step == config.steps)
                    if interrupted:
                        break
                    began = time.monotonic()
                finished = counts.step >= config.steps
                if finished and self.processes.is_main_process:
                    save_model(self.state.result, self.folder.final)
                self.processes.wait_for_everyone()
        finally:
            self.reporter.end()
            if self.log is not None:
                self.log.close()
        return Outcome(self.folder, counts.step, finished, self.first_iou, self.last_iou, counts.best_step)

    def _step(self, batch: Batch, began: float, interruption: Interruption) -> bool:
        """Train on one batch, waited for since `began`; whether any process was asked to stop."""
        waited = time.monotonic() - began
        config, state, counts = self.config, self.state, self.state.counts
        stage, rate = config.stage(counts.step), learning_rate(config, counts.step)
        num_points, grouping = self.steps.size(counts.step)
        state.optimizer.zero_grad()
        means = torch.zeros(2 * stage.rounds + 1, device=self.processes.device)
        for piece in batch.pieces(config.accumulate):
            weight = len(piece.coords) / stage.clouds
            try:
                result = run_rounds(
                    state.model,
                    piece,
                    rounds_generator(config.seed, counts.step),
                    grouping=grouping,
                    stage=stage,
                    precision=self.plan.precision,
                    spaces=state.spaces,
                    weight=weight,
                )
            except torch.OutOfMemoryError as err:
                raise TrainingError(
                    f"out of memory with {len(piece.coords)} clouds of {num_points} points; raise accumulate, or "
                    f"lower clouds, masks or sizes"
                ) from err
            means += weight * torch.cat([result.loss, result.iou, result.affinity[None]])
        draws = len(batch.coords) + len(batch.skipped)
        told = torch.tensor([draws, len(batch.skipped), interruption.requested], device=means.device)
        sums = sum_gradients(self.processes, self.learning, torch.cat([means, told]))
        norm = torch.nn.utils.clip_grad_norm_(self.learning, config.optimizer.clip_norm)
        # The one time in a step that the device is waited for.
        *figures, norm, draws, skipped, stop = torch.cat([sums[:-3], norm[None], sums[-3:]]).tolist()
        self._update(rate, all(map(math.isfinite, (*figures, norm))))
        counts.step += 1
        counts.draws += int(draws)
        counts.skipped += int(skipped)
        if skipped:
            self._note_skipped(gather(self.processes, list(batch.skipped)))
        done = StepFigures(
            step=counts.step,
            loss=figures[: stage.rounds],
            iou=figures[stage.rounds : -1],
            affinity=figures[-1] if stage.affinity else None,
            norm=norm,
            learning_rate=rate,
            points=num_points,
            seconds=time.monotonic() - began,
            wait_seconds=waited,
            skipped=counts.skipped,
            bad_steps=counts.bad_steps,
        )
        self.reporter.step(done)
        if self.log is not None:
            self.log.write(done.step, "train", {name: value for name, value in vars(done).items() if name != "step"})
        self._give_up_if_hopeless()
        return stop > 0

    def _update(self, rate: float, finite: bool) -> None:
        """Change the weights, or leave them where the step would spoil them."""
        state, counts = self.state, self.state.counts
        if not finite:
            counts.bad_steps += 1
            counts.bad_in_a_row += 1
            return
        counts.bad_in_a_row = 0
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        state.optimizer.step()
        if state.average is not None:
            follow(state.average, state.model, decay=self.config.ema_decay, step=counts.step)

    def _give_up_if_hopeless(self) -> None:
        counts = self.state.counts
        latest = self.folder.latest()
        kept = f"the last checkpoint is {latest}" if latest else "no checkpoint was written yet"
        if counts.bad_in_a_row >= _MOST_BAD_STEPS:
            raise TrainingError(
                f"the loss or its gradient was not finite in {_MOST_BAD_STEPS} steps in a row, up to step "
                f"{counts.step}; {kept}. Lower optimizer.learning_rate, or set precision = 'no'"
            )
        if counts.draws >= _FEW_DRAWS and counts.skipped > counts.draws / 2:
            names = ", ".join(sorted(self.named)[:_SHOWN])
            raise TrainingError(
                f"{counts.skipped} of {counts.draws} clouds drawn could not be used, among them {names}; "
                f"{self.folder.log} says why, and point-sam data check finds all; {kept}"
            )

    def _note_skipped(self, skipped: list[Skipped]) -> None:
        if self.log is None or not skipped:
            return
        self.log.write(self.state.counts.step, "skipped", {"clouds": [list(each) for each in skipped]})
        for name, reason in skipped:
            if name not in self.named:
                self.named.add(name)
                if len(self.named) <= _SHOWN:
                    self.reporter.remark(f"skipped {name}: {reason}")
                elif len(self.named) == _SHOWN + 1:
                    self.reporter.remark(f"more clouds are skipped; {self.folder.log} names them")

    def _after_step(self, *, last: bool) -> None:
        """Validate and write what it is time for."""
        config, counts = self.config, self.state.counts
        due = last or counts.step % config.output.checkpoint_every == 0
        if self.plan.samples and (counts.step % config.validation.every == 0 or counts.step == config.steps):
            due |= self._validate()
        if due and self.processes.is_main_process:
            save_checkpoint(self.folder.checkpoints, config, self.plan.data, self.state)
            prune(self.folder.checkpoints, keep=config.output.keep, best=counts.best_step)

    def _validate(self) -> bool:
        """Validate, and keep the best: that of the highest mean over the clicks after the start; whether this is it."""
        counts = self.state.counts
        report = validate(
            self.state.result,
            self.plan.samples,
            self.processes,
            clicks=self.config.validation.clicks,
            precision=self.plan.precision,
        )
        mean = sum(report.iou_at) / len(report.iou_at)
        best = counts.step > 0 and mean > counts.best_iou
        self.reporter.validated(counts.step, report.iou_at, best=best)
        if self.log is not None:
            correlation = report.score_correlation
            values = {"iou": report.iou_at, "objects": len(report.objects), "masks": report.num_masks}
            self.log.write(counts.step, "validation", {**values, "score_correlation": correlation})
        if counts.step == 0:
            self.first_iou = report.iou_at
        else:
            self.last_iou = report.iou_at
        if best:
            counts.best_iou, counts.best_step = mean, counts.step
            if self.processes.is_main_process:
                save_model(self.state.result, self.folder.best)
        return best
