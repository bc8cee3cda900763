"""Labelled rows to token ids, and token ids to batches that hold little padding."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import torch
from transformers import PreTrainedTokenizerBase

from app.catalog.cards import TrainedTask
from app.catalog.prompts import as_messages, short_answers, trained_prompt
from app.engines.embedded.turns import render
from app.errors import Unprocessable
from app.training import instruct
from app.training.loop import Batch
from app.training.recipe import Recipe
from app.training.score import Case

Row = tuple[str, str]  # text, label


@dataclass(frozen=True)
class Encoded:
    """One row as the model sees it: the prompt up to where the answer begins, then the label and the end of turn."""

    prompt: list[int]
    answer: list[int]
    label: int  # its place among the task's labels
    weight: float = 1.0  # what the row's label counts for

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


@dataclass(frozen=True)
class EncodedTask:
    """A task's rows in tokens; `left_out` rows did not fit the context."""

    task: TrainedTask
    labels: list[list[int]]
    train: list[Encoded]
    validation: list[Encoded]
    left_out: int

    def cases(self, most: int) -> list[Case]:
        """Validation cases for scoring: all of them or `most`, taken evenly."""
        step = max(1, ceil(len(self.validation) / most))
        return [Case(row.prompt, self.labels) for row in self.validation[::step]]

    def gold(self, most: int) -> list[int]:
        step = max(1, ceil(len(self.validation) / most))
        return [row.label for row in self.validation[::step]]


def encode_task(
    tokenizer: PreTrainedTokenizerBase,
    name: str,
    prompt: str,
    rows: Mapping[str, Sequence[Row]],
    *,
    context: int,
    balance: float,
    instruct_seed: int | None = None,
) -> EncodedTask:
    """With `instruct_seed` the rows are asked as `instruct.py` does it, drawn by that seed, and `prompt` is not used.

    Raises Unprocessable when there is nothing to learn from: no rows, one class, or no row that fits the context; and for a
    tokenizer that cannot end an answer."""
    if tokenizer.eos_token_id is None:
        raise Unprocessable("the base's tokenizer has no token that ends a text, so no answer would end; choose another base")
    counts = Counter(label for _, label in rows["train"])
    if len(counts) < 2:
        raise Unprocessable(f"task {name!r} has {len(counts)} label(s) in its training rows; at least 2 are needed")
    if not rows["validation"]:
        raise Unprocessable(f"task {name!r} has no validation rows; the best weights are chosen on them")
    known_labels = tuple(label for label, _ in counts.most_common())
    if instruct_seed is None:
        task = TrainedTask(name=name, prompt=prompt, labels=known_labels, answers=short_answers(known_labels))
    else:
        task = TrainedTask(name=name, prompt=instruct.template(known_labels), labels=known_labels)
    draws = random.Random(instruct_seed)
    labels = [tokenizer(task.answer(label), add_special_tokens=False)["input_ids"] for label in known_labels]
    place = {label: i for i, label in enumerate(task.labels)}
    mean = len(rows["train"]) / len(counts)
    weight = {label: (mean / count) ** balance for label, count in counts.items()}
    encoded: dict[str, list[Encoded]] = {}
    left_out = 0
    for split in ("train", "validation"):
        # A label that training never saw cannot be answered; its validation rows say nothing about the weights.
        known = [row for row in rows[split] if row[1] in place]
        users = [
            trained_prompt(text, task)
            if instruct_seed is None or split == "validation"
            else instruct.asked(text, label, known_labels, draws)
            for text, label in known
        ]
        turns = [render(tokenizer, as_messages(user)) for user in users]
        prompts = tokenizer(turns, add_special_tokens=False, verbose=False)["input_ids"] if turns else []
        fitting = [
            Encoded(ids, [*labels[place[label]], tokenizer.eos_token_id], place[label], weight[label])
            for ids, (_, label) in zip(prompts, known, strict=True)
        ]
        encoded[split] = [row for row in fitting if len(row) <= context]
        left_out += len(fitting) - len(encoded[split])
    if not encoded["train"] or not encoded["validation"]:
        raise Unprocessable(f"no row of task {name!r} fits the context of {context} tokens; shorten the texts")
    return EncodedTask(task, labels, encoded["train"], encoded["validation"], left_out)


def encode_tasks(
    tokenizer: PreTrainedTokenizerBase, recipe: Recipe, rows_by_task: Mapping[str, Mapping[str, Sequence[Row]]], context: int
) -> list[EncodedTask]:
    """Each task of a recipe; raises as `encode_task` does."""
    return [
        encode_task(
            tokenizer,
            task.name,
            recipe.template(task),
            rows_by_task[task.name],
            context=context,
            balance=recipe.balance,
            instruct_seed=recipe.seed if recipe.method == "instruct" else None,
        )
        for task in recipe.tasks
    ]


class Plan:
    """Every batch of a training, fixed before its first step: rows of like length together, batches in random order."""

    def __init__(
        self, rows: Sequence[Encoded], *, epochs: float, batch_tokens: int, prompt_weight: float, pad: int, seed: int
    ) -> None:
        self._rows, self._prompt_weight, self._pad = rows, prompt_weight, pad
        self._groups: list[list[int]] = []
        rng = random.Random(seed)
        while epochs > 0:
            groups = self._epoch(batch_tokens, rng)
            self._groups += groups[: ceil(len(groups) * min(1.0, epochs))]
            epochs -= 1

    def _epoch(self, batch_tokens: int, rng: random.Random) -> list[list[int]]:
        # The jitter lets neighbours in length change from epoch to epoch.
        order = sorted(range(len(self._rows)), key=lambda i: len(self._rows[i]) * rng.uniform(0.95, 1.05))
        groups: list[list[int]] = []
        longest = 0
        for i in order:
            longest = max(longest, len(self._rows[i]))
            if not groups or (len(groups[-1]) + 1) * longest > batch_tokens:
                groups.append([])
                longest = len(self._rows[i])
            groups[-1].append(i)
        rng.shuffle(groups)
        return groups

    def __len__(self) -> int:
        return len(self._groups)

    def __getitem__(self, index: int) -> Batch:
        rows = [self._rows[i] for i in self._groups[index]]
        width = max(map(len, rows))
        ids = torch.full((len(rows), width), self._pad)
        weights = torch.zeros(len(rows), width)
        for i, row in enumerate(rows):
            prompt, whole = len(row.prompt), len(row)
            ids[i, :whole] = torch.tensor(row.prompt + row.answer)
            weights[i, :prompt] = self._prompt_weight
            weights[i, prompt:whole] = row.weight
        return Batch(ids, weights)

    @property
    def padding(self) -> float:
        """Share of all tokens that is padding."""
        widths = [(len(group), [len(self._rows[i]) for i in group]) for group in self._groups]
        total = sum(count * max(lengths) for count, lengths in widths)
        return 1 - sum(sum(lengths) for _, lengths in widths) / total

    @property
    def tokens(self) -> int:
        """Of all steps, repeats counted, padding not."""
        return sum(len(self._rows[i]) for group in self._groups for i in group)
