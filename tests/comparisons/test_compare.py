"""One input to several models at once: each answers or fails by itself, and all of it is logged together."""

import http.client
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from app.database.migrations import upgrade
from app.database.tables import Classification, Comparison, Generation
from app.main import create_app
from app.settings import Settings
from tests.fakes import FallingEngine, SlowEngine, serve_with
from tests.inference.conftest import Rows, Start
from tests.server import serve

MODELS = ["general", "claims"]
ASK = {"messages": [{"role": "user", "content": "What is covered?"}], "seed": 3, "max_tokens": 40}
LABELS = ["water", "fire", "theft"]


def compare(client: TestClient, **body: Any) -> Any:
    answer = client.post("/v1/compare", json={"models": MODELS} | body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_each_output_is_what_the_model_answers_alone(client: TestClient) -> None:
    compared = compare(client, **ASK)

    assert compared["id"].startswith("cmp_")
    assert compared["seed"] == 3
    for output, name in zip(compared["outputs"], MODELS, strict=True):
        alone = client.post("/v1/chat/completions", json={"model": name} | ASK).json()
        assert output["model"] == name
        assert output["text"] == alone["choices"][0]["message"]["content"]
        assert output["finish_reason"] == alone["choices"][0]["finish_reason"]
        assert output["usage"] == alone["usage"]
        assert (output["version"], output["digest"]) == (1, alone["versus"]["digest"])
        assert set(output["timing"]) == {"queue_ms", "ttft_ms", "total_ms"}
        assert (output["label"], output["error"]) == (None, None)
    texts = [output["text"].split() for output in compared["outputs"]]
    assert compared["agreement"] == (texts[0] == texts[1])
    place = compared["first_divergence"]
    assert place["words"] == [words[place["index"]] if place["index"] < len(words) else None for words in texts]


def test_a_prompt_is_taken_as_it_stands(client: TestClient) -> None:
    compared = compare(client, prompt="the claim ", temperature=0, max_tokens=9, stop=["zzz"])

    alone = client.post(
        "/v1/completions", json={"model": "claims", "prompt": "the claim ", "temperature": 0, "max_tokens": 9}
    ).json()
    assert compared["outputs"][1]["text"] == alone["choices"][0]["text"]
    assert compared["input"] == {"prompt": "the claim "}
    assert compared["sampling"] == {"max_tokens": 9, "temperature": 0.0, "top_p": 1.0, "top_k": 0, "stop": ["zzz"]}


def test_labels_are_scored_as_classify_does(client: TestClient) -> None:
    compared = compare(client, input="a pipe burst", labels=LABELS)

    alone = client.post("/v1/classify", json={"models": MODELS, "input": "a pipe burst", "labels": LABELS}).json()["results"]
    for output, result in zip(compared["outputs"], alone, strict=True):
        for name in ("model", "version", "digest", "label", "probabilities", "label_mass", "margin", "usage"):
            assert output[name] == result[name]
        assert (output["text"], output["finish_reason"]) == (None, None)
    labels = [output["label"] for output in compared["outputs"]]
    assert compared["agreement"] == (labels[0] == labels[1])
    assert compared["first_divergence"] == (None if labels[0] == labels[1] else {"index": 0, "words": labels})
    assert (compared["kind"], compared["seed"]) == ("classify", None)


def test_a_seed_drawn_by_the_server_is_returned_and_is_the_same_for_every_model(start: Start, rows: Rows) -> None:
    client = start()

    compared = compare(client, prompt="the ")

    assert compared["seed"] is not None
    assert [row.seed for row in rows(client, Generation)] == [compared["seed"]] * 2


def test_an_unknown_model_has_its_own_error_and_the_others_answer(client: TestClient) -> None:
    compared = compare(client, models=["general", "genral", "claims"], **ASK)

    general, unknown, claims = compared["outputs"]
    assert unknown["error"]["code"] == "model_not_found"
    assert "Did you mean general?" in unknown["error"]["message"]
    assert {unknown[name] for name in ("version", "digest", "text", "label", "usage", "timing")} == {None}
    assert general["text"] is not None
    assert claims["text"] is not None
    assert compared["agreement"] in (0.0, 1.0)  # of the pair that answered


def test_a_prompt_too_long_for_one_model_is_its_own_error(client: TestClient) -> None:
    compared = compare(client, models=["short", "general"], prompt="x" * 30, max_tokens=5)

    assert compared["outputs"][0]["error"]["code"] == "context_length_exceeded"
    assert compared["outputs"][1]["error"] is None
    assert (compared["agreement"], compared["first_divergence"]) == (None, None)


def test_only_when_no_model_is_known_the_whole_comparison_is_not_found(start: Start, rows: Rows) -> None:
    client = start()

    answer = client.post("/v1/compare", json={"models": ["nobody", "nothing"]} | ASK)

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"
    assert rows(client, Comparison) == []


def test_a_model_that_falls_does_not_take_the_others_with_it(start: Start, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    serve_with(monkeypatch, FallingEngine)
    client = start()

    compared = compare(client, **ASK)

    fallen, well = compared["outputs"]
    assert fallen["error"]["code"] == "internal_error"
    assert fallen["text"]  # what there was
    assert "floor" not in str(compared)
    assert well["error"] is None
    assert [row.error is None for row in rows(client, Generation)] == [False, True]

    scored = compare(client, input="a pipe burst", labels=LABELS)
    assert "damaged" in scored["outputs"][0]["error"]["message"]
    assert scored["outputs"][1]["label"] in LABELS


def test_a_model_that_is_too_slow_has_a_deadline_of_its_own(start: Start, monkeypatch: pytest.MonkeyPatch, rows: Rows) -> None:
    serve_with(monkeypatch, SlowEngine)
    monkeypatch.setattr(SlowEngine, "pause_s", 60)
    client = start(request_timeout_s=0.2)

    compared = compare(client, prompt="covered ", temperature=0)

    assert [output["error"]["code"] for output in compared["outputs"]] == ["deadline_exceeded"] * 2
    logged = rows(client, Generation)
    assert [row.text for row in logged] == ["", ""]
    assert {row.error for row in logged} == {compared["outputs"][0]["error"]["message"]}
    assert SlowEngine.running == 0


def test_a_comparison_its_outputs_and_its_generations_are_logged_together(start: Start, rows: Rows, database_url: str) -> None:
    client = start(database_url=database_url)

    generated = compare(client, models=["general", "nobody", "claims"], **ASK)
    classified = compare(client, input="größer 😀", labels=LABELS)

    assert [row.id for row in rows(client, Comparison)] == [generated["id"], classified["id"]]
    assert [(row.route, row.request_id, row.position, row.model) for row in rows(client, Generation)] == [
        ("compare", generated["id"], 0, "general"),
        ("compare", generated["id"], 2, "claims"),
    ]
    assert [(row.request_id, row.position, row.input) for row in rows(client, Classification)] == [
        (classified["id"], 0, "größer 😀"),
        (classified["id"], 1, "größer 😀"),
    ]
    for compared in (generated, classified):
        assert client.get(f"/v1/comparisons/{compared['id']}").json() == compared


@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_who_leaves_stops_all_models_and_what_they_produced_is_logged(
    models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    serve_with(monkeypatch, SlowEngine)
    monkeypatch.setattr(SlowEngine, "events", 0)
    settings = Settings(models_dir=models_dir, data_dir=tmp_path)
    upgrade(settings.database)

    with serve(create_app(settings)) as url:
        caller = http.client.HTTPConnection(url.removeprefix("http://"))
        asked = {"models": ["general", "nobody"], "prompt": "covered ", "temperature": 0, "stream": stream}
        body = json.dumps(asked)
        caller.request("POST", "/v1/compare", body, {"Content-Type": "application/json"})
        while SlowEngine.events < 3:
            time.sleep(0.01)
        caller.close()
        made: list[Any] = []
        while not made:
            made = httpx.get(f"{url}/v1/comparisons", trust_env=False).json()["data"]

    assert [output["error"]["code"] for output in made[0]["outputs"]] == ["client_left", "model_not_found"]
    assert made[0]["outputs"][0]["text"]
    assert SlowEngine.running == 0


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"prompt": "x", "blind": True}, 400, "blind"),
        ({}, 422, "messages"),
        ({"prompt": "x", "input": "y", "labels": LABELS}, 422, "input"),
        ({"input": "x"}, 422, "labels"),
        ({"prompt": "x", "labels": LABELS}, 422, "labels"),
        ({"prompt": "x", "task": "kind-of-loss"}, 422, "task"),
        ({"input": "x", "labels": LABELS, "temperature": 1}, 422, "temperature"),
        ({"input": "x", "labels": ["a", "a"]}, 422, "labels"),
        ({"input": "x", "labels": [str(at) for at in range(11)]}, 413, "labels"),
        ({"input": "x" * 2001, "labels": LABELS}, 413, "input"),
        ({"prompt": "x" * 2001}, 413, "prompt"),
        ({"prompt": ""}, 422, "prompt"),
        ({"prompt": "x", "models": ["general"]}, 422, "models"),
        ({"prompt": "x", "models": ["general", "general"]}, 422, "models"),
        ({"prompt": "x", "models": [str(at) for at in range(17)]}, 422, "models"),
        ({"prompt": "x", "modles": 1}, 422, "modles"),
        ({"prompt": "x", "seed": 2**63}, 422, "seed"),
        ({"messages": [{"role": "user", "content": "x", "tool_calls": [1]}]}, 400, "messages.0.tool_calls"),
    ],
)
def test_what_is_wrong_with_the_whole_is_refused_by_the_field_s_name(
    client: TestClient, body: dict[str, Any], status: int, param: str
) -> None:
    answer = client.post("/v1/compare", json={"models": MODELS} | body)

    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["param"] == param


def test_labels_and_task_may_be_null_as_clients_write_them(client: TestClient) -> None:
    assert compare(client, prompt="x", labels=None, task=None, stream=False, blind=None)["kind"] == "generate"


def test_a_task_that_no_model_knows_is_not_found_and_one_that_some_know_is_their_answer(client: TestClient) -> None:
    answer = client.post("/v1/compare", json={"models": MODELS, "input": "x", "task": "kind-of-los"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (404, "task")

    known, unknown = compare(client, models=["claims", "short"], input="x", task="kind-of-loss")["outputs"]
    assert known["label"] in LABELS
    assert unknown["error"] is not None


# ---- Streams


def events_of(text: str) -> list[tuple[str, Any]]:
    """(kind, data) of each event; the last one has no kind."""
    found = []
    for block in text.strip().split("\n\n"):
        *kind, data = block.split("\n")
        said = data.removeprefix("data: ")
        found.append((kind[0].removeprefix("event: ") if kind else "", said if said == "[DONE]" else json.loads(said)))
    return found


def streamed(client: TestClient, **body: Any) -> list[tuple[str, Any]]:
    answer = client.post("/v1/compare", json={"models": MODELS, "stream": True} | body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    return events_of(answer.text)


def test_a_stream_tells_each_text_as_it_comes_and_ends_with_what_is_logged(client: TestClient) -> None:
    events = streamed(client, **ASK)

    assert events[-1] == ("", "[DONE]")
    kind, whole = events[-2]
    assert kind == "comparison"
    assert client.get(f"/v1/comparisons/{whole['id']}").json() == whole
    assert [output["text"] for output in whole["outputs"]] == [output["text"] for output in compare(client, **ASK)["outputs"]]
    for index, output in enumerate(whole["outputs"]):
        parts = [data["text"] for kind, data in events if kind == "delta" and data["index"] == index]
        assert len(parts) > 1
        assert "".join(parts) == output["text"]
    told = {data["model"]: data for kind, data in events if kind == "output"}
    assert told == {output["model"]: output for output in whole["outputs"]}
    # Side by side: the second model does not wait for the first.
    first_words = [data["index"] for kind, data in events if kind == "delta"][:4]
    assert set(first_words) == {0, 1}


def test_a_stream_of_labels_has_outputs_and_a_model_that_fails_has_its_error(client: TestClient) -> None:
    events = streamed(client, models=["general", "nobody", "claims"], input="a pipe burst", labels=LABELS)

    kinds = [kind for kind, _ in events]
    assert sorted(kinds[:-2]) == ["output"] * 3
    whole = events[-2][1]
    assert [bool(output["error"]) for output in whole["outputs"]] == [False, True, False]
    assert {data["model"] for kind, data in events if kind == "output" and data["error"]} == {"nobody"}


@pytest.mark.parametrize(
    ("body", "status"), [({"prompt": "x", "input": "y"}, 422), ({"prompt": "x", "models": ["nobody", "noone"]}, 404)]
)
def test_what_is_wrong_with_a_streamed_request_is_a_plain_error(client: TestClient, body: dict[str, Any], status: int) -> None:
    answer = client.post("/v1/compare", json={"models": MODELS, "stream": True} | body)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
