"""What is asked, in which order, and how the odd answers become rows."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.benchmarks.asking import GIVE_UP, GIVEN_UP, BaselineArm, ModelArm, call_seed, wording
from app.benchmarks.client import Refused, ServiceClient
from app.benchmarks.runner import (
    HOWS,
    Arm,
    Case,
    Chunk,
    How,
    Style,
    few_shot_arm,
    pick_examples,
    plan_test,
    plan_validation,
    sample,
    styles_to_try,
    timed_alone,
)
from app.errors import Conflict, DeadlineExceeded, Overloaded, Unavailable

ARM = Arm(name="plain", kind="general", model="plain@1", digest="d" * 64)
LABELS = ("auto", "home", "travel")


def shown_none(case: Case) -> list[Case]:
    """A case that no example is shown with."""
    return []


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


def test_a_model_whose_engine_cannot_score_is_asked_to_say_the_label() -> None:
    assert styles_to_try(replace(ARM, scores=False)) == [Style(0, "generate")]
    assert styles_to_try(replace(ARM, kind="custom", scores=False)) == [Style(0, "generate")]
    assert styles_to_try(replace(few_shot_arm(ARM), scores=False), 4) == [Style(4, "generate")]


@given(st.integers(0, 999), st.sampled_from(HOWS))
def test_a_condition_of_validation_tells_its_style(shots: int, how: How) -> None:
    style = Style(shots, how)
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
    timing = {"queue_ms": 1.0, "ttft_ms": None, "total_ms": 4.0}
    one = {"label": label, "probabilities": None, "label_mass": None, "text": None, "prompt_sha256": "5" * 64, "seed": None}
    one |= {"usage": usage, "digest": digest, "timing": timing}
    return {"id": "cls_1", "results": [one]}


def error(code: str) -> dict[str, Any]:
    return {"error": {"message": f"It is {code}.", "type": "t", "param": None, "code": code}}


async def rows_of(answers: list[Any]) -> list[dict[str, Any]]:
    async with service(answers) as client:
        arm = ModelArm(ARM, client, "claims-desk", LABELS, seed=0)
        return await arm.answer(cases(2), Chunk("plain", "base", (0, 1), 2), shown_none)


def test_a_case_longer_than_the_context_is_a_wrong_answer_that_stays_in() -> None:
    answers = [(400, error("context_length_exceeded"), {}), (200, result(), {})]
    first, second = sorted(asyncio.run(rows_of(answers)), key=lambda row: row["label"] is not None)
    assert (first["label"], first["error"]) == (None, "It is context_length_exceeded.")
    assert (second["label"], second["error"], second["prompt_tokens"]) == ("auto", None, 9)
    assert first.keys() == second.keys()


def test_a_case_that_gets_an_error_counts_as_wrong_and_says_why() -> None:
    rows = asyncio.run(rows_of([(400, error("refused"), {}), (200, result(), {})]))
    assert sorted((row["error_code"] or "", row["label"] or "") for row in rows) == [("", "auto"), ("refused", "")]


def test_what_failed_over_there_is_asked_once_more() -> None:
    rows = asyncio.run(rows_of([(502, error("upstream_failed"), {}), (200, result(), {})]))
    assert [row["label"] for row in rows] == ["auto", "auto"]
    assert {row["error"] for row in asyncio.run(rows_of([(502, error("upstream_failed"), {})]))} == {"It is upstream_failed."}


def recorded(handle: Callable[[dict[str, Any]], httpx.Response]) -> tuple[ModelArm, list[dict[str, Any]]]:
    """An arm whose requests `handle` answers, and the bodies that it got."""
    client, bodies = ServiceClient("http://service", patience_s=0.2), list[dict[str, Any]]()

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return handle(bodies[-1])

    client._http = httpx.AsyncClient(base_url="http://service", transport=httpx.MockTransport(answer))
    return ModelArm(ARM, client, "claims-desk", LABELS, seed=0), bodies


def test_after_errors_in_a_row_an_arm_is_given_up_and_its_other_cases_have_rows_all_the_same() -> None:
    arm, bodies = recorded(lambda _: httpx.Response(400, json=error("broken")))
    chunk = Chunk("plain", "base", tuple(range(60)), 1)
    rows = asyncio.run(arm.answer(cases(60), chunk, shown_none))
    assert len(bodies) == GIVE_UP
    assert Counter(row["error_code"] for row in rows) == {"broken": GIVE_UP, GIVEN_UP: 60 - GIVE_UP}
    assert {row["error"] for row in rows} == {"It is broken."}
    assert {row["label"] for row in rows} == {None}


def test_a_model_that_stays_unavailable_is_given_up_at_once() -> None:
    arm, _ = recorded(lambda _: httpx.Response(503, json=error("unavailable")))
    rows = asyncio.run(arm.answer(cases(3), Chunk("plain", "base", (0, 1, 2), 1), shown_none))
    assert [row["error_code"] for row in rows] == ["unavailable", GIVEN_UP, GIVEN_UP]


def test_prompts_that_are_all_too_long_are_wrong_answers_and_no_reason_to_give_up() -> None:
    arm, bodies = recorded(lambda _: httpx.Response(400, json=error("context_length_exceeded")))
    rows = asyncio.run(arm.answer(cases(30), Chunk("plain", "base", tuple(range(30)), 4), shown_none))
    assert (len(bodies), arm.given_up) == (30, None)
    assert {row["error_code"] for row in rows} == {"context_length_exceeded"}


def told(body: dict[str, Any]) -> httpx.Response:
    """Each text's own label; one that says LONG makes its whole request too long."""
    if any("LONG" in text for text in body["input"]):
        return httpx.Response(400, json=error("context_length_exceeded"))
    results = [result(text.split()[-1])["results"][0] for text in body["input"]]
    return httpx.Response(200, json={"results": results})


def test_cases_share_requests_once_their_pace_is_known_and_keep_a_row_each() -> None:
    arm, bodies = recorded(told)
    asked = [*cases(40), Case(40, "LONG auto", "auto"), *cases(9, start=41)]

    async def ask() -> list[dict[str, Any]]:
        await arm.answer(cases(5), Chunk("plain", "base", tuple(range(5)), 1), shown_none)
        return await arm.answer(asked, Chunk("plain", "base", tuple(range(50)), 2, texts=16), shown_none)

    rows = asyncio.run(ask())
    sizes = Counter(len(body["input"]) for body in bodies)
    # Of four requests the third holds the long one: it is refused, and its cases are asked one by one.
    assert sizes == {1: 5 + 16, 16: 3, 2: 1}
    assert [row["case_id"] for row in rows] == [case.id for case in asked]
    assert [row["label"] for row in rows] == [None if case.id == 40 else case.gold for case in asked]
    assert {row["latency_ms"] is None for row in rows[:32]} == {True}  # a round trip that many share is nobody's own


def test_only_cases_that_are_shown_the_same_examples_share_a_request() -> None:
    arm, bodies = recorded(told)
    arm._pace_s = 0.001
    shown = {case.id: cases(1, start=90 if case.id < 4 else 91 + case.id) for case in cases(8)}
    rows = asyncio.run(arm.answer(cases(8), Chunk("plain", "base", tuple(range(8)), 2, texts=16), lambda case: shown[case.id]))
    assert [row["case_id"] for row in rows] == list(range(8))
    assert sorted(len(body["input"]) for body in bodies) == [1, 1, 1, 1, 4]


def test_a_slow_model_and_generated_answers_get_a_request_for_each_case() -> None:
    for how, pace in (("sum", 3.0), ("generate", 0.001)):
        arm, bodies = recorded(told)
        arm._pace_s = pace
        asyncio.run(arm.answer(cases(6), Chunk("plain", "base", tuple(range(6)), 2, texts=16), shown_none, how))  # type: ignore[arg-type]
        assert [len(body["input"]) for body in bodies] == [1] * 6
    assert {body["temperature"] for body in bodies} == {0.0}
    assert len({body["seed"] for body in bodies}) == 6


def test_only_the_best_label_is_asked_for_where_no_probabilities_are_wanted() -> None:
    arm, bodies = recorded(told)
    arm._probabilities = False
    asyncio.run(arm.answer(cases(1), Chunk("plain", "base", (0,), 1), shown_none, "mean"))
    asyncio.run(arm.answer(cases(1), Chunk("plain", "rerun-1", (0,), 1), shown_none))
    scored, sampled = bodies
    assert (scored["probabilities"], scored["scoring"]) == (False, "mean")
    assert "probabilities" not in sampled


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
            rows = await arm.answer(cases(10), Chunk("plain", "base", tuple(range(10)), 3), shown_none)
            assert [row["case_id"] for row in rows] == list(range(10))
            assert all(row["latency_ms"] >= 10 for row in rows)

    asyncio.run(ask())
    assert most == 3
