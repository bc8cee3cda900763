"""Over HTTP with random weights: what is extracted satisfies its schema, formats and choices hold, penalties act."""

import json
from typing import Any

import httpx
import pytest
from jsonschema_rs import validator_for

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "kind": {"enum": ["water damage", "fire"]},
        "amount": {"type": "integer"},
        "note": {"type": "string"},
        "parts": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
    },
    "required": ["kind", "amount"],
}
TEXT = "pipe burst, 12"


def post(service: str, path: str, **body: Any) -> httpx.Response:
    return httpx.post(f"{service}{path}", json={"model": "general"} | body, trust_env=False, timeout=60)


def test_what_is_extracted_satisfies_its_schema_for_every_seed(service: str) -> None:
    check = validator_for(SCHEMA)
    texts = set()
    for seed in range(12):
        answer = post(service, "/v1/extract", input=[TEXT, "fire"], schema=SCHEMA, temperature=1.5, seed=seed)
        assert answer.status_code == 200, answer.text
        results = answer.json()["results"]
        assert [result["index"] for result in results] == [0, 1]
        for result in results:
            check.validate(result["data"])
            assert json.loads(result["text"]) == result["data"]
            assert set(result["data"]) <= set(SCHEMA["properties"])
            texts.add(result["text"])
    assert len(texts) > 12


def test_the_same_extraction_again_is_the_same(service: str) -> None:
    first, again = (post(service, "/v1/extract", input=TEXT, schema=SCHEMA).json()["results"][0] for _ in range(2))
    assert first["data"] == again["data"]


def test_fields_that_do_not_fit_are_refused_with_what_to_do(service: str) -> None:
    answer = post(service, "/v1/extract", input=TEXT, schema=SCHEMA, max_tokens=3)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "max_tokens"
    assert "maxLength" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "banana"},
        {"$ref": "#"},
        {"type": "string", "minLength": "x"},
        {"type": "string", "maxLenght": 3},
        {"type": "object", "properties": {"a": {"type": "integer", "minimun": 5}}, "required": ["a"]},
        {"x-guidance": {"lenient": True}, "type": "string"},
        {"type": "array", "items": {"type": "integer"}, "minItems": 10**7},
        {"type": "integer", "minimum": 10**400, "maximum": 5},
        {"type": "string", "pattern": "("},
    ],
)
def test_a_schema_that_cannot_be_followed_names_the_schema(service: str, schema: Any) -> None:
    answer = post(service, "/v1/extract", input=TEXT, schema=schema)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == "schema"


def nested(levels: int) -> Any:
    schema: Any = {"type": "integer", "minimum": 0, "maximum": 9}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    return schema


def test_what_is_nested_too_deep_is_refused_at_once(service: str) -> None:
    assert post(service, "/v1/extract", input=TEXT, schema=nested(20)).status_code == 200
    for levels in (40, 300, 450):
        answer = post(service, "/v1/extract", input=TEXT, schema=nested(levels))
        assert (answer.status_code, answer.json()["error"]["param"]) == (422, "schema")
        assert "64 levels" in answer.json()["error"]["message"]
    example = {"text": "x", "data": [[]]}
    for _ in range(300):
        example["data"] = [example["data"]]
    assert post(service, "/v1/extract", input=TEXT, schema=SCHEMA, examples=[example]).status_code == 422
    # Deeper than what the reader of JSON itself takes.
    body = '{"model": "general", "input": "x", "schema": ' + '{"a": ' * 5000 + "1" + "}" * 5001
    raw = httpx.post(f"{service}/v1/extract", content=body, headers={"Content-Type": "application/json"}, trust_env=False)
    assert 400 <= raw.status_code < 500


INTEGER = {"type": "integer", "minimum": 0, "maximum": 99}


def fields(**named: Any) -> dict[str, Any]:
    return {"type": "object", "properties": named, "required": [*named]}


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [fields(a=INTEGER), fields(b=INTEGER)]},
        fields(a=INTEGER) | {"allOf": [fields(b=INTEGER)]},
        fields(a={"type": "integer", "minimum": 10**16}),
        fields(a={"type": "integer", "maximum": -(10**16)}),
        fields(maxLenght={"type": "string"}),  # the name of a field may be any
    ],
)
def test_schemas_that_can_be_satisfied_are(service: str, schema: Any) -> None:
    answer = post(service, "/v1/extract", input=TEXT, schema=schema, temperature=1.0, seed=1)
    # An object that may hold more than what is named need not come to an end here; what comes satisfies.
    if answer.status_code == 200:
        validator_for(schema).validate(answer.json()["results"][0]["data"])
    else:
        assert answer.json()["error"]["param"] == "max_tokens", answer.text


def test_what_would_not_satisfy_its_schema_does_not_leave(service: str) -> None:
    schema = {"type": "number", "exclusiveMinimum": 3, "exclusiveMaximum": 3.5}
    for seed in range(6):
        answer = post(service, "/v1/extract", input=TEXT, schema=schema, temperature=1.0, seed=seed)
        if answer.status_code == 200:
            assert 3 < answer.json()["results"][0]["data"] < 3.5
        else:
            assert answer.json()["error"]["param"] in ("schema", "max_tokens")


def test_a_chat_answers_in_the_format_asked(service: str) -> None:
    format = {"type": "json_schema", "json_schema": {"name": "claim", "strict": True, "schema": SCHEMA["properties"]["kind"]}}
    messages = [{"role": "user", "content": TEXT}]
    answer = post(service, "/v1/chat/completions", messages=messages, response_format=format, temperature=2.0, n=4, seed=1)
    said = {choice["message"]["content"] for choice in answer.json()["choices"]}
    assert said <= {'"water damage"', '"fire"'}
    assert {choice["finish_reason"] for choice in answer.json()["choices"]} == {"stop"}


def test_models_are_compared_under_one_choice(service: str) -> None:
    answer = post(service, "/v1/completions", prompt=TEXT, choice=["yes", "no"], max_tokens=8)
    assert answer.json()["choices"][0]["text"] in ("yes", "no")
    body = {"models": ["general", "general@1"], "prompt": TEXT, "choice": ["yes", "no"]}
    compared = httpx.post(f"{service}/v1/compare", json=body, trust_env=False, timeout=60).json()
    assert {output["text"] for output in compared["outputs"]} <= {"yes", "no"}
    assert compared["sampling"]["grammar"]["kind"] == "choice"


def test_bias_and_penalties_come_through(service: str) -> None:
    tokens = post(service, "/tokenize", prompt=" fire").json()["tokens"]
    bias = {str(tokens[0]): 10}
    answer = post(service, "/v1/completions", prompt=TEXT, logit_bias=bias, max_tokens=3, temperature=0, logprobs=0)
    assert len(set(answer.json()["choices"][0]["logprobs"]["tokens"])) == 1
    spread = post(
        service, "/v1/completions", prompt=TEXT, logit_bias=bias, repetition_penalty=10, frequency_penalty=2, max_tokens=3,
        temperature=0, logprobs=0,
    )  # fmt: skip
    assert len(set(spread.json()["choices"][0]["logprobs"]["tokens"])) > 1


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"logit_bias": {"99999": 1}}, 400, "logit_bias"),
        ({"logit_bias": {"x": 1}}, 422, "logit_bias.x"),
        ({"min_p": 2}, 422, "min_p"),
        ({"repetition_penalty": 0}, 422, "repetition_penalty"),
        ({"presence_penalty": 3}, 422, "presence_penalty"),
        ({"choice": []}, 422, "choice"),
        ({"choice": ["a", "a"]}, 422, "choice"),
        ({"choice": ["a"], "response_format": {"type": "json_object"}}, 422, "choice"),
        ({"response_format": {"type": "json_schema"}}, 422, "response_format"),
        ({"response_format": {"type": "json_object", "json_schema": {"schema": {}}}}, 422, "response_format"),
        ({"response_format": {"type": "xml"}}, 422, "response_format.type"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "banana"}}}}, 400, "response_format"),
    ],
)
def test_settings_that_cannot_be_are_named(service: str, body: dict[str, Any], status: int, param: str) -> None:
    answer = post(service, "/v1/completions", prompt=TEXT, **body)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["param"].startswith(param)
