"""Completions: all four shapes of a prompt, echo, log-probabilities, and the contract that evaluation clients drive us by."""

import json
import math
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.engines.fake import EOS
from app.inference.completions import _offsets
from tests.fakes import SilentEndEngine, serve_with
from tests.inference.conftest import Start

TEXT = "the claim is größer "
IDS = list(TEXT.encode())


def complete(client: TestClient, **fields: Any) -> Any:
    answer = client.post("/v1/completions", json={"model": "general", "max_tokens": 12} | fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def texts(answer: Any) -> list[str]:
    assert [choice["index"] for choice in answer["choices"]] == list(range(len(answer["choices"])))
    return [choice["text"] for choice in answer["choices"]]


def test_all_four_shapes_of_a_prompt_ask_the_same(client: TestClient) -> None:
    (alone,) = texts(complete(client, prompt=TEXT, seed=3))
    (other,) = texts(complete(client, prompt="fire and ", seed=3))

    assert texts(complete(client, prompt=IDS, seed=3)) == [alone]
    assert texts(complete(client, prompt=[TEXT, "fire and "], seed=3)) == [alone, other]
    assert texts(complete(client, prompt=[IDS, list(b"fire and ")], seed=3)) == [alone, other]


def test_several_answers_to_several_prompts_come_prompt_by_prompt(client: TestClient) -> None:
    answer = complete(client, prompt=[TEXT, "fire and "], n=2, seed=3)

    each = [texts(complete(client, prompt=prompt, seed=seed))[0] for prompt in (TEXT, "fire and ") for seed in (3, 4)]
    assert texts(answer) == each
    assert answer["usage"]["prompt_tokens"] == len(IDS) + len("fire and ")


def test_sixteen_tokens_are_made_unless_told(client: TestClient) -> None:
    answer = client.post("/v1/completions", json={"model": "general", "prompt": "wat", "temperature": 0}).json()

    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 16


def test_echo_puts_the_prompt_before_the_answer(client: TestClient) -> None:
    (plain,) = texts(complete(client, prompt=TEXT, seed=3))

    assert texts(complete(client, prompt=TEXT, seed=3, echo=True)) == [TEXT + plain]


@pytest.mark.parametrize("prompt", [[IDS], [TEXT], IDS, TEXT])
def test_an_echoed_prompt_and_one_token_have_one_entry_each_and_the_first_is_null(client: TestClient, prompt: Any) -> None:
    request = {"prompt": prompt, "temperature": 0, "max_tokens": 1, "logprobs": 1, "seed": 1234, "echo": True}

    (choice,) = complete(client, **request)["choices"]

    logprobs = choice["logprobs"]
    assert {len(column) for column in logprobs.values()} == {len(IDS) + 1}
    assert logprobs["token_logprobs"][0] is None
    assert logprobs["top_logprobs"][0] is None
    for own, top in zip(logprobs["token_logprobs"][1:], logprobs["top_logprobs"][1:], strict=True):
        assert own in top.values()
        assert max(top.values()) >= own
    # The generated token is the likeliest, to the last digit.
    assert logprobs["token_logprobs"][-1] == max(logprobs["top_logprobs"][-1].values())


def test_reported_log_probabilities_are_the_model_s_whatever_the_sampling(client: TestClient) -> None:
    prompt = "user: which?\nassistant:"
    ids = [*prompt.encode(), *b"water", EOS]

    (choice,) = complete(client, prompt=[ids], max_tokens=1, logprobs=1, echo=True, temperature=0)["choices"]

    told = choice["logprobs"]["token_logprobs"][len(prompt) : -1]
    assert len(told) == len("water") + 1
    assert all(one < 0 for one in told)
    again = complete(client, prompt=[ids], max_tokens=1, logprobs=5, echo=True, temperature=1.7, top_p=0.3, top_k=2)
    assert again["choices"][0]["logprobs"]["token_logprobs"][len(prompt) : -1] == told  # sampling does not touch them


def test_an_engine_that_does_not_tell_the_end_as_a_token_still_gives_the_last_entry(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_with(monkeypatch, SilentEndEngine)

    (choice,) = complete(start(), prompt=[IDS], max_tokens=1, logprobs=1, echo=True)["choices"]

    assert {len(column) for column in choice["logprobs"].values()} == {len(IDS) + 1}
    assert choice["logprobs"]["token_logprobs"][-1] is None


def test_no_token_need_be_made_to_score_a_prompt(client: TestClient) -> None:
    answer = complete(client, prompt=[IDS], max_tokens=0, logprobs=1, echo=True)

    (choice,) = answer["choices"]
    assert (choice["text"], choice["finish_reason"]) == (TEXT, "length")
    assert {len(column) for column in choice["logprobs"].values()} == {len(IDS)}
    assert answer["usage"]["completion_tokens"] == 0


def test_tokens_that_read_alike_keep_the_larger_log_probability(client: TestClient) -> None:
    # Every byte that begins a character of several reads as the replacement character.
    (choice,) = complete(client, prompt=TEXT, logprobs=20, max_tokens=8, temperature=0)["choices"]

    for own, text, top in zip(
        choice["logprobs"]["token_logprobs"], choice["logprobs"]["tokens"], choice["logprobs"]["top_logprobs"], strict=True
    ):
        assert top[text] >= own
        assert max(top.values()) == own  # greedy
        assert len(top) < 20


def test_offsets_tell_where_each_token_s_text_begins(client: TestClient) -> None:
    (choice,) = complete(client, prompt="wat and ", logprobs=0, echo=True, max_tokens=9, temperature=0)["choices"]

    for token, offset in zip(choice["logprobs"]["tokens"], choice["logprobs"]["text_offset"], strict=True):
        if token.isascii() and token != "</s>":
            assert choice["text"][offset : offset + 1] == token


def test_a_character_of_several_tokens_moves_no_offset_behind_it(client: TestClient) -> None:
    text = "the na\u00efve caf\u00e9 owner."
    (choice,) = complete(client, prompt=text, logprobs=0, echo=True, max_tokens=0)["choices"]

    placed = list(zip(choice["logprobs"]["tokens"], choice["logprobs"]["text_offset"], strict=True))
    whole = [(token, offset) for token, offset in placed if "\ufffd" not in token and token]
    assert all(text.startswith(token, offset) for token, offset in whole)
    assert [offset for token, offset in placed if "\ufffd" in token] == [6, 6, 13, 13]
    assert max(offset for _, offset in whole) == len(text) - 1


@pytest.mark.parametrize(
    ("text", "tokens", "places"),
    [
        ("a\u00efve", ["a", "\ufffd", "\ufffdv", "e"], [0, 1, 1, 3]),  # the end of a character and more in one token
        ("a\u00ef\u00ef.", ["a\ufffd", "\ufffd", "\ufffd", "\ufffd", "."], [0, 1, 1, 1, 3]),
        ("\ufffda", ["\ufffd", "a"], [0, 1]),  # the text's own
        ("ab", ["_a", "b"], [0, 1]),
    ],
)
def test_offsets_of_tokens_that_hold_parts_of_characters(text: str, tokens: list[str], places: list[int]) -> None:
    assert _offsets(text, tokens) == places


def test_a_stream_joins_to_the_whole_answer_with_its_log_probabilities(client: TestClient) -> None:
    fields = {"prompt": [TEXT, "fire "], "n": 2, "seed": 9, "echo": True, "logprobs": 2}
    whole = complete(client, **fields)

    answer = client.post(
        "/v1/completions",
        json={"model": "general", "max_tokens": 12, "stream": True, "stream_options": {"include_usage": True}} | fields,
    )

    events = [event.removeprefix("data: ") for event in answer.text.split("\n\n")[:-1]]
    assert events.pop() == "[DONE]"
    chunks = [json.loads(event) for event in events]
    assert chunks[-1]["usage"] == whole["usage"]
    for choice in whole["choices"]:
        mine = [one for chunk in chunks for one in chunk["choices"] if one["index"] == choice["index"]]
        assert "".join(one["text"] for one in mine) == choice["text"]
        assert mine[-1]["finish_reason"] == choice["finish_reason"]
        for column, values in choice["logprobs"].items():
            assert [value for one in mine if one["logprobs"] for value in one["logprobs"][column]] == values


def test_no_answer_ever_holds_a_number_that_json_does_not_know(client: TestClient) -> None:
    answer = client.post(
        "/v1/completions",
        json={
            "model": "general",
            "prompt": TEXT,
            "max_tokens": 9,
            "logprobs": 20,
            "echo": True,
            "temperature": 1e-9,
            "top_p": 1e-9,
        },
    )

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} in JSON")

    numbers = json.loads(answer.text, parse_constant=refuse)["choices"][0]["logprobs"]["token_logprobs"][1:]
    assert all(math.isfinite(number) for number in numbers)
