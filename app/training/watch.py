"""Looks after a training's loop: tells the progress, validates, keeps the best weights, marks checkpoints whole, ends it."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from app.training import ranks
from app.training.batch import Batches
from app.training.errors import TrainingFailed
from app.training.progress import OnProgress, Progress

COMPLETE = "complete"  # a checkpoint without this file was cut off while it was written

ShouldStop = Callable[[], bool]
Validate = Callable[[nn.Module], float]


def trained_weights(model: nn.Module) -> dict[str, Tensor]:
    """Those that training moves, on the processor."""
    return {name: value.detach().cpu().contiguous() for name, value in model.named_parameters() if value.requires_grad}


class Watch(TrainerCallback):
    """Tells the progress, validates, keeps the best weights, marks checkpoints whole, and ends the loop when asked."""

    def __init__(
        self,
        batches: Batches,
        work_dir: Path,
        on_progress: OnProgress | None,
        should_stop: ShouldStop | None,
        validate: Validate | None,
        validate_every: int,
        patience: int,
    ) -> None:
        self._batches, self._work_dir = batches, work_dir
        self._on_progress, self._should_stop = on_progress, should_stop
        self._validate, self._validate_every, self._patience = validate, validate_every, patience
        self.loss, self.step, self.tokens, self.stopped = 0.0, 0, 0, False
        self._ended = False  # by validation, before all steps are done
        self.best: float | None = None
        self.best_step: int | None = None
        self._validation: float | None = None
        self.began = time.perf_counter()
        self._first, self._seconds_before = 0, 0.0

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.began, self.step, self._first = time.perf_counter(), state.global_step, state.global_step
        if not ranks.first():
            torch.manual_seed(args.seed + ranks.number())  # dropout of its own; a checkpoint's random numbers go before
        if self.step:
            record = json.loads((self._work_dir / f"checkpoint-{self.step}" / COMPLETE).read_text())
            self.tokens, self._seconds_before = record["tokens"], record["seconds"]
        self._tokens_before = self.tokens
        path = self._work_dir / "best.json"
        if path.exists():
            record = json.loads(path.read_text())
            self.best, self.best_step = record["best"], record["step"]

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **now: Any) -> None:
        self.step, done = state.global_step, state.global_step - self._first
        self.tokens += sum(self._batches[i].ids.numel() for i in ranks.batches_of(self.step, len(self._batches)))
        last = self.step == state.max_steps
        if self._validate and (last or (self._validate_every and self.step % self._validate_every == 0)):
            if ranks.first():
                self._judge(now["model"])
            self.best, self.best_step = ranks.told((self.best, self.best_step))
            fruitless = (self.step - (self.best_step or 0)) // max(1, self._validate_every)
            self._ended = control.should_training_stop = 0 < self._patience <= fruitless
            last = last or self._ended
        if self._on_progress:
            elapsed = time.perf_counter() - self.began
            rate = now["lr_scheduler"].get_last_lr()[0]
            left = elapsed / done * (state.max_steps - self.step)
            self._on_progress(
                Progress(
                    self.step,
                    state.max_steps,
                    self.loss,
                    rate,
                    (self.tokens - self._tokens_before) / elapsed,
                    left,
                    self._validation,
                )
            )
        # The first process alone is asked to stop; were each to look for itself, they would end at different steps.
        if ranks.told(bool(self._should_stop and self._should_stop())) and not last:
            self.stopped = control.should_training_stop = True
        control.should_save = control.should_save or last or self.stopped

    def _judge(self, model: nn.Module) -> None:
        """Validate; the best weights so far are moved into place whole, the record of them last."""
        assert self._validate is not None
        model.eval()
        self._validation = self._validate(model)
        model.train()
        if self.best is None or self._validation > self.best:
            self.best, self.best_step = self._validation, self.step
            save_file(trained_weights(model), self._work_dir / "best.part")
            (self._work_dir / "best.part").replace(self._work_dir / "best.safetensors")
            record = self._work_dir / "best.json.part"
            record.write_text(json.dumps({"best": self.best, "step": self.best_step}))
            record.replace(self._work_dir / "best.json")

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **now: Any) -> None:
        # A loss may be a number and the step after it none: such weights are never what a training goes on from.
        if not all(bool(weight.isfinite().all()) for weight in now["model"].parameters() if weight.requires_grad):
            raise TrainingFailed(
                f"the weights became no numbers by step {state.global_step}; lower the learning rate "
                "(the last good checkpoint is kept)"
            )
        ranks.wait_for_all()  # each has written its random numbers
        if not ranks.first():
            return
        folder = self._work_dir / f"checkpoint-{state.global_step}"
        record = {"tokens": self.tokens, "seconds": self.seconds, "ended": self._ended}
        (folder / "complete.part").write_text(json.dumps(record))
        (folder / "complete.part").replace(folder / COMPLETE)

    @property
    def seconds(self) -> float:
        """Wall clock of the training, the legs before a kill included as far as they were saved."""
        return self._seconds_before + time.perf_counter() - self.began
