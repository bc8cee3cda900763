"""A schema gets an end to everything that has none; what an engine cannot do is told."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from app.inference.bounded import LARGEST, MOST_CHARACTERS, MOST_ITEMS, bounded


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, {"type": "string", "maxLength": 30}),
        ({"type": "string", "maxLength": 99}, {"type": "string", "maxLength": 99}),
        ({"type": "string", "minLength": 40}, {"type": "string", "minLength": 40, "maxLength": 40}),
        ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
        ({"enum": ["a", {"type": "string"}]}, {"enum": ["a", {"type": "string"}]}),
        ({"type": "integer", "minimum": 0}, {"type": "integer", "minimum": 0, "maximum": LARGEST}),
        ({"type": "array"}, {"type": "array", "maxItems": MOST_ITEMS}),
        (
            {"type": "object", "properties": {"type": {"type": ["string", "null"]}}},
            {
                "type": "object",
                "properties": {"type": {"type": ["string", "null"], "maxLength": 30}},
                "additionalProperties": False,
            },
        ),
        ({"anyOf": [{"type": "string"}, {"const": 1}]}, {"anyOf": [{"type": "string", "maxLength": 30}, {"const": 1}]}),
        (True, True),
    ],
)
def test_everything_comes_to_an_end(schema: Any, expected: Any) -> None:
    assert bounded(schema, 30) == expected


def test_no_string_is_longer_than_its_text_nor_than_the_most() -> None:
    assert bounded({"type": "string"}, 10**6)["maxLength"] == MOST_CHARACTERS


def refused(client: TestClient, **body: Any) -> tuple[int, Any]:
    answer = client.post("/v1/extract", json={"input": "a pipe burst", "schema": {"type": "string"}} | body)
    return answer.status_code, answer.json()["error"]


def test_what_is_wrong_is_named(client: TestClient) -> None:
    assert refused(client, model="nobody")[0] == 404
    for body, param in (({}, "model"), ({"model": "general", "models": ["claims"]}, "models")):
        status, error = refused(client, **body)
        assert (status, error["param"]) == (422, param)
    status, error = refused(client, model="general", input=" ")
    assert (status, error["param"].split(".")[0]) == (422, "input")


def test_an_engine_without_grammars_says_so(client: TestClient) -> None:
    status, error = refused(client, model="general")
    assert status == 400
    assert error["param"] == "schema"
    assert "does not know" in error["message"]
