"""Chat completions as OpenAI's clients read them, whole and in chunks."""

import json
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

HELLO = {"model": "general", "messages": [{"role": "user", "content": "What is covered?"}], "max_tokens": 40}


def chat(client: TestClient, **fields: Any) -> Any:
    answer = client.post("/v1/chat/completions", json=HELLO | fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def chunks_of(answer: httpx.Response) -> list[Any]:
    """The events of a stream; the last must be [DONE]."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    *events, last, rest = answer.text.split("\n\n")
    assert (last, rest) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events]


def test_an_answer_has_openai_s_fields_and_tells_which_weights_gave_it(client: TestClient) -> None:
    answer = chat(client, temperature=0)

    assert answer["id"].startswith("chatcmpl_")
    assert (answer["object"], answer["model"]) == ("chat.completion", "general@1")
    (choice,) = answer["choices"]
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"]
    assert (choice["index"], choice["logprobs"]) == (0, None)
    assert choice["finish_reason"] in ("stop", "length")
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    digest = client.get("/v1/models/general").json()["digest"]
    assert answer["versus"]["digest"] == digest
    assert answer["system_fingerprint"] == f"fp_{digest[:16]}"
    assert set(answer["versus"]["timing"]) == {"queue_ms", "ttft_ms", "total_ms"}


def test_a_seed_drawn_by_the_server_is_returned_and_brings_the_same_answer_again(client: TestClient) -> None:
    # One answer comes a fifth of the time: with eight, one run in a million has no second one.
    first = chat(client, n=8)

    again = chat(client, n=8, seed=first["versus"]["seed"])

    assert [choice["message"] for choice in again["choices"]] == [choice["message"] for choice in first["choices"]]
    assert [choice["index"] for choice in first["choices"]] == [*range(8)]
    assert len({choice["message"]["content"] for choice in first["choices"]}) > 1


def test_the_second_of_n_answers_is_the_answer_of_the_next_seed(client: TestClient) -> None:
    both = chat(client, n=2, seed=41)["choices"]

    assert both[1]["message"] == chat(client, seed=42)["choices"][0]["message"]
    assert chat(client, n=2, seed=2**63 - 1)["choices"][1]["message"] == chat(client, seed=0)["choices"][0]["message"]


def test_a_prompt_with_several_answers_counts_once_in_the_usage(client: TestClient) -> None:
    one, three = chat(client, temperature=0), chat(client, temperature=0, n=3)

    assert three["usage"]["prompt_tokens"] == one["usage"]["prompt_tokens"]
    assert three["usage"]["completion_tokens"] == 3 * one["usage"]["completion_tokens"]


@pytest.mark.parametrize("n", [1, 3])
def test_a_stream_s_deltas_join_to_the_whole_answer(client: TestClient, n: int) -> None:
    whole = chat(client, seed=5, n=n, logprobs=True, top_logprobs=2)

    answer = client.post(
        "/v1/chat/completions", json=HELLO | {"seed": 5, "n": n, "logprobs": True, "top_logprobs": 2, "stream": True}
    )

    chunks = chunks_of(answer)
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    for choice in whole["choices"]:
        mine = [one for chunk in chunks for one in chunk["choices"] if one["index"] == choice["index"]]
        assert mine[0]["delta"] == {"role": "assistant", "content": ""}
        assert "".join(one["delta"].get("content", "") for one in mine) == choice["message"]["content"]
        assert [one["finish_reason"] for one in mine] == [None] * (len(mine) - 1) + [choice["finish_reason"]]
        told = [token for one in mine if one["logprobs"] for token in one["logprobs"]["content"]]
        assert told == choice["logprobs"]["content"]
    assert all("usage" not in chunk for chunk in chunks)
    assert [chunk["versus"]["digest"] for chunk in chunks if "versus" in chunk] == [whole["versus"]["digest"]] * n


def test_a_stream_ends_with_the_usage_when_asked(client: TestClient) -> None:
    fields = {"temperature": 0, "stream": True, "stream_options": {"include_usage": True}}

    *others, last = chunks_of(client.post("/v1/chat/completions", json=HELLO | fields))

    assert last["choices"] == []
    assert last["usage"] == chat(client, temperature=0)["usage"]
    assert all(chunk["usage"] is None for chunk in others)


def test_a_stop_string_ends_the_answer_and_is_not_part_of_it(client: TestClient) -> None:
    whole = chat(client, temperature=0)["choices"][0]["message"]["content"]
    stop = whole[3:6]

    for given in (stop, ["never said", stop]):
        (choice,) = chat(client, temperature=0, stop=given)["choices"]
        assert choice["message"]["content"] == whole[: whole.index(stop)]
        assert choice["finish_reason"] == "stop"


def test_log_probabilities_come_with_the_alternatives_asked_for(client: TestClient) -> None:
    (choice,) = chat(client, temperature=0, logprobs=True, top_logprobs=3)["choices"]

    told = choice["logprobs"]["content"]
    for token in told:
        assert len(token["top_logprobs"]) == 3
        assert token["top_logprobs"][0]["logprob"] == token["logprob"]  # greedy: the likeliest
        assert token["bytes"] is None or bytes(token["bytes"]).decode() == token["token"]
    (bare,) = chat(client, logprobs=True)["choices"]
    assert bare["logprobs"]["content"][0]["top_logprobs"] == []


def test_content_may_come_in_parts_and_a_developer_speaks_as_the_system(client: TestClient) -> None:
    parts = [{"type": "text", "text": "What is "}, {"type": "text", "text": "covered?"}]
    plain = [{"role": "system", "content": "Be brief."}, *HELLO["messages"]]  # type: ignore[misc]

    split = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": parts}]

    assert chat(client, temperature=0, messages=split)["choices"] == chat(client, temperature=0, messages=plain)["choices"]


def test_fields_that_change_nothing_are_accepted(client: TestClient) -> None:
    neutral = {
        "presence_penalty": 0,
        "frequency_penalty": 0.0,
        "logit_bias": {},
        "response_format": {"type": "text"},
        "tools": [],
        "tool_choice": "none",
        "user": "someone",
        "metadata": {"a": "b"},
        "stop": None,
        "n": None,
        "seed": None,
        "max_completion_tokens": 40,
        "top_k": 0,
        "stream": False,
    }

    assert chat(client, temperature=0, **neutral)["choices"] == chat(client, temperature=0)["choices"]


def test_an_empty_bearer_token_is_no_error(client: TestClient) -> None:
    answer = client.post("/v1/chat/completions", json=HELLO, headers={"Authorization": "Bearer "})

    assert answer.status_code == 200
