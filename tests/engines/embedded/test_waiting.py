"""Requests begin in a fair order: somebody who waits before batch work, and no variant's flood before another's request."""

import asyncio
import time
from typing import Any

import pytest

from app.catalog.catalog import Catalog, ModelVersion
from app.engines.base import GenerateRequest, Sampling, ScoreRequest
from app.engines.embedded.codec import Codec
from app.engines.embedded.engine import EmbeddedEngine
from app.engines.embedded.jobs import Generate
from app.engines.embedded.pace import Pace
from app.engines.embedded.waiting import Waiting
from app.errors import Overloaded
from tests.engines.embedded.conftest import ask, run_own


def order(waiting: Waiting) -> list[Any]:
    """Takes everything, as it begins."""
    taken = []
    for job in waiting.in_turn([job for job in waiting if isinstance(job, Generate)]):
        waiting.take(job)
        taken.append(job)
    return taken


async def jobs(catalog: Catalog, *asked: tuple[str, int, bool]) -> list[Generate]:
    """A job for each (variant, prompt tokens, batch)."""
    return [
        Generate(catalog.find(name), Codec(catalog.find(name)), [7] * tokens, 5, Sampling(), None, False, batch=batch)
        for name, tokens, batch in asked
    ]


def test_a_flood_of_one_variant_lets_the_others_pass(catalog: Catalog) -> None:
    async def story() -> None:
        made = await jobs(catalog, *[("general", 10, False)] * 6, ("adapter-a", 10, False), ("adapter-b", 30, False))
        waiting = Waiting()
        for job in made:
            waiting.add(job)
        assert [made.index(job) for job in order(waiting)][:3] == [0, 6, 7]
        assert (waiting.requests, waiting.tokens, bool(waiting)) == (0, 0, False)

    asyncio.run(story())


def test_who_comes_after_a_pause_starts_level_with_those_who_wait(catalog: Catalog) -> None:
    async def story() -> None:
        waiting = Waiting()
        for job in await jobs(catalog, *[("general", 50, False)] * 20):
            waiting.add(job)
        order(waiting)
        # The adapter was not there while 1,000 tokens were computed for the base: that is no credit.
        made = await jobs(catalog, *[("general", 50, False)] * 3, *[("adapter-a", 50, False)] * 3)
        for job in made:
            waiting.add(job)
        assert [made.index(job) for job in order(waiting)] == [0, 3, 1, 4, 2, 5]

    asyncio.run(story())


def test_a_variant_that_was_not_there_has_no_credit_when_it_comes_to_an_empty_queue(catalog: Catalog) -> None:
    async def story() -> None:
        waiting = Waiting()
        for job in await jobs(catalog, *[("general", 50, False)] * 20):
            waiting.add(job)
        order(waiting)
        # Nobody waits when the adapter's flood comes; the base has had 1,000 tokens, and is not made to wait for as many.
        made = await jobs(catalog, *[("adapter-a", 50, False)] * 4, ("general", 50, False))
        for job in made:
            waiting.add(job)
        assert [made.index(job) for job in order(waiting)][:2] == [0, 4]

    asyncio.run(story())


def test_batch_work_begins_after_what_somebody_waits_for(catalog: Catalog) -> None:
    async def story() -> None:
        made = await jobs(catalog, ("general", 5, True), ("adapter-a", 5, True), ("general", 50, False), ("general", 60, False))
        waiting = Waiting()
        for job in made:
            waiting.add(job)
        assert [made.index(job) for job in order(waiting)] == [2, 3, 1, 0]

    asyncio.run(story())


def test_an_interactive_answer_passes_a_queue_of_batch_work(catalog: Catalog) -> None:
    model = catalog.find("general")
    ended: list[str] = []

    async def answer(engine: EmbeddedEngine, kind: Any, tokens: int) -> None:
        request = GenerateRequest(model, "Smoke", Sampling(max_tokens=tokens, temperature=0.0), priority=kind)
        async for _ in engine.generate(request):
            pass
        ended.append(kind)

    async def story(engine: EmbeddedEngine) -> None:
        await ask(engine, model, "Smoke", max_tokens=1)
        batch = [asyncio.create_task(answer(engine, "batch", 60)) for _ in range(12)]
        await asyncio.sleep(0.02)
        await answer(engine, "interactive", 20)
        # One row is kept for it: it neither waits for a row nor for the queue.
        assert ended.count("batch") < 6
        await asyncio.gather(*batch)

    run_own(story, batch_rows=4)


def test_a_queue_that_is_full_of_tokens_tells_when_to_come_again(catalog: Catalog) -> None:
    model = catalog.find("general")

    async def story(engine: EmbeddedEngine) -> None:
        async def score(text: str) -> Any:
            return await engine.score(ScoreRequest(model, text, ("fire", "theft")))

        await score("Smoke")
        many = await asyncio.gather(*(score("Smoke damaged the walls. " * 5) for _ in range(40)), return_exceptions=True)
        refused = [one for one in many if isinstance(one, Overloaded)]
        assert refused
        assert len(refused) < 40
        assert all("VERSUS_QUEUE_TOKENS" in one.message and 1 <= one.retry_after_s <= 60 for one in refused)
        await score("Smoke")  # and afterwards there is room again

    run_own(story, queue_tokens=300)


def test_a_request_larger_than_the_queue_is_taken_when_nothing_waits(catalog: Catalog) -> None:
    async def story(engine: EmbeddedEngine) -> None:
        model: ModelVersion = catalog.find("general")
        assert len((await ask(engine, model, "Smoke damaged the walls. " * 5, max_tokens=2)).tokens) == 2

    run_own(story, queue_tokens=1)


@pytest.mark.parametrize(("tokens", "least", "most"), [(0, 1, 1), (100, 1, 1), (10**9, 60, 60)])
def test_the_time_to_wait_follows_the_pace_within_bounds(tokens: int, least: int, most: int) -> None:
    pace = Pace()
    assert pace.seconds_for(tokens) == 1  # nothing is known yet
    with pace.measured(1000):
        time.sleep(0.01)
    assert least <= pace.seconds_for(tokens) <= most
