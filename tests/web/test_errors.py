"""Whatever goes wrong is told in one shape, and says what to do."""

from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.web.errors import install_error_handlers
from tests.web.conftest import Start

SHAPE = {"message", "type", "param", "code"}


def error(response: Any) -> dict[str, Any]:
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == SHAPE
    return dict(body["error"])


def test_a_route_that_is_not_there_and_a_method_that_is_not_taken(start: Start) -> None:
    client = start()
    missing, wrong = client.get("/v1/modles"), client.delete("/v1/classify")
    assert (missing.status_code, error(missing)["code"]) == (404, "route_not_found")
    assert "/v1/modles" in error(missing)["message"]
    assert (wrong.status_code, error(wrong)["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        ({"model": "general", "input": "x", "label": ["a", "b"]}, "label", "There is no field 'label'"),
        ({"modle": "general"}, "modle", "There is no field 'modle'"),  # not: the field 'input' is missing
        ({"model": "general", "labels": ["a", "b"]}, "input", "'input' is missing"),
        ({"model": "general", "input": "x", "labels": "a"}, "labels", 'not "a"'),
    ],
)
def test_a_field_that_is_wrong_is_named(start: Start, body: dict[str, Any], param: str, says: str) -> None:
    told = error(start().post("/v1/classify", json=body))
    assert told["param"] == param
    assert says in told["message"]
    assert told["type"] == "invalid_request_error"


def test_a_body_that_is_no_json_and_none_at_all(start: Start) -> None:
    client = start()
    broken = client.post("/v1/classify", content=b'{"model": ', headers={"content-type": "application/json"})
    assert broken.status_code == 422
    assert "not JSON" in error(broken)["message"]
    assert "send JSON" in error(client.post("/v1/classify"))["message"]


def test_a_long_wrong_value_is_not_echoed_whole(start: Start) -> None:
    message = error(start().post("/v1/classify", json={"model": "general", "input": "x", "labels": "a" * 5000}))["message"]
    assert len(message) < 300


def test_what_nobody_expected_is_a_plain_500_without_its_inside() -> None:
    app = FastAPI()
    install_error_handlers(app)

    @app.get("/fails")
    def fails() -> None:
        raise RuntimeError("secret of the inside")

    failed = TestClient(app, raise_server_exceptions=False).get("/fails")
    assert failed.status_code == 500
    assert "secret" not in failed.text
    assert "log" in error(failed)["message"]


def test_a_request_over_the_limit_is_refused_with_the_setting_to_raise(start: Start) -> None:
    client = start(max_request_bytes=1000)
    body = {"model": "general", "input": "x" * 2000, "labels": ["a", "b"]}
    declared = client.post("/v1/classify", json=body)
    assert declared.status_code == 413
    assert "VERSUS_MAX_REQUEST_BYTES" in error(declared)["message"]
    # The same without a declared length: refused as soon as it is over.
    streamed = client.post("/v1/classify", content=iter([b"x" * 600, b"x" * 600]))
    assert streamed.status_code == 413
    assert error(streamed)["code"] == "too_large"
    assert client.get("/healthz").status_code == 200


def test_a_database_that_was_never_migrated_is_told_as_503_not_as_a_crash(start: Start) -> None:
    refused = start(migrated=False).get("/v1/comparisons")
    assert refused.status_code == 503
    assert "/readyz" in error(refused)["message"]
