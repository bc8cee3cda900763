"""Whatever is wrong with a request is told with the field's name, before any work; nothing is dropped in silence."""

import json
from typing import Any

import pytest
from openai.types import completion_create_params
from openai.types.chat import completion_create_params as chat_params
from starlette.testclient import TestClient

from app.inference.schemas import ChatIn, CompletionIn
from tests.inference.conftest import Start

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
HELLO = [{"role": "user", "content": "hello"}]


def refused(client: TestClient, path: str, status: int, **fields: Any) -> Any:
    default = {"messages": HELLO} if path == CHAT else {"prompt": "hello"}
    answer = client.post(path, json={"model": "general", "max_tokens": 3} | default | fields)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


@pytest.mark.parametrize(
    ("body", "params"),
    [(ChatIn, chat_params.CompletionCreateParamsBase), (CompletionIn, completion_create_params.CompletionCreateParamsBase)],
)
def test_every_field_of_openai_s_own_client_is_known(body: type[ChatIn | CompletionIn], params: type) -> None:
    assert set(params.__annotations__) - {"stream"} <= set(body.model_fields)


@pytest.mark.parametrize(("path", "body"), [(CHAT, ChatIn), (COMPLETIONS, CompletionIn)])
def test_a_field_we_cannot_honour_yet_is_refused_by_name_unless_it_asks_for_nothing(
    client: TestClient, path: str, body: type[ChatIn | CompletionIn]
) -> None:
    not_yet = [name for name, field in body.model_fields.items() if "not supported yet" in (field.description or "")]
    assert set(not_yet) == set(body.neutral)

    for name in not_yet:
        error = refused(client, path, 400, **{name: "something"})
        assert error["param"] == name
        assert "not supported yet" in error["message"]
        for neutral in (None, *body.neutral[name]):
            default = {"messages": HELLO} if path == CHAT else {"prompt": "hello"}
            answer = client.post(path, json={"model": "general", "max_tokens": 1, **default, name: neutral})
            assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("path", "fields", "status", "param"),
    [
        (CHAT, {"temprature": 1}, 422, "temprature"),
        (CHAT, {"messages": [{"role": "user", "content": "x", "nme": "y"}]}, 422, "messages.0.nme"),
        (CHAT, {"messages": []}, 422, "messages"),
        (CHAT, {"messages": "hello"}, 422, "messages"),
        (CHAT, {"messages": [{"role": "user", "content": " "}]}, 422, "messages.0.content"),
        (CHAT, {"messages": [{"role": "user"}]}, 422, "messages.0.content"),
        (CHAT, {"messages": [{"role": "system", "content": ""}]}, 422, "messages"),
        (CHAT, {"messages": [{"role": "wizard", "content": "x"}]}, 422, "messages.0.role"),
        (CHAT, {"messages": [{"role": "tool", "content": "x", "tool_call_id": "1"}]}, 400, "messages.0.tool_call_id"),
        (CHAT, {"messages": [{"role": "tool", "content": "x"}]}, 400, "messages.0.role"),
        (
            CHAT,
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            400,
            "messages.0.content",
        ),
        (CHAT, {"messages": [{"role": "user", "content": "a\0b"}]}, 422, "messages.0.content.text"),
        (CHAT, {"messages": [{"role": "user", "content": "x" * 2001}]}, 413, "messages"),
        (CHAT, {"messages": [*HELLO, {"role": "user", "content": "x" * 1999}]}, 413, "messages"),
        (CHAT, {"n": 0}, 422, "n"),
        (CHAT, {"n": 1000}, 422, "n"),
        (CHAT, {"n": "2"}, 422, "n"),
        (CHAT, {"n": True}, 422, "n"),
        (CHAT, {"temperature": -0.1}, 422, "temperature"),
        (CHAT, {"temperature": 2.1}, 422, "temperature"),
        (CHAT, {"top_p": 0}, 422, "top_p"),
        (CHAT, {"top_p": 1.1}, 422, "top_p"),
        (CHAT, {"top_k": -1}, 422, "top_k"),
        (CHAT, {"seed": -1}, 422, "seed"),
        (CHAT, {"seed": 2**63}, 422, "seed"),
        (CHAT, {"seed": 1.5}, 422, "seed"),
        (CHAT, {"max_tokens": 0}, 422, "max_tokens"),
        (CHAT, {"max_completion_tokens": 2**40}, 422, "max_completion_tokens"),
        (CHAT, {"max_completion_tokens": 4}, 422, "max_tokens"),
        (CHAT, {"stop": ""}, 422, "stop.text"),
        (CHAT, {"stop": ["a", ""]}, 422, "stop.texts.1"),
        (CHAT, {"stop": [str(at) for at in range(100)]}, 422, "stop.texts"),
        (CHAT, {"stop": 5}, 422, "stop"),
        (CHAT, {"top_logprobs": 2}, 422, "top_logprobs"),
        (CHAT, {"logprobs": True, "top_logprobs": 21}, 422, "top_logprobs"),
        (CHAT, {"stream_options": {"include_usage": True}}, 422, "stream_options"),
        (CHAT, {"stream": True, "stream_options": {"include_usge": True}}, 422, "stream_options.include_usge"),
        (CHAT, {"model": ""}, 422, "model"),
        (CHAT, {"model": "x" * 201}, 422, "model"),
        (CHAT, {"model": "generel"}, 404, "model"),
        (CHAT, {"model": "general@7"}, 404, "model"),
        (CHAT, {"model": "short", "messages": [{"role": "user", "content": "x" * 24}]}, 400, None),
        (CHAT, {"model": "short", "messages": [{"role": "user", "content": "x" * 24}], "stream": True}, 400, None),
        (COMPLETIONS, {"prompt": ""}, 422, "prompt.text"),
        (COMPLETIONS, {"prompt": []}, 422, "prompt.texts"),
        (COMPLETIONS, {"prompt": ["a", ""]}, 422, "prompt.texts.1"),
        (COMPLETIONS, {"prompt": [[]]}, 422, "prompt.lists of tokens.0"),
        (COMPLETIONS, {"prompt": [1, -2]}, 422, "prompt.tokens.1"),
        (COMPLETIONS, {"prompt": [1, True]}, 422, "prompt.tokens.1"),
        (COMPLETIONS, {"prompt": [1, "a"]}, 422, "prompt.tokens.1"),
        (COMPLETIONS, {"prompt": [2**31]}, 422, "prompt.tokens.0"),
        (COMPLETIONS, {"prompt": [[300]]}, 400, "prompt"),
        (COMPLETIONS, {"prompt": None}, 422, "prompt"),
        (COMPLETIONS, {"prompt": {"a": 1}}, 422, "prompt"),
        (COMPLETIONS, {"prompt": "x" * 2001}, 413, "prompt"),
        (COMPLETIONS, {"prompt": [[1] * 2001]}, 413, "prompt"),
        (COMPLETIONS, {"prompt": ["x"] * 9}, 413, "prompt"),
        (COMPLETIONS, {"prompt": ["x"] * 5, "n": 2}, 413, "prompt"),
        (COMPLETIONS, {"logprobs": 21}, 422, "logprobs"),
        (COMPLETIONS, {"logprobs": True}, 422, "logprobs"),
    ],
)
def test_what_is_wrong_is_told_with_the_field_s_name(
    client: TestClient, path: str, fields: dict[str, Any], status: int, param: str | None
) -> None:
    assert refused(client, path, status, **fields)["param"] == param


@pytest.mark.parametrize(
    ("path", "fields", "setting"),
    [
        (CHAT, {"messages": [{"role": "user", "content": "x" * 2001}]}, "VERSUS_MAX_PROMPT_CHARS"),
        (COMPLETIONS, {"prompt": "x" * 2001}, "VERSUS_MAX_PROMPT_CHARS"),
        (COMPLETIONS, {"prompt": ["x"] * 9}, "VERSUS_MAX_INPUTS"),
    ],
)
def test_a_limit_is_told_with_its_number_and_its_setting(
    client: TestClient, path: str, fields: dict[str, Any], setting: str
) -> None:
    message = refused(client, path, 413, **fields)["message"]

    assert setting in message
    assert "at most 2000 " in message or "at most 8 " in message


def test_half_a_surrogate_pair_and_numbers_json_does_not_know_are_refused_wherever_they_stand(client: TestClient) -> None:
    for path, body in [
        (COMPLETIONS, '{"model": "general", "prompt": "a\\ud800"}'),
        (COMPLETIONS, '{"model": "general", "prompt": "a", "stop": ["\\udfff"]}'),
        (COMPLETIONS, '{"model": "gener\\ud800al", "prompt": "a"}'),
        (COMPLETIONS, '{"model": "general", "prompt": "a", "\\ud800": 1}'),
        (COMPLETIONS, '{"model": "general", "prompt": "a", "temperature": NaN}'),
        (COMPLETIONS, '{"model": "general", "prompt": "a", "top_p": Infinity}'),
        (CHAT, '{"model": "general", "messages": [{"role": "user", "content": "\\ud83d"}]}'),
        ("/v1/classify", '{"model": "general", "input": "\\ud83d", "labels": ["a", "b"]}'),
        ("/v1/classify", '{"model": "general", "input": "x", "labels": ["a", "\\ud83d"]}'),
        ("/tokenize", '{"prompt": "\\ud83d"}'),
        ("/v1/compare", '{"models": ["general", "claims"], "prompt": "\\ud83d"}'),
    ]:
        answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422, (body, answer.text)
        json.dumps(answer.json())


def test_a_prompt_longer_than_the_context_is_told_both_lengths(client: TestClient) -> None:
    error = refused(client, COMPLETIONS, 400, model="short", prompt="x" * 30)

    assert error["code"] == "context_length_exceeded"
    assert "30 tokens" in error["message"]
    assert "at most 24" in error["message"]


def test_a_full_queue_tells_when_to_come_back(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = client.app.state.engines.of(client.app.state.catalog.find("general"))  # type: ignore[attr-defined]
    monkeypatch.setattr(engine, "_most", 0)

    answer = client.post(COMPLETIONS, json={"model": "general", "prompt": "x"})

    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "1"
    assert "VERSUS_QUEUE_REQUESTS" in answer.json()["error"]["message"]


def test_one_request_of_many_inputs_never_fills_the_queue_by_itself(start: Start) -> None:
    client, many = start(queue_requests=4, max_inputs=16), ["x"] * 16

    scored = client.post("/v1/classify", json={"model": "general", "input": many, "labels": ["a", "b"]})
    generated = client.post(COMPLETIONS, json={"model": "general", "prompt": many, "max_tokens": 3})
    streamed = client.post(COMPLETIONS, json={"model": "general", "prompt": many, "max_tokens": 3, "stream": True})

    assert (scored.status_code, generated.status_code) == (200, 200)
    assert streamed.text.endswith("data: [DONE]\n\n")
