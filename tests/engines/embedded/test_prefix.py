"""What prompts share is computed once, and whether it was computed before never changes a bit of an answer."""

import asyncio
import threading
from functools import partial
from typing import Any

import pytest
import torch

from app.catalog.catalog import Catalog, ModelVersion
from app.engines.base import ScoreRequest
from app.engines.embedded.engine import EmbeddedEngine
from app.engines.embedded.network import Network, Plan
from app.engines.embedded.prefix import Layers, PrefixCache
from tests.engines.embedded.conftest import ask, plain_model, run_own

LABELS = ("fire", "theft", "water damage")
SHARED = [7 + n % 90 for n in range(100)]  # three chunks of 32 tokens and a bit
PROMPTS = [[*SHARED, 5 + n, 6, 7] for n in range(4)]


class Computed(list[int]):
    """How many tokens of prompts each step computed; while `open` is cleared, steps wait."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> Computed:
    found = Computed()
    plain = Network.logits

    def counting(network: Network, plan: Plan) -> torch.Tensor:
        found.open.wait(60)
        found.append(sum(span.stop - span.start for span in plan.spans if span.stored))
        return plain(network, plan)

    monkeypatch.setattr(Network, "logits", counting)
    return found


def layers(value: float) -> Layers:
    return [torch.full((2, 8, 8), float(value))]  # 512 bytes


def test_a_shared_beginning_is_computed_once_and_answers_are_the_same_to_the_last_bit(
    catalog: Catalog, computed: Computed
) -> None:
    model = catalog.find("adapter-a")

    async def story(engine: EmbeddedEngine) -> list[Any]:
        await engine.load(model)
        computed.clear()
        found: list[Any] = []
        for prompt in PROMPTS:
            found.append((await engine.score(ScoreRequest(model, prompt, LABELS))).log_likelihoods)
            answer = await ask(engine, model, prompt, max_tokens=8, logprobs=2)
            found.append((answer.tokens, [entry.logprob for entry in answer.logprobs]))
        return found

    warm, tokens = run_own(story), sum(computed)
    computed.clear()
    cold, all_tokens = run_own(story, prefix_cache_bytes=0), sum(computed)
    assert warm == cold
    assert all_tokens == 8 * len(PROMPTS[0])
    assert tokens == len(PROMPTS[0]) + 7 * (len(PROMPTS[0]) - 96)


def test_variants_never_meet_each_others_beginnings(catalog: Catalog) -> None:
    models = [catalog.find(name) for name in ("general", "adapter-a", "adapter-b")]

    async def scores(engine: EmbeddedEngine, model: ModelVersion) -> list[float]:
        return [*(await engine.score(ScoreRequest(model, PROMPTS[0], LABELS))).log_likelihoods]

    async def one_after_another(engine: EmbeddedEngine) -> list[list[float]]:
        return [await scores(engine, model) for model in models for _ in range(2)]

    alone = [run_own(partial(scores, model=model)) for model in models]
    assert run_own(one_after_another) == [one for one in alone for _ in range(2)]
    assert alone[0] != alone[1] != alone[2]


def test_an_echo_is_read_whole_even_where_its_beginning_is_known(catalog: Catalog) -> None:
    model = catalog.find("general")

    async def story(engine: EmbeddedEngine) -> list[float | None]:
        await ask(engine, model, PROMPTS[0], max_tokens=1)
        answer = await ask(engine, model, PROMPTS[0], max_tokens=1, logprobs=1, echo=True)
        return [entry.logprob for entry in answer.echo[0].logprobs]

    with torch.inference_mode():
        logprobs = plain_model(model)(torch.tensor([PROMPTS[0]])).logits[0].log_softmax(-1)
    expected = [logprobs[place, token].item() for place, token in enumerate(PROMPTS[0][1:])]
    assert run_own(story)[1:] == pytest.approx(expected, abs=1e-4)


def test_a_long_prompt_does_not_hold_up_a_short_one(catalog: Catalog, computed: Computed) -> None:
    model = catalog.find("general")

    async def story(engine: EmbeddedEngine) -> None:
        await engine.load(model)
        computed.clear()
        computed.open.clear()
        long = asyncio.create_task(engine.score(ScoreRequest(model, [9] * 220, LABELS)))
        short = asyncio.create_task(ask(engine, model, [11] * 20, max_tokens=1))
        await asyncio.sleep(0.1)
        computed.open.set()
        await asyncio.gather(long, short)

    run_own(story, batch_tokens=64)
    # Alone the long one fills a step; then it leaves half of it to the short one, which is whole at once.
    assert computed[:2] in ([64, 32 + 20], [32 + 20, 64])
    assert max(computed) <= 64
    assert sum(computed) == 240


def test_the_least_recently_used_leave_and_a_beginning_stays_with_what_follows_it() -> None:
    cache = PrefixCache(4 * 512, chunk=2)
    cache.keep("a", [1, 2, 3, 4, 5], lambda start, stop: layers(start))
    cache.keep("a", [1, 2, 9, 9], lambda start, stop: layers(start))
    assert (len(cache), cache.bytes) == (3, 3 * 512)
    assert len(cache.find("a", [1, 2, 3, 4])) == 1  # the last token is always computed
    assert len(cache.find("a", [1, 2, 3, 4, 5])) == 2
    assert cache.find("b", [1, 2, 3]) == []

    cache.keep("b", [1, 2, 3, 4], lambda start, stop: layers(start))  # one too many
    assert cache.bytes == 4 * 512
    assert len(cache.find("a", [1, 2, 9, 9, 9])) == 1  # what was used longest ago is gone
    assert len(cache.find("a", [1, 2, 3, 4, 5])) == 2

    cache.forget("a")
    assert (len(cache), cache.bytes) == (2, 2 * 512)
    assert len(cache.find("b", [1, 2, 3, 4, 5])) == 2


def test_a_prompt_larger_than_the_memory_pushes_nothing_out() -> None:
    cache = PrefixCache(2 * 512, chunk=2)
    cache.keep("a", [1, 2], lambda start, stop: layers(start))
    cache.keep("a", [5] * 6, lambda start, stop: layers(start))
    assert len(cache.find("a", [1, 2, 3])) == 1
    assert cache.bytes <= 2 * 512
