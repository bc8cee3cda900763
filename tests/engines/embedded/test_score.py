"""Label scores are those of one full forward pass per label, and of the scoring used in training."""

import asyncio
from typing import Any

import pytest
import torch

from app.catalog.catalog import Catalog, ModelVersion
from app.engines.base import ScoreRequest, Scores
from app.engines.embedded.engine import EmbeddedEngine
from app.training.score import Case, label_log_likelihoods
from tests.engines.embedded.conftest import Run, plain_model, tokenizer_of

LABELS = ("water damage", "water", "theft", "fire", "fire in the kitchen", "collision", "other")
PROMPTS = ("The bicycle was stolen from the yard.\nLabel: ", "Smoke", "a pipe burst " * 12)


def one_forward_per_label(model: ModelVersion, prompt: str, labels: tuple[str, ...]) -> list[float]:
    tokenizer, plain = tokenizer_of(model), plain_model(model)
    before = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    scores = []
    for label in labels:
        answer = [*tokenizer(label, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        with torch.inference_mode():
            logprobs = plain(torch.tensor([before + answer])).logits[0].log_softmax(-1)
        scores.append(sum(logprobs[len(before) + i - 1, token].item() for i, token in enumerate(answer)))
    return scores


def test_scores_are_those_of_one_forward_per_label(run: Run[Any], model: ModelVersion) -> None:
    async def story(engine: EmbeddedEngine) -> list[Scores]:
        return [await engine.score(ScoreRequest(model, prompt, LABELS)) for prompt in PROMPTS]

    for prompt, scores in zip(PROMPTS, run(story), strict=True):
        assert scores.log_likelihoods == pytest.approx(one_forward_per_label(model, prompt, LABELS), abs=1e-4)
        assert scores.label_tokens == tuple(len(tokenizer_of(model)(label)["input_ids"]) for label in LABELS)


def test_scores_are_the_same_alone_and_packed_beside_other_variants(run: Run[Any], catalog: Catalog) -> None:
    asked = [
        ScoreRequest(catalog.find(name), prompt, LABELS)
        for prompt in PROMPTS
        for name in ("general", "adapter-a", "adapter-b", "full")
    ]

    async def alone(engine: EmbeddedEngine) -> list[Scores]:
        return [await engine.score(request) for request in asked]

    async def together(engine: EmbeddedEngine) -> list[Scores]:
        return await asyncio.gather(*map(engine.score, asked))

    for one, packed in zip(run(alone), run(together), strict=True):
        assert packed.log_likelihoods == one.log_likelihoods  # to the last bit


def test_scores_are_those_of_training(run: Run[Any], model: ModelVersion) -> None:
    tokenizer = tokenizer_of(model)
    messages = [{"role": "user", "content": "claims-type: smoke in the kitchen"}]
    turn = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    case = Case(
        tokenizer(turn, add_special_tokens=False)["input_ids"],
        [tokenizer(label, add_special_tokens=False)["input_ids"] for label in LABELS],
    )
    (expected,) = label_log_likelihoods(plain_model(model), [case], end=tokenizer.eos_token_id)

    async def story(engine: EmbeddedEngine) -> Scores:
        return await engine.score(ScoreRequest(model, messages, LABELS))

    scores = run(story)
    assert scores.log_likelihoods == pytest.approx(expected.tolist(), abs=1e-4)
    assert scores.prompt_tokens == len(case.prompt)
