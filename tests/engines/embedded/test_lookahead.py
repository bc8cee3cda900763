"""Guessed tokens are checked many in a step, and no answer changes by a bit."""

import asyncio
from typing import Any

import pytest

from app.catalog.catalog import Catalog
from app.engines.base import Grammar
from app.engines.embedded.engine import EmbeddedEngine
from app.engines.embedded.lookahead import Lookahead
from app.engines.embedded.network import Network
from tests.engines.embedded.conftest import Answer, ask, run_own

SCHEMA = '{"type": "array", "items": {"enum": ["five", "seven"]}, "minItems": 6, "maxItems": 8}'
PROMPT = "Two and three make five. Two and three make five. Two and"


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of each forward pass."""
    counted: list[int] = []
    plain = Network.logits

    def watched(self: Network, plan: Any) -> Any:
        counted.append(plan.rows)
        return plain(self, plan)

    monkeypatch.setattr(Network, "logits", watched)
    return counted


def test_a_text_is_guessed_to_go_on_as_it_did_after_its_last_two_tokens() -> None:
    text = Lookahead([1, 2, 3, 4, 1, 2])
    assert text.guess(2) == [3, 4]
    text.push(9)
    assert text.guess(2) == []  # 2, 9 never stood there before
    text.push(1)
    text.push(2)
    assert text.guess(5) == [9, 1, 2, 9, 1]  # the latest time, and on from what is guessed
    assert Lookahead([7]).guess(3) == []


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 0.9, "seed": 5, "top_p": 0.9},
        {"repetition_penalty": 1.3, "logit_bias": ((9, 3.0),)},
        {"stop": (" five",)},
        {"grammar": Grammar("json_schema", SCHEMA)},
    ],
    ids=["greedy", "sampled", "shaped", "stopped", "grammar"],
)
@pytest.mark.parametrize("name", ["general", "adapter-a"])
def test_answers_are_the_same_with_and_without_guesses(catalog: Catalog, name: str, options: dict[str, Any]) -> None:
    async def story(engine: EmbeddedEngine) -> list[Answer]:
        model, other = catalog.find(name), catalog.find("general")
        alone = await ask(engine, model, PROMPT, max_tokens=40, logprobs=2, **options)
        pair = ask(engine, other, PROMPT[5:], max_tokens=30, logprobs=1), ask(engine, model, PROMPT, max_tokens=9, **options)
        return [alone, *await asyncio.gather(*pair)]

    with_guesses, without = run_own(story), run_own(story, lookahead=False)
    for ours, plain in zip(with_guesses, without, strict=True):
        assert (ours.text, ours.tokens, ours.logprobs) == (plain.text, plain.tokens, plain.logprobs)
        assert ours.done.finish_reason == plain.done.finish_reason


def test_an_answer_that_repeats_itself_takes_fewer_steps_alone_but_not_in_a_crowd(catalog: Catalog, steps: list[int]) -> None:
    model = catalog.find("general")

    async def alone(engine: EmbeddedEngine) -> int:
        await engine.load(model)
        steps.clear()
        return len((await ask(engine, model, PROMPT, max_tokens=60, logit_bias=((7, 100.0),))).tokens)

    async def crowd(engine: EmbeddedEngine) -> None:
        await engine.load(model)
        steps.clear()
        await asyncio.gather(*(ask(engine, model, f"{n}: {PROMPT}", max_tokens=8, logit_bias=((7, 100.0),)) for n in range(8)))

    assert run_own(alone) == 60
    assert len(steps) < 25  # four tokens a step
    run_own(crowd)
    assert max(steps) == 8
