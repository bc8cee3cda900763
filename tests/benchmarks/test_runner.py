"""What is asked, in which order, and how the odd answers become rows."""

import asyncio
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.benchmarks.client import Refused, ServiceClient
from app.benchmarks.runner import (
    SCORINGS,
    Arm,
    BaselineArm,
    Case,
    Chunk,
    ModelArm,
    Style,
    call_seed,
    few_shot_arm,
    pick_examples,
    plan_test,
    plan_validation,
    sample,
    styles_to_try,
    timed_alone,
    wording,
)
from app.errors import Conflict, DeadlineExceeded, Overloaded, Unavailable
from app.inference.schemas import Scoring

ARM = Arm(name="plain", kind="general", model="plain@1", digest="d" * 64)
LABELS = ("auto", "home", "travel")


def cases(count: int, start: int = 0) -> list[Case]:
    """Half auto, a third home, a sixth travel."""
    golds = ("auto", "home", "auto", "travel", "home", "auto")
    return [Case(start + n, f"text {n} {golds[n % 6]}", golds[n % 6]) for n in range(count)]


# ---- Samples


def test_any_prefix_of_a_sample_is_stratified_and_the_seed_decides_the_order() -> None:
    everything = sample(cases(600), None, seed=3)
    assert sorted(case.id for case in everything) == list(range(600))
    for size in (60, 120, 300):
        shares = Counter(case.gold for case in everything[:size])
        assert abs(shares["auto"] - size / 2) <= 2
        assert abs(shares["travel"] - size / 6) <= 2
    assert sample(cases(600), 60, seed=3) == everything[:60]
    assert sample(list(reversed(cases(600))), None, seed=3) == everything
    assert sample(cases(600), None, seed=4) != everything


def test_examples_take_labels_in_turn_and_run_out_gracefully() -> None:
    train = cases(30)
    picked = pick_examples(train, LABELS, 12, seed=0)
    assert picked == pick_examples(train, LABELS, 64, seed=0)[:12]
    for shown in (3, 6, 9, 12):
        assert set(Counter(case.gold for case in picked[:shown]).values()) == {shown // 3}
    assert len(pick_examples(train, LABELS, 64, seed=0)) == 30
    assert pick_examples([], LABELS, 64, seed=0) == []


def test_a_general_model_is_asked_in_each_way_of_scoring_with_numbers_of_examples_that_fit() -> None:
    assert styles_to_try(ARM) == [Style(0, "sum"), Style(0, "mean"), Style(0, "calibrated")]
    few_shot = few_shot_arm(ARM)
    assert styles_to_try(few_shot, 0) == []
    assert [style.shots for style in styles_to_try(few_shot, 3)] == [3, 3, 3]
    assert [style.shots for style in styles_to_try(few_shot, 14)][::3] == [4, 8, 14]


def test_a_custom_model_is_asked_as_it_was_trained() -> None:
    assert styles_to_try(replace(ARM, kind="custom")) == [Style()]


@given(st.integers(0, 999), st.sampled_from(SCORINGS))
def test_a_condition_of_validation_tells_its_style(shots: int, scoring: Scoring) -> None:
    style = Style(shots, scoring)
    assert Style.of(style.condition) == style
    assert len(style.condition) <= 32  # the column's width
    assert Style.of("base") == Style.of("rerun-3") == Style()


# ---- Plan


def test_the_first_test_cases_go_alone_and_only_the_first_are_repeated() -> None:
    chunks = plan_test(ARM, range(120), repeated=30, repeats=2, rewordings=1, concurrency=4)
    alone = [case for chunk in chunks if chunk.condition == "base" and chunk.concurrency == 1 for case in chunk.cases]
    together = [case for chunk in chunks if chunk.condition == "base" and chunk.concurrency == 4 for case in chunk.cases]
    assert (alone, together) == (list(range(50)), list(range(50, 120)))
    again = Counter(chunk.condition for chunk in chunks for _ in chunk.cases)
    assert again == {"base": 120, "rerun-1": 30, "rerun-2": 30, "reword-1": 30}
    assert all(len(chunk.cases) <= 20 for chunk in chunks)


def test_a_small_test_is_halved_and_one_request_at_a_time_times_all() -> None:
    assert timed_alone(30, 4) == 15
    assert timed_alone(30, 1) == 30
    assert timed_alone(1, 4) == 0


def test_validation_is_answered_once_per_style() -> None:
    styles = [Style(4, "sum"), Style(8, "mean")]
    chunks = plan_validation(few_shot_arm(ARM), range(30), styles, 4)
    assert Counter(chunk.condition for chunk in chunks for _ in chunk.cases) == {
        "validation-4-sum": 30,
        "validation-8-mean": 30,
    }


def test_sampled_calls_differ_between_cases_and_reruns_but_not_when_asked_again() -> None:
    seeds = {call_seed(0, case, f"rerun-{n}") for case in range(100) for n in range(1, 6)}
    assert len(seeds) == 500
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert call_seed(0, 7, "rerun-1") == call_seed(0, 7, "rerun-1")


def test_rewordings_are_the_same_for_every_arm_and_reruns_keep_the_words() -> None:
    text = "The car of our client was damaged, see policy 4711."
    assert wording(text, "rerun-1", 0) == wording(text, "base", 0) == text
    reworded = [wording(text, f"reword-{n}", 0) for n in (1, 2, 3)]
    assert len({text, *reworded}) == 4
    assert reworded == [wording(text, f"reword-{n}", 0) for n in (1, 2, 3)]


# ---- Asking


def service(answers: list[Any]) -> ServiceClient:
    """A client whose requests get `answers` in turn: a status with body and headers, or an exception."""
    client = ServiceClient("http://service", patience_s=0.5)

    def handle(request: httpx.Request) -> httpx.Response:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, body, headers = answer
        return httpx.Response(status, json=body, headers=headers, request=request)

    client._http = httpx.AsyncClient(base_url="http://service", transport=httpx.MockTransport(handle))
    return client


def result(label: str | None = "auto", digest: str = "d" * 64) -> dict[str, Any]:
    usage = {"prompt_tokens": 9, "completion_tokens": 0}
    one = {"label": label, "probabilities": None, "label_mass": None, "text": None, "usage": usage, "digest": digest}
    return {"id": "cls_1", "results": [one]}


def error(code: str) -> dict[str, Any]:
    return {"error": {"message": f"It is {code}.", "type": "t", "param": None, "code": code}}


async def rows_of(answers: list[Any]) -> list[dict[str, Any]]:
    async with service(answers) as client:
        arm = ModelArm(ARM, client, "claims-desk", LABELS, seed=0)
        return await arm.answer(cases(2), Chunk("plain", "base", (0, 1), 2), [])


def test_a_case_longer_than_the_context_is_a_wrong_answer_that_stays_in() -> None:
    answers = [(400, error("context_length_exceeded"), {}), (200, result(), {})]
    first, second = sorted(asyncio.run(rows_of(answers)), key=lambda row: row["label"] is not None)
    assert (first["label"], first["error"]) == (None, "It is context_length_exceeded.")
    assert (second["label"], second["error"], second["prompt_tokens"]) == ("auto", None, 9)
    assert first.keys() == second.keys()


def test_another_error_ends_the_run_instead_of_counting_against_the_model() -> None:
    with pytest.raises(Refused, match="It is model_not_found"):
        asyncio.run(rows_of([(404, error("model_not_found"), {})]))


def test_the_longest_texts_are_those_with_the_most_tokens_not_characters() -> None:
    client = ServiceClient("http://service")

    def handle(request: httpx.Request) -> httpx.Response:
        count = len(json.loads(request.content)["prompt"].split())
        return httpx.Response(200, json={"count": count}, request=request)

    client._http = httpx.AsyncClient(base_url="http://service", transport=httpx.MockTransport(handle))

    async def ask() -> list[str]:
        async with client:
            arm = ModelArm(ARM, client, "claims-desk", LABELS, seed=0)
            return await arm.longest(["one long-word-that-is-a-token", "a b c d e", "a b", "a b c"], count=2)

    assert asyncio.run(ask()) == ["a b c d e", "a b c"]


def test_an_answer_of_another_digest_ends_the_run() -> None:
    with pytest.raises(Conflict, match="no longer what this run began with"):
        asyncio.run(rows_of([(200, result(digest="e" * 64), {})]))


def test_a_busy_or_restarting_service_is_waited_for() -> None:
    answers = [httpx.ConnectError("refused"), (503, error("unavailable"), {}), (429, error("overloaded"), {"Retry-After": "0"})]
    rows = asyncio.run(rows_of([*answers, (200, result(), {})]))
    assert [row["label"] for row in rows] == ["auto", "auto"]


def test_a_refused_request_and_a_server_error_are_not_repeated() -> None:
    for status in (400, 422, 500):
        answers: list[Any] = [(status, error("no"), {}), (200, result(), {})]
        with pytest.raises(Refused) as refused:
            asyncio.run(first_answer(answers))
        assert refused.value.status == status


def test_patience_ends_with_a_sentence() -> None:
    with pytest.raises(Unavailable, match="start it with `versus serve`"):
        asyncio.run(first_answer([httpx.ConnectError("refused")]))
    with pytest.raises(Overloaded, match="stayed busy"):
        asyncio.run(first_answer([(429, error("overloaded"), {"Retry-After": "9"})]))
    with pytest.raises(DeadlineExceeded):
        asyncio.run(first_answer([httpx.ReadTimeout("slow")]))


async def first_answer(answers: list[Any]) -> Any:
    async with service(answers) as client:
        return await client.get("/v1/models")


# ---- Baselines


def test_a_baseline_answers_reworded_texts_and_the_same_on_every_rerun() -> None:
    arm = Arm(name="TF-IDF", kind="baseline", model="tfidf-logistic")
    fitted = BaselineArm(arm, cases(60), cases(12, start=60), seed=0)
    test = cases(12, start=100)
    base, rerun, reword = (
        fitted.answer(test, Chunk("TF-IDF", condition, tuple(case.id for case in test), concurrency))
        for condition, concurrency in (("base", 1), ("rerun-1", 4), ("reword-2", 4))
    )
    assert [row["label"] for row in base] == [case.gold for case in test]
    assert [row["label"] for row in rerun] == [row["label"] for row in base]
    assert [row["case_id"] for row in reword] == [case.id for case in test]
    assert all(sum(row["probabilities"].values()) == pytest.approx(1) for row in base)
    assert fitted.baseline.validation_accuracy == 1.0


def test_requests_of_a_chunk_are_in_flight_together_but_never_more_than_asked() -> None:
    now, most = 0, 0

    async def ask() -> None:
        client = ServiceClient("http://service")

        async def handle(request: httpx.Request) -> httpx.Response:
            nonlocal now, most
            now, most = now + 1, max(most, now + 1)
            await asyncio.sleep(0.01)
            now -= 1
            return httpx.Response(200, json=result(), request=request)

        client._http = httpx.AsyncClient(base_url="http://service", transport=httpx.MockTransport(handle))
        async with client:
            arm = ModelArm(ARM, client, "claims-desk", LABELS, seed=0)
            rows = await arm.answer(cases(10), Chunk("plain", "base", tuple(range(10)), 3), [])
            assert [row["case_id"] for row in rows] == list(range(10))
            assert all(row["latency_ms"] >= 10 for row in rows)

    asyncio.run(ask())
    assert most == 3
