"""An answer is what transformers and PEFT would have given, alone or in any company."""

import asyncio
from typing import Any

import pytest
import torch

from app.catalog.catalog import Catalog, ModelVersion
from app.engines.embedded.engine import EmbeddedEngine
from tests.engines.embedded.conftest import Answer, Run, ask, plain_model, tokenizer_of

PROMPTS = (
    "The insured reports that the car",
    "What is the capital of France?",
    "a pipe burst and the kitchen was under water\nLabel:",
    "Smoke",
    "Two and three make five. " * 6,
)


def greedy(model: ModelVersion, prompt: str, tokens: int) -> list[int]:
    ids = tokenizer_of(model)(prompt, return_tensors="pt", add_special_tokens=False)["input_ids"]
    out = plain_model(model).generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False, use_cache=True
    )
    return out[0, ids.shape[1] :].tolist()


def test_a_greedy_answer_is_that_of_transformers_and_peft(run: Run[Any], model: ModelVersion) -> None:
    async def story(engine: EmbeddedEngine) -> list[list[int]]:
        return [(await ask(engine, model, prompt, max_tokens=16)).tokens for prompt in PROMPTS[::2]]

    assert run(story) == [greedy(model, prompt, 16) for prompt in PROMPTS[::2]]


@pytest.mark.parametrize(
    "sampling", [{"temperature": 0.0}, {"temperature": 1.0}, {"temperature": 0.7, "top_p": 0.9, "top_k": 20}]
)
def test_an_answer_is_the_same_alone_and_beside_other_variants(
    run: Run[Any], catalog: Catalog, sampling: dict[str, float]
) -> None:
    asked = [
        (catalog.find(name), prompt, {"seed": seed, "max_tokens": 3 + 5 * seed, **sampling})
        for name in ("general", "adapter-a", "adapter-b", "full")
        for seed, prompt in enumerate(PROMPTS)
    ]

    async def alone(engine: EmbeddedEngine) -> list[Answer]:
        return [await ask(engine, model, prompt, logprobs=2, **options) for model, prompt, options in asked]

    async def together(engine: EmbeddedEngine) -> list[Answer]:
        return await asyncio.gather(*(ask(engine, model, prompt, logprobs=2, **options) for model, prompt, options in asked))

    one_by_one, packed = run(alone), run(together)
    assert [answer.tokens for answer in packed] == [answer.tokens for answer in one_by_one]
    assert [answer.logprobs for answer in packed] == [answer.logprobs for answer in one_by_one]  # to the last bit
    assert len({tuple(answer.tokens) for answer in one_by_one}) > len(asked) / 2  # they do differ
