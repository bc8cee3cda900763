"""What is to be learned, on which weights: a recipe's rows in the tokens of a ground, their batches, fresh models of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedTokenizerBase

from app.engines.embedded.turns import read_tokenizer
from app.training import full, lora
from app.training.data import EncodedTask, Row, encode_tasks
from app.training.dry_run import plan_of
from app.training.loop import Schedule
from app.training.plan import Plan
from app.training.ranks import steps_of
from app.training.recipe import Contestant, Recipe
from app.training.validation import Validation

Rows = Mapping[str, Mapping[str, Sequence[Row]]]  # task -> split -> (text; label, answer, or fields as JSON)


@dataclass(frozen=True)
class Lesson:
    """`ground` is the folder of the weights that the task begins with; `rows` are in `tasks` as its `tokenizer` reads them."""

    recipe: Recipe
    ground: Path
    rows: Rows
    context: int
    processes: int
    tokenizer: PreTrainedTokenizerBase
    tasks: Sequence[EncodedTask]

    def with_validation(self) -> "Lesson":
        """The same to be learned from validation rows too."""
        rows = {name: {**splits, "train": [*splits["train"], *splits["validation"]]} for name, splits in self.rows.items()}
        return replace(self, rows=rows, tasks=encode_tasks(self.tokenizer, self.recipe, rows, self.context))

    def plan(self, recipe: Recipe) -> Plan:
        """The batches of `recipe`, which differs from the lesson's own in method, epochs and validations at most."""
        return plan_of(recipe, self.tasks, self._pad)

    def steps(self, plan: Plan) -> int:
        return steps_of(len(plan), self.processes)

    def fresh(self, recipe: Recipe, method: Contestant) -> nn.Module:
        """A model that has learned nothing yet."""
        model = AutoModelForCausalLM.from_pretrained(self.ground, dtype=torch.float32)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            return lora.adapt(model, recipe) if method == "lora" else full.adapt(model, recipe)

    @property
    def validation(self) -> Validation:
        return Validation(self.tasks, self.tokenizer.eos_token_id, self._pad, self.recipe.batch_tokens)

    @property
    def left_out(self) -> int:
        """Rows that did not fit the context."""
        return sum(task.left_out for task in self.tasks)

    @property
    def _pad(self) -> int:
        pad: int | None = self.tokenizer.pad_token_id
        return 0 if pad is None else pad


def read_lesson(recipe: Recipe, ground: Path, rows: Rows, context: int, processes: int) -> Lesson:
    """Raises Unprocessable for rows that cannot be learned from."""
    tokenizer = read_tokenizer(ground)
    return Lesson(recipe, ground, rows, context, processes, tokenizer, encode_tasks(tokenizer, recipe, rows, context))


def schedule_of(recipe: Recipe, method: Contestant) -> Schedule:
    rate = recipe.learning_rate or (lora if method == "lora" else full).LEARNING_RATE
    return Schedule(learning_rate=rate, weight_decay=0.0 if method == "lora" else 0.05)
