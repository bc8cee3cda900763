"""Every generation and classification is a row, committed before its answer leaves, whatever becomes of the request."""

import asyncio
import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.database.session import connect, transaction
from app.database.tables import Classification, Generation
from app.main import create_app
from app.settings import Settings
from tests.fakes import FallingEngine, MidwayEngine, SlowEngine, serve_with
from tests.inference.conftest import Rows, Start
from tests.server import serve

HELLO = {"model": "general", "messages": [{"role": "user", "content": "What is covered?"}], "max_tokens": 40}


def test_a_generation_s_row_holds_what_is_needed_to_ask_again(start: Start, rows: Rows, database_url: str) -> None:
    client = start(database_url=database_url)

    answer = client.post("/v1/chat/completions", json=HELLO | {"n": 2, "temperature": 0.7, "stop": "zzz"}).json()

    first, second = rows(client, Generation)
    choice, versus = answer["choices"][0], answer["versus"]
    assert (first.route, first.request_id, first.position) == ("chat", answer["id"], 0)
    assert (first.model, first.version, first.digest) == ("general", 1, versus["digest"])
    assert json.loads(first.prompt) == HELLO["messages"]
    assert first.sampling == {
        "max_tokens": 40,
        "temperature": 0.7,
        "top_p": 1.0,
        "top_k": 0,
        "stop": ["zzz"],
        "logprobs": None,
        "echo": False,
    }
    assert (first.seed, second.seed, second.position) == (versus["seed"], versus["seed"] + 1, 1)
    assert (first.text, first.finish_reason) == (choice["message"]["content"], choice["finish_reason"])
    assert first.prompt_tokens == second.prompt_tokens == answer["usage"]["prompt_tokens"]
    assert first.completion_tokens + second.completion_tokens == answer["usage"]["completion_tokens"]
    assert first.total_ms > 0
    assert first.error is None


def test_a_classification_s_row_holds_the_prompt_and_the_numbers(start: Start, rows: Rows, database_url: str) -> None:
    client = start(database_url=database_url)
    body = {"models": ["general", "claims"], "input": ["a pipe burst", "größer 😀"], "labels": ["water", "fire"]}

    answer = client.post("/v1/classify", json=body).json()

    logged = rows(client, Classification)
    assert [(row.request_id, row.position) for row in logged] == [(answer["id"], at) for at in range(4)]
    for row, result in zip(logged, answer["results"], strict=True):
        for name in ("model", "version", "digest", "label", "probabilities", "label_mass", "margin"):
            assert getattr(row, name) == result[name]
        assert row.input == body["input"][result["index"]]
        assert row.prompt.startswith("Choose the one label that fits the text best.\nLabels: water; fire")
        assert row.prompt_tokens == result["usage"]["prompt_tokens"]
        assert row.task is None
    assert rows(client, Generation) == []


def test_the_largest_seed_is_kept_whole(start: Start, rows: Rows, database_url: str) -> None:
    client = start(database_url=database_url)

    client.post("/v1/chat/completions", json=HELLO | {"seed": 2**63 - 1})

    assert [row.seed for row in rows(client, Generation)] == [2**63 - 1]


def test_a_generated_classification_and_ids_are_logged_as_generations(start: Start, rows: Rows) -> None:
    client = start()

    client.post("/v1/classify", json={"model": "general", "input": "x", "labels": ["a", "b"], "mode": "generate", "seed": 4})
    client.post("/v1/completions", json={"model": "general", "prompt": [[97, 98]], "echo": True, "max_tokens": 3})

    classified, completed = rows(client, Generation)
    assert (classified.route, classified.seed, classified.sampling["temperature"]) == ("classify", 4, 0.0)
    assert (completed.route, completed.prompt) == ("completions", "[97, 98]")
    assert not completed.text.startswith("ab")  # the answer alone


def test_a_stream_s_row_is_the_same_as_that_of_a_whole_answer(start: Start, rows: Rows) -> None:
    client = start()

    for stream in (True, False):
        assert client.post("/v1/chat/completions", json=HELLO | {"stream": stream, "seed": 3}).status_code == 200

    streamed, whole = rows(client, Generation)
    for name in ("route", "prompt", "sampling", "seed", "text", "finish_reason", "prompt_tokens", "completion_tokens", "error"):
        assert getattr(streamed, name) == getattr(whole, name)


def test_a_stream_whose_row_cannot_be_written_never_says_done(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    client = start()

    async def fail(*_: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("app.inference.store.log", fail)
    answer = client.post("/v1/chat/completions", json=HELLO | {"stream": True, "temperature": 0})

    *_, last, rest = answer.text.split("\n\n")
    assert rest == ""
    assert json.loads(last.removeprefix("data: "))["error"]["type"] == "server_error"
    assert '"finish_reason":"' not in answer.text


def test_a_request_that_takes_too_long_ends_with_504_and_leaves_what_was_produced(
    start: Start, rows: Rows, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    serve_with(monkeypatch, SlowEngine)
    client = start(request_timeout_s=0.5, database_url=database_url)

    answer = client.post("/v1/chat/completions", json=HELLO | {"temperature": 0})

    assert answer.status_code == 504
    assert "VERSUS_REQUEST_TIMEOUT_S" in answer.json()["error"]["message"]
    (row,) = rows(client, Generation)
    assert row.text
    assert row.completion_tokens >= len(row.text.encode())
    assert (row.finish_reason, row.prompt_tokens) == (None, None)
    assert row.error == answer.json()["error"]["message"]
    assert SlowEngine.running == 0


def test_a_stream_that_takes_too_long_ends_with_an_error_event(
    start: Start, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_with(monkeypatch, SlowEngine)
    client = start(request_timeout_s=0.5)

    answer = client.post("/v1/chat/completions", json=HELLO | {"stream": True, "temperature": 0})

    assert answer.status_code == 200  # it had begun
    *_, last, rest = answer.text.split("\n\n")
    assert rest == ""
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "deadline_exceeded"
    assert [row.finish_reason for row in rows(client, Generation)] == [None]
    assert SlowEngine.running == 0


def test_what_was_classified_in_time_is_logged_when_the_rest_was_too_slow(
    start: Start, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_with(monkeypatch, SlowEngine)
    client = start(request_timeout_s=0.5)

    answer = client.post("/v1/classify", json={"model": "general", "input": ["a", "slow", "b"], "labels": ["x", "y"]})

    assert answer.status_code == 504
    assert [row.input for row in rows(client, Classification)] == ["a", "b"]


def test_an_engine_that_falls_in_the_middle_leaves_a_row_and_an_error_nobody_must_guess_at(
    start: Start, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_with(monkeypatch, FallingEngine)
    client = start()

    answer = client.post("/v1/chat/completions", json=HELLO | {"stream": True, "temperature": 0})

    last = answer.text.split("\n\n")[-2]
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "internal_error"
    assert "floor" not in answer.text
    (row,) = rows(client, Generation)
    assert "the floor fell in" in row.error


def test_of_two_answers_the_one_that_was_stopped_because_the_other_failed_tells_so(
    start: Start, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_with(monkeypatch, MidwayEngine)
    client = start()

    answer = client.post("/v1/chat/completions", json=HELLO | {"n": 2})

    assert answer.status_code == 400
    assert {row.error for row in rows(client, Generation)} == {answer.json()["error"]["message"]}


def test_what_was_refused_before_it_began_leaves_no_row(start: Start, rows: Rows) -> None:
    client = start()

    client.post("/v1/completions", json={"model": "short", "prompt": "x" * 30})
    client.post("/v1/completions", json={"model": "nobody", "prompt": "x"})
    client.post("/v1/completions", json={"model": "general", "prompt": ""})

    assert rows(client, Generation) == []


# ---- A client that leaves, before a real server


@pytest.fixture
def served(models_dir: Path, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """Slow models on a real socket."""
    serve_with(monkeypatch, SlowEngine)
    monkeypatch.setattr(SlowEngine, "events", 0)
    app = create_app(Settings(models_dir=models_dir, data_dir=tmp_path, database_url=database_url))
    with (
        serve(app) as url,
        httpx.Client(base_url=url, timeout=30, trust_env=False) as caller,
    ):
        yield caller


def logged(database_url: str) -> Generation:
    """The first generation, once there is one."""

    async def wait() -> Generation:
        database = connect(database_url)
        try:
            for _ in range(200):
                async with transaction(database) as session:
                    found = await session.scalar(select(Generation))
                if found is not None:
                    return found
                await asyncio.sleep(0.05)
            raise AssertionError("no row")
        finally:
            await database.close()

    return asyncio.run(wait())


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_stops_the_engine_and_what_was_produced_is_logged(
    served: httpx.Client, database_url: str, stream: bool
) -> None:
    body = {"model": "general", "prompt": "covered ", "temperature": 0, "max_tokens": 1000, "stream": stream}

    if stream:
        with served.stream("POST", "/v1/completions", json=body) as answer:
            assert json.loads(next(answer.iter_lines()).removeprefix("data: "))["choices"][0]["text"]
    else:
        caller = http.client.HTTPConnection(served.base_url.host, served.base_url.port)
        caller.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
        while SlowEngine.events < 3:
            time.sleep(0.01)
        caller.close()

    row = logged(database_url)
    assert row.error == "The client left before the end of the answer."
    assert row.text
    assert row.finish_reason is None
    assert SlowEngine.running == 0
