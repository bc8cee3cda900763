"""Rows of every kind to token ids, in the very form that serving sends and expects: prompt, answer, end of turn."""

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from transformers import PreTrainedTokenizerBase

from app.catalog.cards import TaskKind, TrainedTask
from app.catalog.prompts import as_messages, short_answers, trained_prompt
from app.engines.embedded.turns import render
from app.errors import Unprocessable
from app.training import instruct
from app.training.fields import arranged, guess_schema, written
from app.training.plan import Encoded
from app.training.recipe import Recipe
from app.training.score import Case

Row = tuple[str, str]  # text; its label, answer, or fields as JSON
Splits = Mapping[str, Sequence[Row]]  # "train" and "validation"


@dataclass(frozen=True)
class EncodedTask:
    """A task's rows in tokens; `labels` are those of a classification; `left_out` rows did not fit the context."""

    task: TrainedTask
    labels: list[list[int]]
    train: list[Encoded]
    validation: list[Encoded]
    left_out: int

    def some(self, most: int) -> list[Encoded]:
        """Validation rows: all of them or `most`, taken evenly."""
        return self.validation[:: max(1, ceil(len(self.validation) / most))]

    def cases(self, most: int) -> list[Case]:
        """The same as a classification is scored."""
        return [Case(row.prompt, self.labels) for row in self.some(most)]

    def gold(self, most: int) -> list[int]:
        return [row.label for row in self.some(most)]


@dataclass(frozen=True)
class _Asked:
    """A row in words: what the user says and what the model is to answer."""

    user: str
    answer: str
    label: int = -1
    weight: float = 1.0


def encode_task(
    tokenizer: PreTrainedTokenizerBase,
    name: str,
    prompt: str,
    rows: Splits,
    *,
    context: int,
    kind: TaskKind = "classification",
    balance: float = 0.0,
    instruct_seed: int | None = None,
) -> EncodedTask:
    """With `instruct_seed` labels and fields are asked for as `instruct.py` does it, drawn by that seed, without `prompt`.
    `balance` is for classification.

    Raises Unprocessable when there is nothing to learn from: no rows, one class, or no row that fits the context; and for a
    tokenizer that cannot end an answer."""
    if tokenizer.eos_token_id is None:
        raise Unprocessable("the base's tokenizer has no token that ends a text, so no answer would end; choose another base")
    if kind == "classification":
        task, asked = _labelled(name, prompt, rows, balance, instruct_seed)
    elif not rows["train"]:
        raise Unprocessable(f"task {name!r} has no training rows; give its dataset some")
    elif kind == "extraction":
        task, asked = _with_fields(name, prompt, rows, instruct_seed)
    else:
        task = TrainedTask(name=name, kind=kind, prompt=prompt)
        asked = {split: [_Asked(trained_prompt(text, task), answer) for text, answer in rows[split]] for split in rows}
    if not rows["validation"]:
        raise Unprocessable(f"task {name!r} has no validation rows; the best weights are chosen on them")
    encoded = {split: _encoded(tokenizer, asked[split]) for split in ("train", "validation")}
    fitting = {split: [row for row in encoded[split] if len(row) <= context] for split in encoded}
    if not fitting["train"] or not fitting["validation"]:
        raise Unprocessable(f"no row of task {name!r} fits the context of {context} tokens; shorten the texts")
    return EncodedTask(
        task,
        _tokens(tokenizer, [task.answer(label) for label in task.labels]),
        **fitting,
        left_out=sum(len(encoded[split]) - len(fitting[split]) for split in encoded),
    )


def _labelled(
    name: str, prompt: str, rows: Splits, balance: float, instruct_seed: int | None
) -> tuple[TrainedTask, dict[str, list[_Asked]]]:
    counts = Counter(label for _, label in rows["train"])
    if len(counts) < 2:
        raise Unprocessable(f"task {name!r} has {len(counts)} label(s) in its training rows; at least 2 are needed")
    labels = tuple(label for label, _ in counts.most_common())
    if instruct_seed is None:
        task = TrainedTask(name=name, prompt=prompt, labels=labels, answers=short_answers(labels))
    else:
        task = TrainedTask(name=name, prompt=instruct.template(labels), labels=labels)
    draws = random.Random(instruct_seed)
    place = {label: i for i, label in enumerate(labels)}
    mean = len(rows["train"]) / len(counts)

    def asked(split: str, text: str, label: str) -> _Asked:
        varied = instruct_seed is not None and split == "train"
        user = instruct.asked(text, label, labels, draws) if varied else trained_prompt(text, task)
        return _Asked(user, task.answer(label), place[label], (mean / counts[label]) ** balance)

    # A label that training never saw cannot be answered; its validation rows say nothing about the weights.
    return task, {split: [asked(split, *row) for row in rows[split] if row[1] in place] for split in ("train", "validation")}


def _with_fields(
    name: str, prompt: str, rows: Splits, instruct_seed: int | None
) -> tuple[TrainedTask, dict[str, list[_Asked]]]:
    """The schema is that of all rows, so that none of them is an answer that could not be given."""
    values = {split: [json.loads(fields) for _, fields in rows[split]] for split in ("train", "validation")}
    schema = guess_schema([*values["train"], *values["validation"]])
    if instruct_seed is not None:
        prompt = instruct.fields_template([*schema["properties"]])
    task = TrainedTask(name=name, kind="extraction", prompt=prompt, json_schema=schema)
    draws = random.Random(instruct_seed)

    def asked(split: str, text: str, value: dict[str, object]) -> _Asked:
        whole = arranged(value, schema)
        if instruct_seed is not None and split == "train":
            user, part = instruct.asked_fields(text, whole, draws)
            return _Asked(user, written(part))
        return _Asked(trained_prompt(text, task), written(whole))

    return task, {
        split: [asked(split, text, value) for (text, _), value in zip(rows[split], values[split], strict=True)]
        for split in values
    }


def _encoded(tokenizer: PreTrainedTokenizerBase, asked: Sequence[_Asked]) -> list[Encoded]:
    prompts = _tokens(tokenizer, [render(tokenizer, as_messages(one.user)) for one in asked])
    answers = _tokens(tokenizer, [one.answer for one in asked])
    return [
        Encoded(prompt, [*answer, tokenizer.eos_token_id], one.label, one.weight, len(one.answer.encode()))
        for prompt, answer, one in zip(prompts, answers, asked, strict=True)
    ]


def _tokens(tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> list[list[int]]:
    ids: list[list[int]] = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"] if texts else []
    return ids


def encode_tasks(
    tokenizer: PreTrainedTokenizerBase, recipe: Recipe, rows_by_task: Mapping[str, Splits], context: int
) -> list[EncodedTask]:
    """Each task of a recipe; raises as `encode_task` does."""
    return _weighed_alike(
        [
            encode_task(
                tokenizer,
                task.name,
                recipe.template(task),
                rows_by_task[task.name],
                context=context,
                kind=task.kind,
                balance=recipe.balance,
                instruct_seed=recipe.seed if recipe.method == "instruct" else None,
            )
            for task in recipe.tasks
        ]
    )


def _weighed_alike(tasks: list[EncodedTask]) -> list[EncodedTask]:
    """Where tasks are of different kinds a row counts the same in each, on average: the loss is a mean over tokens, and labels
    of two would be lost among summaries of two hundred."""
    if len({task.task.kind for task in tasks}) == 1:
        return tasks
    lengths = [sum(len(row.answer) for row in task.train) / len(task.train) for task in tasks]
    usual = sum(lengths) / len(lengths)
    return [
        replace(task, train=[replace(row, weight=row.weight * usual / length) for row in task.train])
        for task, length in zip(tasks, lengths, strict=True)
    ]


def words_of(kind: TaskKind, rows: Sequence[Row]) -> list[str]:
    """What a method that reads before it learns can read of a task's rows: texts, and answers that are texts themselves."""
    texts = [text for text, _ in rows]
    return texts if kind == "classification" else texts + [answer for _, answer in rows]
