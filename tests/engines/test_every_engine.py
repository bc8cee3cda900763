"""One suite for all engines: the same promises hold for each, and what an engine cannot do is a 400 that names it."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from app.catalog.cards import CARD_FILE, Card, Remote, write_card
from app.catalog.catalog import Catalog, ModelVersion
from app.database.migrations import upgrade
from app.engines.base import Done, Engine, Event, GenerateRequest, Grammar, Piece, Sampling, ScoreRequest
from app.engines.embedded.engine import EmbeddedEngine
from app.engines.fake import FakeEngine
from app.engines.remote import RemoteEngine
from app.errors import InvalidRequest, VersusError
from app.main import create_app
from app.settings import Settings
from tests.fakes import make_fake
from tests.models import make_tiny_general
from tests.server import serve

CHAT = [{"role": "user", "content": "What is covered?"}]
LABELS = ("fire", "water damage", "theft")
MAKERS: dict[str, Callable[[Settings], Engine]] = {
    "embedded": EmbeddedEngine,
    "fake": FakeEngine,
    "remote": RemoteEngine,  # our own service with the tiny model behind it
}


@pytest.fixture(scope="module")
def catalogs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Catalog]]:
    """By engine, a catalog with the model `general`."""
    root: Path = tmp_path_factory.mktemp("engines")
    make_tiny_general(root / "embedded")
    make_fake(root / "fake")
    settings = Settings(models_dir=root / "embedded", data_dir=root / "data", threads=1)
    upgrade(settings.database)
    with serve(create_app(settings)) as url:
        write_remote(root / "remote", url=url, model="general", echo=True, choice="choice", penalties=True)
        yield {name: Catalog([root / name]) for name in MAKERS}


def write_remote(root: Path, **remote: Any) -> None:
    (root / "general").mkdir(parents=True)
    card = Card(
        name="general",
        kind="general",
        method="pretrained",
        engine="remote",
        context=256,
        parameters=1,
        remote=Remote(**remote),
    )
    write_card(card, root / "general" / CARD_FILE)


Story = Callable[[Engine, ModelVersion], Coroutine[Any, Any, Any]]
Tell = Callable[[Story], Any]


@pytest.fixture(params=[*MAKERS])
def tell(request: pytest.FixtureRequest, catalogs: dict[str, Catalog]) -> Tell:
    """Runs a story with a new engine and its model."""

    def run(story: Story) -> Any:
        async def whole() -> Any:
            engine = MAKERS[request.param](Settings(threads=1))
            try:
                return await asyncio.wait_for(story(engine, catalogs[request.param].find("general")), 60)
            finally:
                await engine.close()

        return asyncio.run(whole())

    return run


async def whole(events: AsyncIterator[Event]) -> tuple[str, Done]:
    told = [event async for event in events]
    assert isinstance(told[-1], Done)
    assert all(isinstance(event, Piece) for event in told[:-1])
    return "".join(event.text for event in told if isinstance(event, Piece) and not event.echoed), told[-1]


def request(model: ModelVersion, prompt: Any = "covered ", **sampling: Any) -> GenerateRequest:
    return GenerateRequest(model, prompt, Sampling(**({"max_tokens": 12, "temperature": 0.0} | sampling)))


@pytest.mark.parametrize("prompt", ["covered ", CHAT])
def test_an_answer_comes_in_pieces_and_ends_with_its_numbers(tell: Tell, prompt: Any) -> None:
    async def story(engine: Engine, model: ModelVersion) -> None:
        text, done = await whole(engine.generate(request(model, prompt)))
        again, _ = await whole(engine.generate(request(model, prompt)))
        assert text == again
        assert done.finish_reason in ("stop", "length")
        assert done.prompt_tokens > 0
        assert 0 < done.completion_tokens <= 12
        assert done.ttft_ms is None or done.ttft_ms <= done.total_ms

    tell(story)


def test_a_seed_brings_the_same_answer_and_others_bring_others(tell: Tell) -> None:
    async def story(engine: Engine, model: ModelVersion) -> None:
        async def drawn(seed: int) -> str:
            return (await whole(engine.generate(request(model, temperature=1.0, seed=seed))))[0]

        assert await drawn(5) == await drawn(5)
        assert len({await drawn(seed) for seed in range(8)}) > 1

    tell(story)


def test_an_answer_ends_before_a_stop_string(tell: Tell) -> None:
    async def story(engine: Engine, model: ModelVersion) -> None:
        text, _ = await whole(engine.generate(request(model, max_tokens=30)))
        stop = text[len(text) // 2 :][:2]
        cut, done = await whole(engine.generate(request(model, max_tokens=30, stop=(stop,))))
        assert cut == text[: text.find(stop)]
        assert done.finish_reason == "stop"

    tell(story)


def test_labels_are_scored_alike_in_any_company_and_their_mass_is_at_most_1(tell: Tell) -> None:
    async def story(engine: Engine, model: ModelVersion) -> None:
        assert engine.capabilities(model).score
        scores = await engine.score(ScoreRequest(model, CHAT, LABELS))
        assert len(scores.log_likelihoods) == len(scores.label_tokens) == 3
        assert math.fsum(map(math.exp, scores.log_likelihoods)) <= 1
        (alone,) = (await engine.score(ScoreRequest(model, CHAT, LABELS[1:2]))).log_likelihoods
        assert alone == pytest.approx(scores.log_likelihoods[1], abs=1e-4)
        assert scores.prompt_tokens == len(await engine.tokenize(model, CHAT))

    tell(story)


def test_a_remote_scores_as_the_engine_behind_it(catalogs: dict[str, Catalog]) -> None:
    async def scores(maker: Callable[[Settings], Engine], model: ModelVersion) -> Any:
        engine = maker(Settings(threads=1))
        try:
            return await engine.score(ScoreRequest(model, CHAT, LABELS))
        finally:
            await engine.close()

    near, far = (asyncio.run(scores(MAKERS[name], catalogs[name].find("general"))) for name in ("embedded", "remote"))
    assert far.log_likelihoods == pytest.approx(near.log_likelihoods, abs=1e-4)
    assert (far.label_tokens, far.prompt_tokens) == (list(near.label_tokens), near.prompt_tokens)


def test_tokens_go_there_and_back(tell: Tell) -> None:
    async def story(engine: Engine, model: ModelVersion) -> None:
        tokens = await engine.tokenize(model, "the claim is covered")
        assert await engine.detokenize(model, tokens) == "the claim is covered"
        assert isinstance((await engine.tokenizer_info(model)).eos_token, str)

    tell(story)


def test_a_model_can_be_loaded_and_let_go(tell: Tell) -> None:
    async def story(engine: Engine, model: ModelVersion) -> None:
        await engine.load(model)
        assert engine.loaded(model)
        await engine.unload(model)
        text, _ = await whole(engine.generate(request(model)))
        assert isinstance(text, str)
        assert all(load.running_requests == 0 for load in engine.load_now())

    tell(story)


def test_a_stream_that_is_closed_frees_its_place(tell: Tell) -> None:
    async def story(engine: Engine, model: ModelVersion) -> None:
        async with aclosing(engine.generate(request(model, max_tokens=200))) as events:
            await anext(events)
        for _ in range(200):
            if not any(load.running_requests for load in engine.load_now()):
                return
            await asyncio.sleep(0.02)
        pytest.fail("the place is not free")

    tell(story)


ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "logprobs": ("logprobs", {"logprobs": 2}),
    "echo": ("echo", {"echo": True}),
    "response_format": ("grammar", {"sampling": {"grammar": Grammar("json_object")}}),
    "choice": ("grammar", {"sampling": {"grammar": Grammar("choice", '["a", "b"]')}}),
    "min_p": ("penalties", {"sampling": {"min_p": 0.5}}),
    "repetition_penalty": ("penalties", {"sampling": {"repetition_penalty": 1.5}}),
    "frequency_penalty": ("penalties", {"sampling": {"frequency_penalty": 1.0}}),
    "logit_bias": ("penalties", {"sampling": {"logit_bias": ((7, 1.0),)}}),
}


@pytest.mark.parametrize("param", [*ASKED])
def test_what_an_engine_cannot_do_is_refused_by_name_and_what_it_can_is_done(tell: Tell, param: str) -> None:
    capability, more = ASKED[param]
    more = dict(more)
    sampling = more.pop("sampling", {})

    async def story(engine: Engine, model: ModelVersion) -> None:
        plain = request(model, **sampling)
        asked = GenerateRequest(plain.model, plain.prompt, plain.sampling, **more)
        if getattr(engine.capabilities(model), capability):
            await whole(engine.generate(asked))
            return
        with pytest.raises(InvalidRequest) as refused:
            await whole(engine.generate(asked))
        assert refused.value.param == param

    tell(story)


def test_a_prompt_longer_than_the_context_is_refused(tell: Tell) -> None:
    async def story(engine: Engine, model: ModelVersion) -> None:
        with pytest.raises(VersusError) as refused:
            await whole(engine.generate(request(model, "covered " * 5000)))
        assert refused.value.status == 400
        assert refused.value.code == "context_length_exceeded"

    tell(story)
