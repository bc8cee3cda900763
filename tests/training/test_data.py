"""Rows become tokens exactly as serving sends them; batches hold little padding; rare labels can count for more."""

import random

import pytest
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from app.catalog.catalog import ModelVersion
from app.catalog.prompts import short_answers
from app.training.data import encode_task
from app.training.plan import Encoded, Plan


@pytest.fixture(scope="module")
def tokenizer(base: ModelVersion) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(base.folder)


def plan(rows: list[Encoded], **options: object) -> Plan:
    knobs = {"epochs": 1.0, "batch_tokens": 2048, "prompt_weight": 0.1, "pad": 0, "seed": 0} | options
    return Plan(rows, **knobs)  # type: ignore[arg-type]


def test_a_row_is_the_chat_template_then_the_label_then_the_end(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = {"train": [("stolen", "theft"), ("burned", "fire")], "validation": [("burned", "fire")]}
    task = encode_task(tokenizer, "type", "type: {input}", rows, context=256, balance=0.0)
    row = task.train[0]
    assert tokenizer.decode(row.prompt + row.answer) == "<|begin|><|user|>type: stolen<|end|><|assistant|>theft<|end|>"
    assert task.task.labels[row.label] == "theft"


def test_long_labels_are_learned_by_their_first_words(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = {"train": [("stolen", "THEFT (ALL KINDS)"), ("burned", "FIRE/SMOKE")], "validation": [("burned", "FIRE/SMOKE")]}
    task = encode_task(tokenizer, "type", "{input}", rows, context=256, balance=0.0)
    assert (task.task.labels, task.task.answers) == (("THEFT (ALL KINDS)", "FIRE/SMOKE"), ("theft", "fire"))
    assert tokenizer.decode(task.train[0].answer) == "theft<|end|>"
    assert [tokenizer.decode(label) for label in task.labels] == ["theft", "fire"]


@pytest.mark.parametrize(
    ("labels", "answers"),
    [
        (("BACK (MUSCLES/SPINE)", "FACE,NEC"), ("back", "face")),
        (("third-party injury", "third-party property", "theft"), ("third-party injury", "third-party property", "theft")),
        (("water", "water damage"), ("water", "water damage")),
        (("Fire", "FIRE"), ("Fire", "FIRE")),  # nothing but the case tells them apart
        (("+", "-"), ("+", "-")),
        (("Größe falsch", "naïf"), ("größe", "naïf")),
    ],
)
def test_a_short_answer_is_as_few_words_as_tell_it_from_the_others(labels: tuple[str, ...], answers: tuple[str, ...]) -> None:
    assert short_answers(labels) == answers


def test_labels_that_training_never_saw_and_rows_over_the_context_are_left_out(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = {
        "train": [("stolen", "theft"), ("burned", "fire"), ("long " * 300, "fire")],
        "validation": [("burned", "fire"), ("wet", "water")],
    }
    task = encode_task(tokenizer, "type", "{input}", rows, context=256, balance=0.0)
    assert (len(task.train), len(task.validation), task.left_out) == (2, 1, 1)


@pytest.mark.parametrize(("balance", "ratio"), [(0.0, 1.0), (0.5, 2.0), (1.0, 4.0)])
def test_balance_makes_rare_labels_count_for_more(tokenizer: PreTrainedTokenizerBase, balance: float, ratio: float) -> None:
    rows = {"train": [("a", "theft")] * 8 + [("b", "fire")] * 2, "validation": [("a", "theft")]}
    task = encode_task(tokenizer, "type", "{input}", rows, context=256, balance=balance)
    weight = {row.label: row.weight for row in task.train}
    assert weight[1] / weight[0] == pytest.approx(ratio)


def test_label_tokens_weigh_one_prompt_tokens_little_padding_nothing() -> None:
    rows = [Encoded([5] * 4, [6, 2], 0), Encoded([5] * 3, [7, 2], 1, weight=2.0)]
    batch = plan(rows)[0]
    by_length = {int((row > 0).sum()): weights for row, weights in zip(batch.ids, batch.weights, strict=True)}
    assert by_length[6].tolist() == pytest.approx([0.1] * 4 + [1.0] * 2)
    assert by_length[5].tolist() == pytest.approx([0.1] * 3 + [2.0] * 2 + [0.0])


def test_padding_is_under_ten_percent() -> None:
    rng = random.Random(0)
    rows = [Encoded([5] * int(rng.lognormvariate(4, 0.5)), [6, 2], 0) for _ in range(3000)]
    packed = plan(rows)
    assert packed.padding < 0.1
    assert all(batch.ids.numel() <= 2048 for batch in (packed[i] for i in range(len(packed))))


def test_each_epoch_sees_each_row_once_in_another_order() -> None:
    rows = [Encoded([i] * (3 + i % 5), [6, 2], 0) for i in range(1, 301)]
    two = plan(rows, epochs=2.0, batch_tokens=64)
    half = len(two) // 2
    seen = [[int(first) for i in part for first in two[i].ids[:, 0]] for part in (range(half), range(half, len(two)))]
    assert sorted(seen[0]) == sorted(seen[1]) == list(range(1, 301))
    assert seen[0] != seen[1]
    again = plan(rows, epochs=2.0, batch_tokens=64)
    assert all(torch.equal(two[i].ids, again[i].ids) for i in range(len(two)))
    assert len(plan(rows, epochs=0.5, batch_tokens=64)) == pytest.approx(half / 2, abs=1)
