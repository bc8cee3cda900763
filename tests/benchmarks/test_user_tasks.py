"""Tasks that users define: added, versioned, checked, asked through the API and removed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.benchmarks.definition import DATASETS, Task
from app.benchmarks.prompting import user_turn
from app.catalog.cards import TrainedTask
from app.database.migrations import upgrade
from app.main import create_app
from app.settings import Settings
from tests.fakes import make_fake

RECORDS = [
    {"story": f"the {('pipe', 'oven')[i % 2]} of house {i}", "kind": ("water", "fire")[i % 2], "desk": "NS"[i % 3 > 0]}
    for i in range(60)
]
ROWS = "".join(f"{json.dumps(record)}\n" for record in RECORDS)
PROMPT = (
    "{{ instruction }} One of {{ labels|join(', ') }}.\n"
    "{% for one in examples %}\n{{ one.text }} -> {{ one.answer }}\n{% endfor %}{{ text }} ->"
)
TASK: dict[str, Any] = {
    "name": "kind-of-loss",
    "title": "Kind of loss",
    "dataset": "desk",
    "instruction": "What is it?",
    "labels": ["water", "fire"],
    "prompt": PROMPT,
    "slices": ["desk"],
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One service for all: each test has tasks of its own names."""
    models = tmp_path_factory.mktemp("models")
    make_fake(models, "general")
    make_fake(models, "tiny", context=70)
    trained = TrainedTask(name="put", prompt="loss: {input}", labels=("water", "fire"))
    make_fake(models, "claims", kind="custom", method="full", parent="general@1", tasks=(trained,))
    settings = Settings(models_dir=models, data_dir=tmp_path_factory.mktemp("data"))
    upgrade(settings.database)
    with TestClient(create_app(settings)) as client:
        form = {"text": "story", "label": "kind", "keep": "desk", "name": "desk"}
        assert client.post("/v1/datasets", files={"file": ("desk.jsonl", ROWS)}, data=form).status_code == 201
        yield client


def task(name: str, **changed: Any) -> dict[str, Any]:
    return TASK | {"name": name} | changed


def classify(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/v1/classify", json={"model": "general", "input": "the roof", **body})
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()["results"][0]
    return result


def test_a_task_is_added_listed_changed_by_versions_and_removed(client: TestClient) -> None:
    first = task("losses")
    made = client.post("/v1/benchmarks", json=first)
    assert (made.status_code, made.headers["location"]) == (201, "/v1/benchmarks/losses@1")
    assert made.json() | first == made.json()
    assert (made.json()["origin"], made.json()["version"], made.json()["built_in"]) == ("user", 1, False)
    again = client.post("/v1/benchmarks", json=first)
    assert (again.status_code, again.json()["version"]) == (200, 1)

    changed = client.put("/v1/benchmarks/losses", json=first | {"title": "Losses"})
    assert (changed.status_code, changed.json()["version"], changed.json()["title"]) == (200, 2, "Losses")
    assert changed.json()["sha256"] != made.json()["sha256"]
    assert client.get("/v1/benchmarks/losses").json() == changed.json()
    assert client.get("/v1/benchmarks/losses@1").json() == made.json()
    listed = {one["name"]: one for one in client.get("/v1/benchmarks").json()["data"]}
    assert listed["losses"] == changed.json()
    assert listed["desk"]["origin"] == "dataset"

    assert client.delete("/v1/benchmarks/losses").status_code == 204
    assert client.get("/v1/benchmarks/losses").status_code == 404
    assert client.get("/v1/benchmarks/losses@1").json() == made.json()  # what ran with it can still be read
    assert client.post("/v1/benchmarks", json=first).json()["version"] == 3


def test_a_template_is_what_a_model_is_asked_scored_and_generated(client: TestClient) -> None:
    client.post("/v1/benchmarks", json=task("put"))
    examples = [{"text": "a flood", "label": "water"}]
    asked = user_turn(Task.model_validate(task("put")), "the roof", [("a flood", "water")])
    assert asked == "What is it? One of water, fire.\na flood -> water\nthe roof ->"
    modes: list[dict[str, Any]] = [{}, {"mode": "generate", "seed": 1}]
    for mode in modes:
        result = classify(client, task="put", examples=examples, **mode)
        assert result["usage"]["prompt_tokens"] == len(f"<user: {asked}\nassistant:")  # the fake engine's tokens are bytes
    by_version = classify(client, task="put@1")
    assert by_version["probabilities"] == classify(client, task="put")["probabilities"]
    assert by_version["usage"]["prompt_tokens"] == len("<user: What is it? One of water, fire.\nthe roof ->\nassistant:")
    trained = classify(client, model="claims", task="put@1")
    assert trained["usage"]["prompt_tokens"] == len("<user: loss: the roof\nassistant:")


def test_what_a_template_does_not_show_is_not_dropped_in_silence(client: TestClient) -> None:
    bare = task("bare", prompt="{{ text }} is {{ labels|join(' or ') }}?", few_shot=0)
    assert client.post("/v1/benchmarks", json=bare).status_code == 201
    for given in ({"examples": [{"text": "a flood", "label": "water"}]}, {"instruction": "Which?"}):
        refused = client.post("/v1/classify", json={"model": "general", "input": "x", "task": "bare", **given})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, next(iter(given)))
        assert "shows no" in refused.text


@pytest.mark.parametrize(
    ("changed", "status", "param", "told"),
    [
        ({"name": "claims-type"}, 409, "name", "ships with Versus"),
        ({"dataset": "dsk"}, 400, "dataset", "no dataset named 'dsk'"),
        ({"labels": ["water", "ice"]}, 400, "labels", "'fire', which the task does not know"),
        ({"slices": ["dsk"]}, 400, "slices", "keeps no column 'dsk'; it keeps desk"),
        ({"cluster": "claim"}, 400, "cluster", "keeps no column 'claim'"),
        ({"kind": "qa", "labels": []}, 400, "dataset", "of the kind text_to_text"),
        ({"examples": {"choose": "fixed", "rows": [99_999]}}, 400, "examples", "Row 99999"),
        ({"source": {"domain": "dogs", "train": 1, "validation": 1, "test": 1}}, 400, "source", "no built-in domain"),
        ({"labls": []}, 422, "labls", "no field 'labls'"),
        ({"prompt": "{{ text.x }}"}, 422, "prompt", "attributes may not be read"),
        ({"costs": {"matrix": {"fire": {"water": -1, "dust": 1}}}}, 422, "costs", "'dust' is not a label"),
    ],
)
def test_what_cannot_be_a_task_is_refused_by_its_field(
    client: TestClient, changed: dict[str, Any], status: int, param: str, told: str
) -> None:
    for path in ("/v1/benchmarks", "/v1/benchmarks/check"):
        refused = client.post(path, json=task("wrong") | changed)
        error = refused.json().get("error") or {"message": refused.json()["problem"], "param": refused.json()["param"]}
        assert refused.status_code == (status if path == "/v1/benchmarks" or status == 422 else 200)
        assert (error["param"], told in error["message"]) == (param, True), error
    assert client.get("/v1/benchmarks/wrong").status_code == 404


def test_a_check_tells_of_labels_without_rows_and_of_texts_over_a_context(client: TestClient) -> None:
    answer = client.post("/v1/benchmarks/check?model=general&model=tiny", json=task("check", labels=["water", "fire", "wind"]))
    found = answer.json()
    assert (answer.status_code, found["problem"], found["sizes"]["test"]) == (200, None, 12)
    assert "Labels without a train row: 1 of 3 ('wind')." in found["notes"]
    roomy, tiny = found["contexts"]
    assert (roomy["too_long"], tiny["too_long"], tiny["context"]) == (0, 18, 70)
    assert "18 of 18 cases do not fit into the 70 tokens of tiny@1" in found["notes"][-1]


def test_what_is_no_users_task_is_not_changed_or_removed(client: TestClient) -> None:
    assert client.delete("/v1/benchmarks/claims-type").status_code == 409
    assert client.delete("/v1/benchmarks/desk").status_code == 409
    assert client.delete("/v1/benchmarks/nothing").status_code == 404
    assert client.put("/v1/benchmarks/desk", json=task("desk")).status_code == 404
    assert client.put("/v1/benchmarks/other", json=task("another")).status_code == 400
    assert client.get("/v1/benchmarks/desk@x").status_code == 404


def test_a_task_of_a_kind_without_labels_says_which_route_takes_it(client: TestClient) -> None:
    texts = task("texts", kind="perplexity", labels=[], prompt=None)
    assert client.post("/v1/benchmarks", json=texts).status_code == 201
    refused = client.post("/v1/classify", json={"model": "general", "input": "x", "task": "texts"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "task")
    assert "of the kind perplexity" in refused.text
    run = client.post("/v1/benchmarks/texts/runs", json={"models": ["general"]})
    assert run.status_code == 202, run.text
    # Nothing is asked again, no examples are of use, and the baseline is that of the kind.
    config = run.json()["config"]
    assert ([arm["name"] for arm in config["arms"]], config["repeats"], config["rewordings"]) == (
        ["byte n-grams", "general"],
        0,
        0,
    )


@pytest.mark.parametrize(
    ("kind", "domain", "labels"),
    [
        ("extraction", "claims-fields", []),
        ("qa", "claims-questions", []),
        ("perplexity", "claims-notes", []),
        ("policy", "house-rules", ["help", "refuse"]),
    ],
)
def test_rows_that_a_domain_generates_become_a_dataset_of_the_tasks_kind(
    client: TestClient, kind: str, domain: str, labels: list[str]
) -> None:
    source = {"domain": domain, "seed": 3, "train": 20, "validation": 8, "test": 12}
    own = {"name": f"own-{kind}", "title": "Own", "kind": kind, "dataset": f"own-{kind}", "source": source}
    assert client.post("/v1/benchmarks", json=own).status_code == 201
    made = client.post(f"/v1/benchmarks/own-{kind}/dataset").json()
    assert made["sizes"] == {"train": 20, "validation": 8, "test": 12}
    assert made["kind"] in DATASETS[kind]  # type: ignore[index]
    assert sorted(made["labels"]) == labels
    assert client.post(f"/v1/benchmarks/own-{kind}/dataset").json()["id"] == made["id"]
    rows = client.get(f"/v1/datasets/own-{kind}/rows?limit=1").json()["data"]
    assert (rows[0]["fields"] is not None, rows[0]["answer"] is not None) == (kind == "extraction", kind == "qa")


def test_a_run_keeps_the_definition_it_began_with_and_its_task_cannot_be_removed(client: TestClient) -> None:
    client.post("/v1/benchmarks", json=task("running"))
    run = client.post("/v1/benchmarks/running/runs", json={"models": ["general"]})
    assert run.status_code == 202, run.text
    config = run.json()["config"]
    assert config["task"]["reference"] == "running@1"
    assert Task.model_validate(config["task"]["definition"]).digest == config["task"]["sha256"]
    assert (config["slices"], config["labels"]) == (["desk"], ["water", "fire"])
    refused = client.delete("/v1/benchmarks/running")
    assert refused.status_code == 409
    assert run.json()["id"] in refused.text
    assert client.post(f"/v1/runs/{run.json()['id']}/cancel").status_code == 200
    assert client.delete("/v1/benchmarks/running").status_code == 204
