"""Whatever fits the OpenAPI schema, and much that does not, never makes the service fail."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case

from app.database.migrations import upgrade
from app.inference.schemas import ChatIn, CompletionIn, MessageIn
from app.main import create_app
from app.settings import Settings
from tests.fakes import make_fake
from tests.server import serve

EXAMPLES = 8  # per operation
NOT_READY = ("/readyz", 503)  # no worker runs here, which is what it says


schema = schemathesis.openapi.from_dict(create_app(Settings()).openapi())


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a service that has a model of each name that generated requests are steered to."""
    folder = tmp_path_factory.mktemp("service")
    for name in ("general", "claims"):
        make_fake(folder / "models", name, context=200)
    made = Settings(models_dir=folder / "models", data_dir=folder / "data", request_timeout_s=10)
    upgrade(made.database)
    with serve(create_app(made)) as url:
        yield url


def steer(body: dict[str, Any]) -> None:
    """Past what would end almost every generated request at its first step: made-up models, fields not supported yet."""
    if isinstance(body.get("model"), str):
        body["model"] = "general"
        body.pop("models", None)
    if isinstance(body.get("models"), list) and len(body["models"]) == 2:
        body["models"] = ["general", "claims"]
    for name in {*ChatIn.neutral, *CompletionIn.neutral, "stream_options", "task", "examples", "blind"}:
        body.pop(name, None)
    if body.get("mode", "score") == "score" and "input" in body:
        body["labels"] = body.get("labels") or ["water", "fire"]
        for name in ("temperature", "top_p", "top_k", "max_tokens", "stop", "messages", "prompt", "stream"):
            body.pop(name, None)
    for message in body["messages"] if isinstance(body.get("messages"), list) else ():
        if isinstance(message, dict):
            for name in {*MessageIn.model_fields} - {"role", "content"}:
                message.pop(name, None)
            if message.get("role") in ("tool", "function"):
                message["role"] = "user"
            message["content"] = message.get("content") or "hello"
    if not body.get("logprobs"):
        body.pop("top_logprobs", None)


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
def test_no_request_makes_the_service_fail(case: Case, url: str) -> None:
    if isinstance(case.body, dict):
        steer(case.body)

    response = case.call(base_url=url, timeout=20)

    if (case.path, response.status_code) != NOT_READY:
        assert response.status_code < 500, response.text
    if response.status_code >= 400 and response.headers["content-type"] == "application/json" and case.path != "/readyz":
        assert set(response.json()["error"]) == {"message", "type", "param", "code"}
