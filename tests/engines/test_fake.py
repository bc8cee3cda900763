"""The fake engine keeps the promises of the protocol: generating, scoring and echoing agree, alone and together."""

import asyncio
import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import cast

import pytest

from app.catalog.catalog import Catalog, ModelVersion
from app.catalog.prompts import as_messages
from app.engines.base import Done, Event, GenerateRequest, Piece, Prompt, Sampling, ScoreRequest, TokenLogprob
from app.engines.fake import EOS, VOCABULARY, FakeEngine, next_logprobs
from app.errors import ContextExceeded, InvalidRequest, Overloaded
from app.settings import Settings
from tests.fakes import make_fake

CHAT = as_messages("What is covered?")


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    for name in ("general", "other"):
        make_fake(tmp_path, name)
    make_fake(tmp_path, "short", context=24)
    return Catalog([tmp_path])


@pytest.fixture
def model(catalog: Catalog) -> ModelVersion:
    return catalog.find("general")


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(Settings(queue_requests=4))


def greedy(model: ModelVersion, prompt: Prompt = CHAT, *, stop: Sequence[str] = (), most: int = 60) -> GenerateRequest:
    return GenerateRequest(model, prompt, Sampling(max_tokens=most, temperature=0, stop=tuple(stop)))


async def generate(engine: FakeEngine, request: GenerateRequest) -> tuple[list[Piece], Done]:
    *pieces, done = [event async for event in engine.generate(request)]
    assert isinstance(done, Done)
    return [piece for piece in pieces if isinstance(piece, Piece)], done


def answer(engine: FakeEngine, request: GenerateRequest) -> tuple[str, Done]:
    pieces, done = asyncio.run(generate(engine, request))
    return "".join(piece.text for piece in pieces), done


def test_an_answer_is_the_same_alone_and_beside_others(engine: FakeEngine, catalog: Catalog, model: ModelVersion) -> None:
    sampled = GenerateRequest(model, CHAT, Sampling(max_tokens=60, seed=7))
    requests = [greedy(model), sampled, greedy(catalog.find("other"))]

    async def together() -> list[str]:
        answers = await asyncio.gather(*(generate(engine, request) for request in requests))
        return ["".join(piece.text for piece in pieces) for pieces, _ in answers]

    alone = [answer(engine, request)[0] for request in requests]
    assert asyncio.run(together()) == alone
    assert len(set(alone)) == 3


def test_another_seed_draws_another_answer_unless_the_answer_is_greedy(engine: FakeEngine, model: ModelVersion) -> None:
    def texts(temperature: float) -> set[str]:
        seeds = [Sampling(max_tokens=60, temperature=temperature, seed=seed) for seed in range(4)]
        return {answer(engine, GenerateRequest(model, CHAT, sampling))[0] for sampling in seeds}

    assert len(texts(1.0)) > 1
    assert len(texts(0.0)) == 1
    assert texts(0.01) == texts(0.0)


def test_only_the_likeliest_tokens_are_drawn_when_top_k_or_top_p_say_so(engine: FakeEngine, model: ModelVersion) -> None:
    likeliest, _ = answer(engine, greedy(model))

    for narrow in (Sampling(max_tokens=60, top_k=1, seed=3), Sampling(max_tokens=60, top_p=0.5, seed=3)):
        assert answer(engine, GenerateRequest(model, CHAT, narrow))[0] == likeliest


def test_text_leaves_in_whole_characters_with_the_tokens_that_made_it(engine: FakeEngine, catalog: Catalog) -> None:
    pieces = [
        piece
        for version in catalog.versions()[:2]
        for prompt in ("covered ", "policy ", "and ", "fire ")
        for piece in asyncio.run(generate(engine, greedy(version, prompt)))[0][:-1]  # the last may be cut off by max_tokens
    ]

    assert all("\N{REPLACEMENT CHARACTER}" not in piece.text for piece in pieces)
    assert any(len(piece.text.encode()) > 1 for piece in pieces)  # some came of several tokens
    assert any(not piece.text and EOS not in piece.tokens for piece in pieces)  # and some tokens had to wait


def test_the_answer_ends_before_a_stop_string_wherever_its_tokens_are_cut(engine: FakeEngine, model: ModelVersion) -> None:
    whole, _ = answer(engine, greedy(model, "covered ", most=30))
    stop = whole[4:9]

    text, done = answer(engine, greedy(model, "covered ", stop=["never said", stop]))

    assert text == whole[: whole.index(stop)]
    assert done.finish_reason == "stop"


def test_text_that_only_began_like_a_stop_string_still_leaves(engine: FakeEngine, model: ModelVersion) -> None:
    whole, done = answer(engine, greedy(model, "covered ", most=30))

    assert answer(engine, greedy(model, "covered ", stop=[whole[2:7] + "#", whole[-3:] + "#"], most=30))[0] == whole
    assert done.finish_reason == "length"
    assert done.completion_tokens == 30


def test_a_label_s_score_is_the_sum_of_what_echo_tells_about_its_tokens(engine: FakeEngine, model: ModelVersion) -> None:
    prompt, labels = "Text: a pipe burst\nLabel: ", ["water", "wáter damage", "w"]

    scores = asyncio.run(engine.score(ScoreRequest(model, prompt, labels)))

    for label, length, total in zip(labels, scores.label_tokens, scores.log_likelihoods, strict=True):
        ids = [*prompt.encode(), *label.encode(), EOS]
        request = GenerateRequest(model, ids, Sampling(max_tokens=1), logprobs=1, echo=True)
        (echo, _), _ = asyncio.run(generate(engine, request))
        told = echo.logprobs[len(prompt) :]
        assert length == len(label.encode()) == len(told) - 1
        assert math.fsum(one.logprob or 0 for one in told) == pytest.approx(total, abs=1e-9)
    assert sum(map(math.exp, scores.log_likelihoods)) < 1


def test_log_probabilities_are_a_distribution_and_hold_the_likeliest_tokens(engine: FakeEngine, model: ModelVersion) -> None:
    request = GenerateRequest(model, "ab", Sampling(max_tokens=3, temperature=0), logprobs=4, echo=True)

    pieces, _ = asyncio.run(generate(engine, request))

    assert math.fsum(map(math.exp, next_logprobs(model.digest, [97]))) == pytest.approx(1)
    assert len(next_logprobs(model.digest, [97])) == VOCABULARY
    first, second = pieces[0].logprobs
    assert (first.logprob, first.top) == (None, {})
    assert second.logprob == next_logprobs(model.digest, [97])[98]
    generated: list[TokenLogprob] = [one for piece in pieces[1:] for one in piece.logprobs]
    assert [max(one.top.values()) for one in generated] == [one.logprob for one in generated]
    assert all(len(one.top) == len(one.top_texts) == 4 for one in generated)


def test_a_prompt_without_room_for_an_answer_is_refused_with_both_lengths(engine: FakeEngine, catalog: Catalog) -> None:
    short = catalog.find("short")

    with pytest.raises(ContextExceeded, match=r"24 tokens.*at most 24"):
        answer(engine, greedy(short, "x" * 24))
    with pytest.raises(ContextExceeded, match="28 tokens"):
        asyncio.run(engine.score(ScoreRequest(short, "x" * 20, ["fire", "the fire"])))

    _, done = answer(engine, greedy(short, "x" * 20))
    assert (done.finish_reason, done.completion_tokens) == ("length", 4)
    assert answer(engine, greedy(short, "x" * 20, most=0))[1].completion_tokens == 0


def test_the_queue_is_full_at_its_limit_and_free_again_when_a_caller_leaves(engine: FakeEngine, model: ModelVersion) -> None:
    async def story() -> None:
        running = [cast(AsyncGenerator[Event, None], engine.generate(greedy(model, "covered "))) for _ in range(4)]
        for one in running:
            await anext(one)
        with pytest.raises(Overloaded):
            await engine.score(ScoreRequest(model, "x", ["a"]))
        async with aclosing(running[0]):
            pass
        await engine.score(ScoreRequest(model, "x", ["a"]))
        for one in running[1:]:
            await one.aclose()

    asyncio.run(story())


def test_ids_become_text_and_text_becomes_ids_without_a_start_token(engine: FakeEngine, model: ModelVersion) -> None:
    async def story() -> None:
        ids = await engine.tokenize(model, "größer")
        assert await engine.detokenize(model, ids) == "größer"
        assert len(await engine.tokenize(model, "größer", add_special_tokens=True)) == len(ids) + 1
        with pytest.raises(InvalidRequest, match="Token 99999"):
            await engine.detokenize(model, [99999])

    asyncio.run(story())


def test_a_model_is_loaded_by_its_first_request_and_until_it_is_unloaded(engine: FakeEngine, model: ModelVersion) -> None:
    assert not engine.loaded(model)
    answer(engine, greedy(model))
    assert engine.loaded(model)
    asyncio.run(engine.unload(model))
    assert not engine.loaded(model)
