"""One training loop for every method: the transformers Trainer over batches that are planned before the first step."""

import ctypes
import json
import math
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.utils.logging import disable_progress_bar

from app.training.dropout import dropout as dropped
from app.training.errors import TrainingFailed, TrainingStopped
from app.training.optimizer import MuonAdamW, fast_type
from app.training.progress import OnProgress, Progress

disable_progress_bar()  # progress goes to `on_progress` alone

COMPLETE = "complete"  # a checkpoint without this file was cut off while it was written


@dataclass(frozen=True)
class Batch:
    """Tokens of one step. `ids` [B, T]; `weights` [B, T]: what predicting that token counts for, 0 for none; `positions` [B, T]
    begin anew with each document of a packed row, None when each row is one document padded on the right."""

    ids: Tensor
    weights: Tensor
    positions: Tensor | None = None

    def inputs(self) -> dict[str, Tensor]:
        batch = {"input_ids": self.ids.long(), "weights": self.weights}
        return batch if self.positions is None else batch | {"position_ids": self.positions.long()}


class Batches(Protocol):
    """The batches of a training, one a step; made when asked for, always the same."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Batch: ...


@dataclass(frozen=True)
class Schedule:
    """How the optimizer walks: Muon with AdamW, linear warm-up, then cosine to `final` of the peak."""

    learning_rate: float
    warmup: float = 0.05
    final: float = 0.02
    weight_decay: float = 0.1
    clip: float = 1.0
    beta2: float = 0.95


@dataclass(frozen=True)
class Outcome:
    """What came of it: steps done, tokens seen in them, the best validation and its step (None without validation)."""

    steps: int
    tokens: int
    seconds: float
    best: float | None
    best_step: int | None


ShouldStop = Callable[[], bool]
Validate = Callable[[nn.Module], float]


def train(
    model: nn.Module,
    batches: Batches,
    schedule: Schedule,
    work_dir: Path,
    *,
    seed: int = 0,
    dropout: float = 0.0,
    save_every: int = 50,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    validate: Validate | None = None,
    validate_every: int = 0,
    patience: int = 0,
) -> Outcome:
    """Train `model` in place, one step per batch, and leave it with its last weights; `best_weights` gives the best ones.

    Killed at any time and called again with the same arguments, it goes on from the last whole checkpoint in `work_dir` and on
    a CPU ends with the same weights. Raises TrainingFailed on a loss that is not a number, TrainingStopped when asked to stop,
    Unprocessable for `dropout` (see there) of a model that has no place for it.
    """
    watch = _Watch(batches, work_dir, on_progress, should_stop, validate, validate_every, patience)
    arguments = TrainingArguments(
        output_dir=str(work_dir),
        per_device_train_batch_size=1,  # an item of the data set is a whole batch
        max_steps=len(batches),
        train_sampling_strategy="sequential",
        learning_rate=schedule.learning_rate,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": schedule.final},
        warmup_steps=max(1, int(schedule.warmup * len(batches))),
        max_grad_norm=schedule.clip,
        bf16=fast_type() == torch.bfloat16,
        use_cpu=not torch.cuda.is_available(),
        save_steps=save_every,
        save_total_limit=2,
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        seed=seed,
    )
    with torch.random.fork_rng(devices=[]), _kept_memory(), dropped(model, dropout):
        optimizer = MuonAdamW(model, schedule.learning_rate, weight_decay=schedule.weight_decay, betas=(0.9, schedule.beta2))
        trainer = _Trainer(
            model,
            arguments,
            optimizers=(optimizer, None),
            train_dataset=_Items(batches),
            data_collator=lambda items: items[0],
            callbacks=[watch],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.watch = watch
        with warnings.catch_warnings():
            # A checkpoint of an adapter of the embedding holds that layer too; PEFT thinks it worth a warning.
            warnings.filterwarnings("ignore", message="Setting `save_embedding_layers`", category=UserWarning)
            trainer.train(resume_from_checkpoint=last_checkpoint(work_dir))
    if watch.stopped:
        raise TrainingStopped(
            f"training was stopped at step {watch.step} of {len(batches)}; start it again and it goes on from there"
        )
    return Outcome(watch.step, watch.tokens, watch.seconds, watch.best, watch.best_step)


def seconds_per_step(
    model: nn.Module, batches: Batches, schedule: Schedule, scratch: Path, steps: int = 8, *, dropout: float = 0.0
) -> float:
    """How long a step takes here: the median of a few, which move the weights of `model`."""
    marks: list[float] = []
    few = [batches[len(batches) * i // steps] for i in range(steps)]
    shutil.rmtree(scratch, ignore_errors=True)
    train(
        model,
        few,
        schedule,
        scratch,
        dropout=dropout,
        save_every=10**6,
        on_progress=lambda _: marks.append(time.perf_counter()),
    )
    shutil.rmtree(scratch, ignore_errors=True)
    # The first step warms up; the median is not moved by one that was held up.
    return median(later - earlier for earlier, later in pairwise(marks))


@contextmanager
def _kept_memory() -> Iterator[None]:
    """Lets glibc reuse the big buffers of a step; by default each is mapped and zeroed anew, a quarter of the time."""
    libc: Any = ctypes.CDLL(None) if sys.platform == "linux" else None
    if not hasattr(libc, "mallopt"):
        yield
        return
    trim_threshold, mmap_max = -1, -4  # M_TRIM_THRESHOLD, M_MMAP_MAX of malloc.h
    libc.mallopt(mmap_max, 0)
    libc.mallopt(trim_threshold, 2**31 - 1)
    try:
        yield
    finally:
        libc.mallopt(mmap_max, 65536)
        libc.mallopt(trim_threshold, 128 * 1024)
        libc.malloc_trim(0)


def last_checkpoint(work_dir: Path) -> str | None:
    """The newest checkpoint that was written to its end."""
    whole = [path.parent for path in work_dir.glob(f"checkpoint-*/{COMPLETE}")]
    return str(max(whole, key=lambda path: int(path.name.rpartition("-")[2]))) if whole else None


def best_weights(work_dir: Path) -> dict[str, Tensor] | None:
    """The trainable weights of the best validation, None when nothing was validated."""
    path = work_dir / "best.safetensors"
    return load_file(path) if path.exists() else None


class _Items(torch.utils.data.Dataset[dict[str, Tensor]]):
    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return self._batches[index].inputs()


class _Trainer(Trainer):
    """The transformers Trainer with a loss in which each token has its own weight."""

    watch: "_Watch"

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        weights = inputs.pop("weights")[:, 1:]
        targets = inputs["input_ids"][:, 1:]
        # Logits only where a token counts: the vocabulary is the widest matrix of a small model.
        counts = weights > 0
        with output_at(model, counts):
            logits = model(**inputs, use_cache=False).logits
        loss = nn.functional.cross_entropy(logits.float(), targets[counts], reduction="none")
        mean = (loss * weights[counts]).sum() / weights.sum().clamp(min=1e-6)
        self.watch.loss = mean.item()
        if not math.isfinite(self.watch.loss):
            raise TrainingFailed(
                f"the loss became {self.watch.loss} at step {self.state.global_step + 1}; lower the learning rate "
                "(the last good checkpoint is kept)"
            )
        return mean


@contextmanager
def output_at(model: nn.Module, places: Tensor) -> Iterator[None]:
    """The model's logits become [N, vocabulary], those after the N true `places` [B, T - 1]."""
    output: nn.Module = model.get_output_embeddings()  # type: ignore[operator]
    hook = output.register_forward_pre_hook(lambda _, inputs: (inputs[0][:, :-1][places],))
    try:
        yield
    finally:
        hook.remove()


class _Watch(TrainerCallback):
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
        self.best: float | None = None
        self.best_step: int | None = None
        self._validation: float | None = None
        self.began = time.perf_counter()
        self._first, self._seconds_before = 0, 0.0

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.began, self.step, self._first = time.perf_counter(), state.global_step, state.global_step
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
        self.tokens += self._batches[self.step - 1].ids.numel()
        last = self.step == state.max_steps
        if self._validate and (last or (self._validate_every and self.step % self._validate_every == 0)):
            self._judge(now["model"])
            fruitless = (self.step - (self.best_step or 0)) // max(1, self._validate_every)
            control.should_training_stop = 0 < self._patience <= fruitless
            last = last or control.should_training_stop
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
        if self._should_stop and self._should_stop() and not last:
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
            weights = {
                name: value.detach().cpu().contiguous() for name, value in model.named_parameters() if value.requires_grad
            }
            save_file(weights, self._work_dir / "best.part")
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
        folder = self._work_dir / f"checkpoint-{state.global_step}"
        (folder / "complete.part").write_text(json.dumps({"tokens": self.tokens, "seconds": self.seconds}))
        (folder / "complete.part").replace(folder / COMPLETE)

    @property
    def seconds(self) -> float:
        """Wall clock of the training, the legs before a kill included as far as they were saved."""
        return self._seconds_before + time.perf_counter() - self.began
