"""Scoring all labels behind one prompt equals scoring each label in a row of its own."""

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from app.catalog.catalog import ModelVersion
from app.training.score import Case, label_log_likelihoods, quality


@pytest.mark.parametrize("batch_tokens", [1, 10_000])
def test_the_tree_mask_equals_one_row_per_label(base: ModelVersion, batch_tokens: int) -> None:
    model = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(base.folder)
    labels = [tokenizer(text)["input_ids"] for text in ("fire", "theft", "fire alarm", "water damage in the cellar")]
    prompts = [tokenizer(text)["input_ids"] for text in ("smoke", "the bicycle was stolen from the yard", "wet")]
    cases = [Case(prompts[0], labels), Case(prompts[1], labels[:2]), Case(prompts[2], labels[1:])]

    scores = label_log_likelihoods(model, cases, end=tokenizer.eos_token_id, batch_tokens=batch_tokens)

    for case, score in zip(cases, scores, strict=True):
        for label, found in zip(case.labels, score, strict=True):
            row = torch.tensor([[*case.prompt, *label, tokenizer.eos_token_id]])
            with torch.inference_mode():
                logprobs = model(row).logits[0].log_softmax(-1)
            alone = sum(logprobs[i - 1, row[0, i]] for i in range(len(case.prompt), row.shape[1]))
            assert float(found) == pytest.approx(float(alone), abs=1e-4)


def test_quality_counts_right_answers_and_averages_f1_over_labels(base: ModelVersion) -> None:
    model = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32).eval()
    cases = [Case([5, 6, i], [[10], [11, 12]]) for i in range(20, 40)]
    picked = [int(score.argmax()) for score in label_log_likelihoods(model, cases, end=2)]
    right = quality(model, cases, picked, end=2)
    assert (right.accuracy, right.macro_f1, right.cases) == (1.0, 1.0, 20)
    wrong = quality(model, cases, [1 - pick for pick in picked], end=2)
    assert (wrong.accuracy, wrong.macro_f1) == (0.0, 0.0)
