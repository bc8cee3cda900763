"""Our service keeps every rule of evaluation clients; a server that breaks one is found out by that rule."""

import asyncio
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.benchmarks import conformance
from app.benchmarks.conformance import RULES, Finding, examine

ROOT = Path(__file__).parents[2]
Spoil = Callable[[dict[str, Any], dict[str, Any]], None]  # what was asked, the answer to change


def findings(url: str) -> list[Finding]:
    async def collect() -> list[Finding]:
        return [finding async for finding in examine(url)]

    return asyncio.run(collect())


def test_every_rule_holds_for_our_service(service: str) -> None:
    found = findings(service)
    assert [finding for finding in found if finding.state != "holds"] == []
    assert [finding.rule for finding in found] == [*RULES]
    assert len(found) >= 15


def test_the_command_says_so_rule_by_rule_and_ends_with_0(service: str) -> None:
    command = [sys.executable, "-m", "app.cli", "conformance"]
    told = subprocess.run([*command, f"{service}/v1"], capture_output=True, text=True, cwd=ROOT)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "rules hold, 0 break" in told.stdout
    listed = subprocess.run([*command, service, "--json", "--model", "general"], capture_output=True, text=True, cwd=ROOT)
    assert {finding["state"] for finding in json.loads(listed.stdout)} == {"holds"}
    nowhere = subprocess.run([*command, "http://127.0.0.1:9"], capture_output=True, text=True, cwd=ROOT)
    assert nowhere.returncode == 2
    assert "base URL" in nowhere.stderr
    unset = subprocess.run([*command, service, "--key-env", "NO_SUCH_KEY"], capture_output=True, text=True, cwd=ROOT)
    assert unset.returncode == 2
    assert "NO_SUCH_KEY is not set" in unset.stderr


# ---- Servers that break rules: ours, with its answers changed on the way


def each_logprobs(change: Callable[[dict[str, Any]], None]) -> Spoil:
    def spoil(asked: dict[str, Any], answer: dict[str, Any]) -> None:
        for choice in answer["choices"]:
            if choice.get("logprobs"):
                change(choice["logprobs"])

    return spoil


def without_the_last(told: dict[str, Any]) -> None:
    del told["token_logprobs"][-1], told["top_logprobs"][-1]


def in_base_10(told: dict[str, Any]) -> None:
    told["top_logprobs"] = [
        top and {token: value / math.log(10) for token, value in top.items()} for top in told["top_logprobs"]
    ]


def rounded_apart(told: dict[str, Any]) -> None:
    told["token_logprobs"] = [value and round(value, 5) - 1e-6 for value in told["token_logprobs"]]


def cooled(asked: dict[str, Any], answer: dict[str, Any]) -> None:
    if asked["temperature"]:
        each_logprobs(lambda told: told.update(token_logprobs=[v and v / 1.5 for v in told["token_logprobs"]]))(asked, answer)


def of_the_whole_prompt(asked: dict[str, Any], answer: dict[str, Any]) -> None:
    size = len(asked["prompt"][0]) if isinstance(asked["prompt"][0], list) else 1
    each_logprobs(lambda told: told.update(token_logprobs=[v and v - size for v in told["token_logprobs"]]))(asked, answer)


def in_company(asked: dict[str, Any], answer: dict[str, Any]) -> None:
    if len(answer["choices"]) > 1:
        each_logprobs(lambda told: told.update(token_logprobs=[v and v - 0.1 for v in told["token_logprobs"]]))(asked, answer)


def ending_late(asked: dict[str, Any], answer: dict[str, Any]) -> None:
    for stop in asked.get("stop", []):
        answer["choices"][0]["text"] += stop


@pytest.mark.parametrize(
    ("rule", "spoil"),
    [
        ("length", each_logprobs(without_the_last)),
        ("first", each_logprobs(lambda told: told["token_logprobs"].__setitem__(0, 0.0))),
        ("natural logs", each_logprobs(lambda told: told["token_logprobs"].__setitem__(2, 0.5))),
        ("greedy is exact", each_logprobs(in_base_10)),
        ("conditional", of_the_whole_prompt),
        ("argmax", each_logprobs(lambda told: told["top_logprobs"].__setitem__(3, {}))),
        ("greedy is exact", each_logprobs(rounded_apart)),
        ("temperature", cooled),
        ("batch", in_company),
        ("choices", lambda asked, answer: [choice.update(index=0) for choice in answer["choices"]]),
        ("shapes", lambda asked, answer: answer.update(choices=answer["choices"] * 2)),
        ("nothing added", lambda asked, answer: answer["usage"].update(prompt_tokens=answer["usage"]["prompt_tokens"] + 1)),
        ("stop", ending_late),
        ("greedy again", lambda asked, answer: answer["choices"][0].update(text=answer["id"])),
    ],
)
def test_a_server_that_breaks_a_rule_is_found_out(
    service: str, rule: str, spoil: Spoil, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Spoiling(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await super().handle_async_request(request)
            body = await response.aread()
            if request.url.path == "/v1/completions" and response.is_success:
                answer = json.loads(body)
                spoil(json.loads(request.content), answer)
                body = json.dumps(answer).encode()
            return httpx.Response(response.status_code, content=body, request=request)

    real = httpx.AsyncClient
    monkeypatch.setattr(conformance.httpx, "AsyncClient", lambda **kwargs: real(**kwargs, transport=Spoiling()))
    state = {finding.rule: finding for finding in findings(service)}
    assert state[rule].state == "breaks", state
    assert state[rule].seen


def test_a_key_is_sent_and_without_one_the_header_has_nothing_behind_it() -> None:
    seen = set()

    def handle(request: httpx.Request) -> httpx.Response:
        seen.add(request.headers["authorization"])
        return httpx.Response(200, json={"data": []})

    async def collect(key: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            real = httpx.AsyncClient
            patch.setattr(
                conformance.httpx, "AsyncClient", lambda **kwargs: real(**kwargs, transport=httpx.MockTransport(handle))
            )
            assert [finding.state async for finding in examine("http://elsewhere", key=key)] == ["breaks"]  # no model

    for key in ("", "secret"):
        asyncio.run(collect(key))
    assert seen == {"Bearer", "Bearer secret"}


def test_errors_that_are_no_4xx_and_routes_that_are_not_there_are_told() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/models":
            return httpx.Response(200, json={"data": [{"id": "m"}]})
        if request.url.path == "/v1/completions":
            return httpx.Response(500, text="<html>")
        return httpx.Response(404, json={"detail": "Not Found"})

    async def collect() -> dict[str, str]:
        with pytest.MonkeyPatch.context() as patch:
            real = httpx.AsyncClient
            patch.setattr(
                conformance.httpx, "AsyncClient", lambda **kwargs: real(**kwargs, transport=httpx.MockTransport(handle))
            )
            return {finding.rule: finding.state async for finding in examine("http://elsewhere")}

    state = asyncio.run(collect())
    assert state.pop("tokenizer_info") == state.pop("tokenize") == "not offered"
    assert set(state.values()) == {"breaks"}
