"""What a task is learned on top of: the base as it is, or weights that first learn the language of the domain."""

import json
import shutil
from collections.abc import Iterator, Sequence
from math import ceil
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from app.catalog.catalog import ModelVersion
from app.training import scratch, vocabulary
from app.training.batch import Batch
from app.training.corpus import Document, endless
from app.training.full import LEARNING_RATE
from app.training.loop import Outcome, Schedule
from app.training.pace import seconds_per_step
from app.training.packing import Packer
from app.training.processes import train
from app.training.progress import OnProgress
from app.training.ranks import steps_of
from app.training.recipe import Recipe
from app.training.watch import ShouldStop

OUTCOME = "outcome.json"  # in a ground that is whole
STAGE = "language"


def lay_ground(
    recipe: Recipe,
    base: ModelVersion,
    texts: Sequence[str],
    work: Path,
    on_progress: OnProgress,
    should_stop: ShouldStop | None,
    processes: int = 1,
) -> tuple[Path, Outcome | None]:
    """The folder of the weights that the task begins with, and what the training of them was; the base's own, and None, for
    methods that take it as it is. Called again after a kill it goes on from its last checkpoint."""
    if recipe.method not in ("scratch", "vocabulary"):
        return base.folder, None
    ground = work / "ground"
    if not (ground / OUTCOME).exists():
        tokenizer, model = scratch.begin(recipe, texts) if recipe.method == "scratch" else vocabulary.begin(recipe, base, texts)
        outcome = _read_the_domain(recipe, tokenizer, model, texts, work, on_progress, should_stop, processes)
        shutil.rmtree(ground, ignore_errors=True)
        model.save_pretrained(ground)
        tokenizer.save_pretrained(ground)
        (ground / OUTCOME).write_text(json.dumps(vars(outcome)))
        shutil.rmtree(work / STAGE, ignore_errors=True)
    return ground, Outcome(**json.loads((ground / OUTCOME).read_text()))


def _read_the_domain(
    recipe: Recipe,
    tokenizer: PreTrainedTokenizerFast,
    model: PreTrainedModel,
    texts: Sequence[str],
    work: Path,
    on_progress: OnProgress,
    should_stop: ShouldStop | None,
    processes: int,
) -> Outcome:
    """Language modelling on the texts, packed into rows without padding."""
    documents = _documents(tokenizer, texts)
    length = min(recipe.context, recipe.batch_tokens, 256)
    rows = max(1, recipe.batch_tokens // length)

    def batches(count: int) -> list[Batch]:
        stream: Iterator[Document] = endless(documents, recipe.seed)
        return [*Packer({"text": stream}, {"text": 1.0}, filler="text").batches(count, rows, length)]

    schedule = Schedule(learning_rate=recipe.learning_rate or LEARNING_RATE)
    count = ceil(recipe.language_epochs * sum(len(document.ids) for document in documents) / (rows * length))
    steps = steps_of(count, processes)
    if recipe.minutes is not None:
        path = work / "language-steps.json"
        if not path.exists():  # measured once, so that a resumed training has the same steps
            copy = AutoModelForCausalLM.from_config(model.config, dtype=torch.float32)
            seconds = seconds_per_step(copy, batches(8), schedule, work / "speed", processes=processes)
            path.write_text(json.dumps(max(1, min(steps, int(recipe.minutes * 60 * recipe.language_share / seconds)))))
        steps = json.loads(path.read_text())
    return train(
        model,
        batches(min(count, steps * processes)),
        schedule,
        work / STAGE,
        processes=processes,
        seed=recipe.seed,
        save_every=max(10, steps // 10),
        on_progress=on_progress,
        should_stop=should_stop,
    )


def _documents(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[Document]:
    """Begin, text, end; each token but the first counts."""
    begin = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    encoded = tokenizer([*texts], add_special_tokens=False)["input_ids"]
    ids = [[*begin, *one, tokenizer.eos_token_id] for one in encoded if one]
    return [Document(one, [0.0] + [1.0] * (len(one) - 1)) for one in ids]
