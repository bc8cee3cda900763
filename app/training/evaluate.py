"""Measures a general model on what it was not trained on: unseen kinds of classification, and prose."""

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from app.catalog.prompts import classification_prompt
from app.domains import general
from app.domains.hold_out import is_held_out
from app.training.corpus import Encoder
from app.training.score import Case, label_log_likelihoods

SEED = 1_000_003  # generated examples of this seed measure, never train
CASES = 600  # of each group
GROUPS = {  # name -> (kinds that were never trained on, with examples in the prompt)
    "unseen_zero_shot": (True, False),
    "unseen_few_shot": (True, True),
    "seen_zero_shot": (False, False),
    "seen_few_shot": (False, True),
}


def evaluate_general(folder: Path, prose: Sequence[str]) -> dict[str, float]:
    """Accuracy by label log-likelihood with its chance level, zero-shot and with examples, on seen and unseen kinds; perplexity
    per token of `prose`."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    encoder = Encoder(tokenizer)
    found: dict[str, float] = {}
    for name, (unseen, shots) in GROUPS.items():
        examples = list(islice(_examples(unseen, shots), CASES))
        if not examples:
            continue
        scores = label_log_likelihoods(
            model, [_case(encoder, example) for example in examples], end=tokenizer.eos_token_id, pad=tokenizer.pad_token_id
        )
        right = [example.labels[int(score.argmax())] == example.label for example, score in zip(examples, scores, strict=True)]
        found[f"{name}_accuracy"] = round(sum(right) / len(right), 4)
        found[f"{name}_chance"] = round(sum(1 / len(example.labels) for example in examples) / len(examples), 4)
        found[f"{name}_cases"] = len(right)
    found["prose_perplexity"] = round(_perplexity(model, encoder, prose), 2)
    return found


def _examples(unseen: bool, shots: bool) -> Iterator[general.Example]:
    return (
        example
        for example in islice(general.classification(SEED), 200_000)
        if is_held_out(example.kind) == unseen and bool(example.shots) == shots
    )


def _case(encoder: Encoder, example: general.Example) -> Case:
    prompt = classification_prompt(example.text, example.labels, instruction=example.instruction, examples=example.shots)
    return Case(encoder.prompt(prompt), [encoder.tokens(label) for label in example.labels])


def _perplexity(model: torch.nn.Module, encoder: Encoder, prose: Sequence[str]) -> float:
    total, count = 0.0, 0
    with torch.inference_mode():
        for text in prose:
            ids = torch.tensor([encoder.text(text).ids[:1024]])
            logprobs = model(input_ids=ids, use_cache=False).logits[0, :-1].log_softmax(-1)
            total -= float(logprobs.gather(1, ids[0, 1:, None]).sum())
            count += ids.shape[1] - 1
    return math.exp(total / count)
