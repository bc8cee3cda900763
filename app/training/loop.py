"""One training loop for every method: the transformers Trainer over batches that are planned before the first step."""

import ctypes
import json
import math
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import PrinterCallback, Trainer, TrainingArguments
from transformers.utils.logging import disable_progress_bar

from app.training import ranks
from app.training.batch import Batches
from app.training.dropout import dropout as dropped
from app.training.errors import TrainingFailed, TrainingStopped
from app.training.optimizer import MuonAdamW, fast_type
from app.training.progress import OnProgress
from app.training.watch import COMPLETE, ShouldStop, Validate, Watch

disable_progress_bar()  # progress goes to `on_progress` alone


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

    In one of several processes (see processes.py) a step is a batch of each, and its loss is the mean over the tokens of all.

    Killed at any time and called again with the same arguments, it goes on from the last whole checkpoint in `work_dir` and on
    a CPU ends with the same weights. Raises TrainingFailed on a loss that is not a number, TrainingStopped when asked to stop,
    Unprocessable for `dropout` (see there) of a model that has no place for it.
    """
    steps = _ended_at(work_dir) or ranks.steps_of(len(batches), ranks.count())
    watch = Watch(batches, work_dir, on_progress, should_stop, validate, validate_every, patience)
    experts = any("expert" in name for name, _ in model.named_parameters())
    arguments = _arguments(steps, schedule, work_dir, seed, save_every, experts)
    with torch.random.fork_rng(devices=[]), _kept_memory(), dropped(model, dropout):
        optimizer = MuonAdamW(model, schedule.learning_rate, weight_decay=schedule.weight_decay, betas=(0.9, schedule.beta2))
        trainer = _Trainer(
            model,
            arguments,
            optimizers=(optimizer, None),
            train_dataset=_Items(batches, steps),
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
        raise TrainingStopped(f"training was stopped at step {watch.step} of {steps}; start it again and it goes on from there")
    return Outcome(watch.step, watch.tokens, watch.seconds, watch.best, watch.best_step)


def _arguments(steps: int, schedule: Schedule, work_dir: Path, seed: int, save_every: int, experts: bool) -> TrainingArguments:
    arguments = TrainingArguments(
        output_dir=str(work_dir),
        per_device_train_batch_size=1,  # an item of the data set is a whole batch
        max_steps=steps,
        train_sampling_strategy="sequential",
        learning_rate=schedule.learning_rate,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": schedule.final},
        warmup_steps=max(1, int(schedule.warmup * steps)),
        max_grad_norm=schedule.clip,
        bf16=fast_type() == torch.bfloat16,
        use_cpu=not torch.cuda.is_available(),
        ddp_find_unused_parameters=experts,  # an expert that no token of this process chose has no gradient here
        save_steps=save_every,
        save_total_limit=2,
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        seed=seed,
    )
    # Of several GPUs one process uses the first: spread by nn.DataParallel, a step would take a batch for each and keep one.
    arguments._n_gpu = min(1, arguments.n_gpu)
    return arguments


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


def _ended_at(work_dir: Path) -> int | None:
    """The step at which validation ended the training before its time, None where it did not."""
    folder = last_checkpoint(work_dir)
    if folder is None or not json.loads((Path(folder) / COMPLETE).read_text()).get("ended"):
        return None
    return int(folder.rpartition("-")[2])


def best_weights(work_dir: Path) -> dict[str, Tensor] | None:
    """The trainable weights of the best validation, None when nothing was validated."""
    path = work_dir / "best.safetensors"
    return load_file(path) if path.exists() else None


class _Items(torch.utils.data.Dataset[dict[str, Tensor]]):
    """As many items as all processes take together; the ones that fill the last step weigh nothing."""

    def __init__(self, batches: Batches, steps: int) -> None:
        self._batches, self._steps = batches, steps

    def __len__(self) -> int:
        return self._steps * ranks.count()

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        if index < len(self._batches):
            return self._batches[index].inputs()
        inputs = self._batches[0].inputs()
        return inputs | {"weights": torch.zeros_like(inputs["weights"])}


class _Trainer(Trainer):
    """The transformers Trainer with a loss in which each token has its own weight."""

    watch: Watch

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        weights = inputs.pop("weights")[:, 1:]
        targets = inputs["input_ids"][:, 1:]
        # Logits only where a token counts: the vocabulary is the widest matrix of a small model.
        counts = weights > 0
        with output_at(self.model, counts):
            logits = model(**inputs, use_cache=False).logits
        loss = nn.functional.cross_entropy(logits.float(), targets[counts], reduction="none")
        total = (loss * weights[counts]).sum()
        totals = ranks.summed(torch.stack([total.detach(), weights.sum()]))
        weight = totals[1].clamp(min=1e-6)
        self.watch.loss = (totals[0] / weight).item()
        if not math.isfinite(self.watch.loss):
            raise TrainingFailed(
                f"the loss became {self.watch.loss} at step {self.state.global_step + 1}; lower the learning rate "
                "(the last good checkpoint is kept)"
            )
        return total * ranks.count() / weight  # times their count, as gradients become the mean over processes


@contextmanager
def output_at(model: nn.Module, places: Tensor) -> Iterator[None]:
    """The model's logits become [N, vocabulary], those after the N true `places` [B, T - 1]."""
    output: nn.Module = model.get_output_embeddings()  # type: ignore[operator]
    hook = output.register_forward_pre_hook(lambda _, inputs: (inputs[0][:, :-1][places],))
    try:
        yield
    finally:
        hook.remove()
