"""Nothing hangs: who leaves frees the place, who comes too much is told, and a failure is heard by all who wait."""

import asyncio
import shutil
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from app.catalog.catalog import Catalog, ModelVersion
from app.engines.base import GenerateRequest, Piece, Sampling, ScoreRequest
from app.engines.embedded.engine import EmbeddedEngine
from app.engines.embedded.network import Network
from app.engines.embedded.plan import Plan
from app.errors import Overloaded, Unavailable
from tests.engines.embedded.conftest import ask, own_settings, run_own

LABELS = ("fire", "theft")
Lanes = Callable[[], set[str]]


class Steps:
    """Watches the steps of all lanes, and can hold them."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []  # running rows, spans
        self.open = threading.Event()
        self.open.set()
        self.fail: Exception | None = None
        self.modules: set[weakref.ref[Any]] = set()  # of the networks that were run

    def __call__(self, network: Network, plan: Plan) -> Any:
        self.open.wait(60)
        self.modules.add(weakref.ref(network.module))
        if self.fail is not None:
            failure, self.fail = self.fail, None
            raise failure
        self.seen.append((plan.rows, len(plan.spans)))
        return self.logits(network, plan)

    logits: Callable[[Network, Plan], Any] = staticmethod(Network.logits)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Steps]:
    steps = Steps()
    monkeypatch.setattr(Network, "logits", lambda network, plan: steps(network, plan))
    yield steps
    steps.open.set()


def stream(engine: EmbeddedEngine, model: ModelVersion, tokens: int, seed: int = 0) -> AsyncIterator[Any]:
    return engine.generate(GenerateRequest(model, "Smoke", Sampling(max_tokens=tokens, seed=seed)))


async def drain(events: AsyncIterator[Any]) -> None:
    async for _ in events:
        pass


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what it watches happens in another thread
        await asyncio.sleep(0.005)


@pytest.fixture
def lanes() -> Lanes:
    """Names of the lanes that run because of this test."""
    before = {*threading.enumerate()}
    return lambda: {thread.name for thread in {*threading.enumerate()} - before if thread.name.startswith("lane")}


def test_a_closed_stream_frees_its_row_within_a_step(catalog: Catalog, steps: Steps) -> None:
    model = catalog.find("general")

    async def story(engine: EmbeddedEngine) -> None:
        leaving = stream(engine, model, 250)
        assert isinstance(await anext(leaving), Piece)
        steps.open.clear()
        before = len(steps.seen)
        await leaving.aclose()
        waiting = asyncio.create_task(ask(engine, model, "fire", max_tokens=3))
        await asyncio.sleep(0.01)
        steps.open.set()
        assert len((await waiting).tokens) == 3
        # At most one step was under way with the row that left; the only row (batch_rows) is free after it.
        assert steps.seen[before:][1:] in ([(0, 1), (1, 0), (1, 0)], [(1, 0), (1, 0)])

    run_own(story, batch_rows=1)


def test_a_cancelled_task_frees_its_row_or_its_place_in_the_queue(catalog: Catalog, steps: Steps) -> None:
    model = catalog.find("adapter-a")

    async def story(engine: EmbeddedEngine) -> None:
        await engine.load(model)
        steps.seen.clear()
        running = asyncio.create_task(ask(engine, model, "Smoke", max_tokens=250))
        await until(lambda: (1, 0) in steps.seen)
        steps.open.clear()
        waiting = asyncio.create_task(ask(engine, model, "Smoke", max_tokens=250))
        scoring = asyncio.create_task(engine.score(ScoreRequest(model, "Smoke", LABELS)))
        await asyncio.sleep(0.01)
        for task in (waiting, running, scoring):
            task.cancel()
        gone = await asyncio.gather(running, waiting, scoring, return_exceptions=True)
        steps.open.set()
        assert all(isinstance(end, asyncio.CancelledError) for end in gone)
        assert len((await ask(engine, model, "fire", max_tokens=3)).tokens) == 3

    run_own(story, batch_rows=1, queue_requests=3)


def test_the_rows_that_stay_move_up_and_go_on_as_before(catalog: Catalog, steps: Steps) -> None:
    models = [catalog.find(name) for name in ("general", "adapter-a", "adapter-b", "general", "adapter-a")]

    async def story(engine: EmbeddedEngine) -> None:
        async def answer(place: int) -> list[int]:
            found = await ask(engine, models[place], f"Smoke {place}", max_tokens=30, temperature=1.0, seed=place)
            return found.tokens

        alone = [await answer(place) for place in range(5)]
        steps.seen.clear()
        together = [asyncio.create_task(answer(place)) for place in range(5)]
        await until(lambda: (5, 0) in steps.seen)
        together[1].cancel()
        together[2].cancel()
        assert [await together[place] for place in (0, 3, 4)] == [alone[place] for place in (0, 3, 4)]
        assert (3, 0) in steps.seen

    run_own(story)


def test_a_deadline_of_the_caller_stops_the_work(catalog: Catalog, steps: Steps) -> None:
    model = catalog.find("general")

    async def story(engine: EmbeddedEngine) -> None:
        await engine.load(model)
        steps.open.clear()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ask(engine, model, "Smoke", max_tokens=250), 0.05)
        steps.open.set()
        assert len((await ask(engine, model, "fire", max_tokens=2)).tokens) == 2
        assert max(rows for rows, _ in steps.seen) == 1

    run_own(story)


def test_a_full_queue_refuses_and_recovers(catalog: Catalog, steps: Steps) -> None:
    model = catalog.find("general")

    async def story(engine: EmbeddedEngine) -> None:
        await engine.load(model)
        steps.open.clear()
        running = asyncio.create_task(ask(engine, model, "Smoke", max_tokens=2))
        await asyncio.sleep(0.05)  # it is in the step that is held
        waiting = [asyncio.create_task(ask(engine, model, "Smoke", max_tokens=2)) for _ in range(2)]
        await asyncio.sleep(0.05)
        with pytest.raises(Overloaded, match="2 requests wait for general already") as refused:
            await engine.score(ScoreRequest(model, "Smoke", LABELS))
        assert refused.value.headers == {"Retry-After": "1"}
        with pytest.raises(Overloaded):
            await anext(stream(engine, model, 1))
        steps.open.set()
        assert [len(answer.tokens) for answer in await asyncio.gather(running, *waiting)] == [2, 2, 2]
        await engine.score(ScoreRequest(model, "Smoke", LABELS))

    run_own(story, queue_requests=2)


def test_a_score_does_not_wait_for_a_long_answer(catalog: Catalog, steps: Steps) -> None:
    model = catalog.find("general")

    async def story(engine: EmbeddedEngine) -> None:
        await engine.load(catalog.find("adapter-b"))
        steps.seen.clear()
        answer = asyncio.create_task(ask(engine, model, "Smoke", max_tokens=200))
        await until(lambda: (1, 0) in steps.seen)
        begun = len(steps.seen)
        for name in ("general", "adapter-b"):
            await engine.score(ScoreRequest(catalog.find(name), "Smoke", LABELS))
        assert not answer.done()
        assert [step for step in steps.seen[begun:] if step[1]] == [(1, 2), (1, 2)]  # beside the running row
        assert len((await answer).tokens) == 200

    run_own(story, lookahead=False)


def test_more_rows_than_the_batch_holds_take_turns(catalog: Catalog, steps: Steps) -> None:
    models = [catalog.find(name) for name in ("general", "adapter-a", "adapter-b")]

    async def story(engine: EmbeddedEngine) -> None:
        asked = [ask(engine, models[i % 3], "Smoke", max_tokens=3 + i) for i in range(9)]
        answers = await asyncio.gather(*asked)
        assert [len(answer.tokens) for answer in answers] == [3 + i for i in range(9)]
        assert max(rows for rows, _ in steps.seen) == 2

    run_own(story, batch_rows=2, lookahead=False)


def test_prompts_of_a_step_stay_within_its_tokens_and_a_long_one_comes_in_chunks(catalog: Catalog, steps: Steps) -> None:
    model = catalog.find("general")

    async def story(engine: EmbeddedEngine) -> None:
        await engine.load(model)
        steps.seen.clear()
        prompts = [[20] * 10] * 9 + [[20] * 200]
        await asyncio.gather(*(ask(engine, model, prompt, max_tokens=1) for prompt in prompts))
        assert sum(spans for _, spans in steps.seen) == 9 + 7  # 200 tokens are seven chunks of 32 at most
        assert max(spans for _, spans in steps.seen) <= 6

    run_own(story, batch_tokens=64)


def test_many_labels_are_scored_over_several_steps(catalog: Catalog, steps: Steps) -> None:
    model = catalog.find("general")
    labels = tuple(f"label {i} of many" for i in range(300))

    async def story(engine: EmbeddedEngine) -> None:
        whole = await engine.score(ScoreRequest(model, "Smoke", labels))
        assert len(steps.seen) > 2
        part = await engine.score(ScoreRequest(model, "Smoke", labels[120:123]))
        assert part.log_likelihoods == pytest.approx(whole.log_likelihoods[120:123], abs=1e-4)

    run_own(story, batch_tokens=600)


def test_unloading_waits_for_running_answers_and_loading_again_gives_the_same(
    catalog: Catalog, steps: Steps, lanes: Lanes
) -> None:
    async def story(engine: EmbeddedEngine) -> None:
        for name in ("adapter-a", "general"):
            model = catalog.find(name)
            await engine.load(model)
            steps.seen.clear()
            first = asyncio.create_task(ask(engine, model, "Smoke", max_tokens=30, temperature=1.0))
            await until(lambda: (1, 0) in steps.seen)
            unloading = asyncio.create_task(engine.unload(model))
            later = asyncio.create_task(ask(engine, model, "Smoke", max_tokens=30, temperature=1.0))
            await unloading
            assert sum(rows for rows, _ in steps.seen) >= 29  # every step of the first answer
            assert not later.done()
            assert (await first).tokens == (await later).tokens
            await engine.unload(model)
            assert not engine.loaded(model)
            assert engine.loaded(catalog.find("general")) == (name == "adapter-a")
        await until(lambda: lanes() == set())

    run_own(story)


def test_unloading_a_base_takes_its_adapters_along_and_frees_the_memory(catalog: Catalog, steps: Steps, lanes: Lanes) -> None:
    async def story(engine: EmbeddedEngine) -> None:
        base, adapter = catalog.find("general"), catalog.find("adapter-a")
        await engine.unload(base)  # not loaded: nothing to do
        assert not engine.loaded(base)
        await engine.load(adapter)
        assert engine.loaded(base)
        assert engine.loaded(adapter)
        assert [module() is not None for module in steps.modules] == [True]
        await engine.unload(base)
        assert not engine.loaded(base)
        assert not engine.loaded(adapter)
        await until(lambda: lanes() == set())
        assert [module() for module in steps.modules] == [None]

    run_own(story)


def test_each_standalone_version_has_one_lane_and_adapters_share_it(catalog: Catalog, lanes: Lanes) -> None:
    async def story(engine: EmbeddedEngine) -> None:
        for name in ("general", "adapter-a", "adapter-b"):
            await engine.load(catalog.find(name))
        assert lanes() == {"lane of general@1"}
        await engine.load(catalog.find("full"))
        assert lanes() == {"lane of general@1", "lane of full@1"}

    run_own(story)
    assert lanes() == set()


def test_a_changed_model_of_the_same_name_is_another_version(own_catalog: Catalog) -> None:
    old = own_catalog.find("general")

    async def story(engine: EmbeddedEngine) -> None:
        async def answer(model: ModelVersion) -> list[int]:
            return (await ask(engine, model, "Smoke", max_tokens=20, temperature=1.0)).tokens

        before = await answer(old)
        full = own_catalog.find("full")
        (old.folder / "model.safetensors").write_bytes((full.folder / "model.safetensors").read_bytes())
        new = Catalog([old.folder.parent]).find("general")
        assert new.digest != old.digest
        assert await answer(new) == await answer(full) != before
        assert await answer(old) == before  # its weights are still resident

    run_own(story)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_lane_that_fails_tells_all_who_wait_and_starts_anew(
    catalog: Catalog, steps: Steps, caplog: pytest.LogCaptureFixture
) -> None:
    model = catalog.find("general")

    async def story(engine: EmbeddedEngine) -> None:
        expected = await ask(engine, model, "Smoke", max_tokens=5)
        steps.open.clear()
        waiting = [
            asyncio.create_task(ask(engine, model, "Smoke", max_tokens=200)),
            asyncio.create_task(engine.score(ScoreRequest(model, "Smoke", LABELS))),
        ]
        await asyncio.sleep(0.05)
        waiting.append(asyncio.create_task(ask(engine, catalog.find("adapter-a"), "Smoke", max_tokens=5)))
        await asyncio.sleep(0.05)
        steps.fail = RuntimeError("the device fell off")
        steps.open.set()
        for end in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(end, Unavailable)
            assert "RuntimeError: the device fell off" in end.message
        assert not engine.loaded(model)
        assert (await ask(engine, model, "Smoke", max_tokens=5)).tokens == expected.tokens

    run_own(story)
    assert "the lane of general@1 failed" in caplog.text


def test_closing_ends_running_and_waiting_work_with_a_word(catalog: Catalog, steps: Steps, lanes: Lanes) -> None:
    model = catalog.find("general")

    async def story(engine: EmbeddedEngine) -> None:
        running = stream(engine, model, 250)
        await anext(running)
        waiting = asyncio.create_task(ask(engine, model, "Smoke", max_tokens=9))
        await asyncio.sleep(0)
        await engine.close()
        assert lanes() == set()
        for ended in (drain(running), waiting, engine.load(model)):
            with pytest.raises(Unavailable, match="shutting down"):
                await ended
        assert not engine.loaded(model)

    run_own(story, batch_rows=1)


def test_an_event_loop_that_ends_under_its_requests_does_not_stop_the_lane(catalog: Catalog, steps: Steps) -> None:
    model = catalog.find("general")
    engine = EmbeddedEngine(own_settings())
    asyncio.run(engine.load(model))
    loop = asyncio.new_event_loop()
    abandoned = stream(engine, model, 250)
    loop.run_until_complete(anext(abandoned))
    loop.close()  # no aclose: as if the loop's thread had died

    async def story() -> int:
        return len((await ask(engine, model, "Smoke", max_tokens=4)).tokens)

    assert asyncio.run(asyncio.wait_for(story(), 60)) == 4
    asyncio.run(engine.close())
    assert max(rows for rows, _ in steps.seen) <= 2


def test_the_very_same_weights_in_two_folders_serve_on_when_the_first_is_gone(own_catalog: Catalog) -> None:
    root = own_catalog.find("full").folder.parent
    twin = shutil.copytree(root / "full", root / "twin")
    card = twin / "card.toml"
    card.write_text(card.read_text().replace('name = "full"', 'name = "twin"'))
    first, second = own_catalog.find("full"), own_catalog.find("twin")
    assert first.digest == second.digest

    async def story(engine: EmbeddedEngine) -> None:
        expected = (await ask(engine, first, "a", max_tokens=6)).text
        await engine.unload(first)
        shutil.rmtree(first.folder)
        assert (await ask(engine, second, "a", max_tokens=6)).text == expected
        assert [load.model for load in engine.load_now()] == ["twin@1"]

    run_own(story)


def test_requests_are_told_by_version_and_a_base_s_are_those_of_its_adapters_too(catalog: Catalog, steps: Steps) -> None:
    general, full, adapter = (catalog.find(name) for name in ("general", "full", "adapter-a"))

    async def story(engine: EmbeddedEngine) -> None:
        answer = asyncio.create_task(ask(engine, adapter, "a", max_tokens=40))
        await until(lambda: engine.in_use(adapter) == 1)
        assert [engine.in_use(model) for model in (general, full)] == [1, 0]
        await answer
        assert [engine.in_use(model) for model in (general, full, adapter)] == [0, 0, 0]

    run_own(story)
