"""Datasets of fields and of answers are learned as labels are, alone or together, and what was learned is served."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from transformers import AutoTokenizer

from app.catalog.cards import Card, TrainedTask, read_card
from app.catalog.catalog import ModelVersion
from app.catalog.prompts import extraction_prompt
from app.database.migrations import upgrade
from app.main import create_app
from app.settings import Settings
from app.training import instruct
from app.training.data import encode_task, encode_tasks
from app.training.make import Rows, make_variant
from app.training.progress import Progress
from app.training.recipe import Recipe, TaskRecipe
from tests.training.world import World

WHO, CAUSES = ("Ann", "Bo", "Cy"), ("fire", "leak", "theft")
TASKS = (
    TaskRecipe(name="cause", dataset="desk"),
    TaskRecipe(name="facts", dataset="forms", kind="extraction"),
    TaskRecipe(name="note", dataset="notes", kind="text_to_text"),
)


def rows(kind: str, count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Somebody reports something: which it is, both as fields, or a note of both."""
    rng = random.Random(seed)

    def row() -> tuple[str, str]:
        who, cause = rng.choice(WHO), rng.choice(CAUSES)
        fields = json.dumps({"who": who, "cause": cause})
        answer = {"classification": cause, "extraction": fields, "text_to_text": f"{cause} at {who}"}[kind]
        return f"{who} reports a {cause}", answer

    return [row() for _ in range(count)]


def recipe(*tasks: TaskRecipe, **options: Any) -> Recipe:
    knobs = {"method": "full", "epochs": 14.0, "batch_tokens": 512, "learning_rate": 1e-2, "validations": 2} | options
    return Recipe.model_validate({"name": "desk", "tasks": tasks} | knobs)


def data(*tasks: TaskRecipe, count: int = 70) -> Rows:
    return {task.name: {"train": rows(task.kind, count), "validation": rows(task.kind, 12, seed=1)} for task in tasks}


@dataclass
class Desk:
    """A service with a model that learned three kinds of tasks."""

    client: TestClient
    card: Card
    readme: str
    told: list[Progress]

    def post(self, path: str, **body: Any) -> Any:
        answer = self.client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, path: str, **body: Any) -> str:
        answer = self.client.post(path, json=body)
        assert answer.status_code == 400, answer.text
        return str(answer.json()["error"]["message"])


@pytest.fixture(scope="module")
def desk(base: ModelVersion, models_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    settings = Settings(data_dir=folder / "var", models_dir=models_root)
    told: list[Progress] = []
    made = make_variant(recipe(*TASKS), data(*TASKS), base, settings.made_models_dir, folder / "work", on_progress=told.append)
    upgrade(settings.database)
    with TestClient(create_app(settings)) as client:
        yield Desk(client, read_card(made / "card.toml"), (made / "README.md").read_text(), told)


def test_a_chat_with_the_text_gives_the_answer_that_was_learned(desk: Desk) -> None:
    for who, cause in (("Bo", "leak"), ("Cy", "theft")):
        messages = [{"role": "user", "content": f"note: {who} reports a {cause}"}]
        answer = desk.post("/v1/chat/completions", model="desk", messages=messages, temperature=0)
        assert answer["choices"][0]["message"]["content"] == f"{cause} at {who}"
        assert answer["choices"][0]["finish_reason"] == "stop"


def test_fields_are_extracted_without_a_schema_in_the_request(desk: Desk) -> None:
    texts = ["Ann reports a fire", "Cy reports a leak"]
    found = desk.post("/v1/extract", model="desk", task="facts", input=texts)["results"]
    assert [one["data"] for one in found] == [{"who": "Ann", "cause": "fire"}, {"who": "Cy", "cause": "leak"}]
    # The model was taught to write just this: a chat without any schema says the same.
    messages = [{"role": "user", "content": f"facts: {texts[0]}"}]
    free = desk.post("/v1/chat/completions", model="desk", messages=messages, temperature=0)
    assert free["choices"][0]["message"]["content"] == found[0]["text"] == '{"who": "Ann", "cause": "fire"}'


def test_the_task_of_labels_beside_them_is_decided_too(desk: Desk) -> None:
    (result,) = desk.post("/v1/classify", model="desk", task="cause", input="Bo reports a theft")["results"]
    assert result["label"] == "theft"


def test_models_side_by_side_are_each_asked_in_their_own_way(desk: Desk) -> None:
    body = {"models": ["desk", "general"], "task": "facts", "input": "Bo reports a fire"}
    answer = desk.post("/v1/compare", **body, max_tokens=150)
    custom, general = answer["outputs"]
    assert json.loads(custom["text"]) == {"who": "Bo", "cause": "fire"}
    assert general["text"].startswith('{"who": ')  # it knows nothing of the task, and is held to its fields
    again = desk.post("/v1/compare", **body | {"models": ["desk", "desk@1"]})
    assert [output["text"] for output in again["outputs"]] == [custom["text"]] * 2  # greedy unless told
    note = desk.post("/v1/compare", models=["desk", "general"], task="note", input="Ann reports a theft", max_tokens=20)
    assert note["outputs"][0]["text"] == "theft at Ann"
    (prompt,) = {part["input"]["input"] for part in [desk.client.get(f"/v1/comparisons/{note['id']}").json()]}
    assert prompt == "Ann reports a theft"


def test_a_task_of_another_kind_is_sent_to_its_route(desk: Desk) -> None:
    asked = {"model": "desk", "input": "Bo reports a fire"}
    assert "use POST /v1/extract" in desk.refused("/v1/classify", task="facts", **asked)
    assert "use POST /v1/chat/completions" in desk.refused("/v1/classify", task="note", **asked)
    assert "use POST /v1/chat/completions" in desk.refused("/v1/extract", task="note", **asked)
    assert "use POST /v1/classify" in desk.refused("/v1/extract", task="cause", **asked)


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"model": "desk"}, 422, "Neither schema nor task"),
        ({"model": "desk", "task": "fact"}, 404, "GET /v1/models tells who was trained for what"),
        ({"model": "general", "task": "facts"}, 404, "None of the models was trained"),
        ({"model": "desk", "task": "facts", "instruction": "find them"}, 400, "sees no instruction"),
    ],
)
def test_what_cannot_be_extracted_is_told(desk: Desk, body: dict[str, Any], status: int, says: str) -> None:
    answer = desk.client.post("/v1/extract", json={"input": "Bo reports a fire"} | body)
    assert (answer.status_code, says in answer.json()["error"]["message"]) == (status, True), answer.text


def test_the_card_tells_each_kind_in_its_own_numbers(desk: Desk) -> None:
    cause, facts, note = desk.card.tasks
    assert (cause.kind, facts.kind, note.kind) == ("classification", "extraction", "text_to_text")
    assert facts.fields == ["who", "cause"]
    assert facts.json_schema["properties"]["who"]["type"] == "string"
    validation = desk.card.made.validation
    assert validation["cause_macro_f1"] > 0.9
    for name in ("facts", "note"):
        low, value, high = (validation[f"{name}_bits_per_byte{end}"] for end in ("_low", "", "_high"))
        assert 0 <= low <= value <= high < 1
        assert validation[f"{name}_cases"] == 12
        assert f"{name}_macro_f1" not in validation
    assert "JSON of the fields who (string), cause (string)" in desk.readme
    assert f"| note | {validation['note_bits_per_byte']:.3f} [" in desk.readme
    assert "| cause | " in desk.readme
    (listed,) = (one for one in desk.client.get("/v1/models").json()["data"] if one["id"] == "desk@1")
    assert [task["kind"] for task in listed["tasks"]] == ["classification", "extraction", "text_to_text"]
    assert listed["tasks"][1]["json_schema"] == facts.json_schema


def test_progress_names_what_validation_measures(desk: Desk) -> None:
    assert desk.told[-1].measure == "mean of macro-F1 and answer-byte likelihood"
    assert 0.9 < (desk.told[-1].validation or 0) <= 1


def test_answers_alone_are_judged_by_their_bits_and_fewer_are_better(base: ModelVersion, tmp_path: Path) -> None:
    told: list[Progress] = []
    note = TASKS[2]
    made = make_variant(
        recipe(note, method="lora", epochs=4.0, validations=4),
        data(note),
        base,
        tmp_path / "made",
        tmp_path / "work",
        on_progress=told.append,
    )
    bits = [progress.validation for progress in told if progress.validation is not None]
    assert {progress.measure for progress in told} == {"bits per answer byte"}
    validation = read_card(made / "card.toml").made.validation
    assert validation["note_bits_per_byte"] == pytest.approx(min(bits), abs=1e-3)  # the best weights are the card's
    assert min(bits) < bits[0]


def test_an_answer_is_never_cut_its_row_is_left_out_and_counted(base: ModelVersion) -> None:
    tokenizer = AutoTokenizer.from_pretrained(base.folder)
    given = {"train": [("short", "answer"), ("short", "long answer " * 200)], "validation": [("short", "answer")]}
    task = encode_task(tokenizer, "note", "{input}", given, context=256, kind="text_to_text")
    assert (len(task.train), task.left_out) == (1, 1)
    assert tokenizer.decode(task.train[0].answer) == "answer<|end|>"


def test_a_row_counts_the_same_in_each_kind_of_a_mixture_and_alone_each_token_does(base: ModelVersion) -> None:
    tokenizer = AutoTokenizer.from_pretrained(base.folder)
    mixed = encode_tasks(tokenizer, recipe(*TASKS, balance=0.0), data(*TASKS), 256)
    means = [sum(row.weight * len(row.answer) for row in task.train) / len(task.train) for task in mixed]
    assert means == pytest.approx([means[0]] * 3)
    (alone,) = encode_tasks(tokenizer, recipe(TASKS[2]), data(TASKS[2]), 256)
    assert {row.weight for row in alone.train} == {1.0}


def test_instruction_tuning_asks_for_fields_in_any_order_and_is_answered_in_that(base: ModelVersion) -> None:
    value = {"who": "Bo", "cause": "fire", "when": None}
    draws = random.Random(0)
    asked = [instruct.asked_fields("a text", value, draws) for _ in range(200)]
    for prompt, answer in asked:
        assert prompt.splitlines()[1] == f"Fields: {'; '.join(answer)}"
        assert answer.items() <= value.items()
    assert {len(answer) for _, answer in asked} == {1, 2, 3}
    tokenizer = AutoTokenizer.from_pretrained(base.folder)
    given = data(TASKS[1])["facts"]
    task = encode_task(tokenizer, "facts", "", given, context=512, kind="extraction", instruct_seed=0)
    text = given["validation"][0][0]
    assert task.task.prompt.replace("{input}", text) == extraction_prompt(text, ["who", "cause"])
    assert extraction_prompt(text, ["who", "cause"]) in tokenizer.decode(task.validation[0].prompt)


@pytest.mark.parametrize("method", ["instruct", "vocabulary", "scratch"])
def test_other_methods_learn_them_too(method: str, base: ModelVersion, tmp_path: Path) -> None:
    small = {"vocabulary": 400, "context": 256, "hidden": 32, "layers": 1, "heads": 2, "mlp": 32, "language_epochs": 1.0}
    made = make_variant(
        recipe(*TASKS, method=method, epochs=1.0, validations=1, **small),
        data(*TASKS, count=20),
        base,
        tmp_path / "made",
        tmp_path / "work",
    )
    card = read_card(made / "card.toml")
    assert (card.method, [task.kind for task in card.tasks]) == (method, [task.kind for task in TASKS])


def test_a_recipe_of_labels_has_the_digest_it_had_before_there_were_kinds() -> None:
    assert "kind" not in recipe(TASKS[0]).model_dump(mode="json")["tasks"][0]
    assert recipe(TASKS[1]).model_dump(mode="json")["tasks"][0]["kind"] == "extraction"


@pytest.mark.parametrize(
    ("task", "says"),
    [
        ({"labels": ("a",)}, "at least 2 labels"),
        ({"kind": "extraction"}, "an extraction needs one"),
        ({"kind": "text_to_text", "labels": ("a", "b")}, "labels belong to a classification"),
        ({"kind": "text_to_text", "json_schema": {"type": "object"}}, "belongs to an extraction"),
    ],
)
def test_a_card_whose_task_lacks_what_its_kind_needs_is_refused(task: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        TrainedTask(name="t", **task)


def upload(world: World, kind: str) -> None:
    column = {"extraction": "fields", "text_to_text": "answer"}[kind]
    lines = [
        json.dumps({"text": f"{text}, row {i}", column: json.loads(target) if kind == "extraction" else target})
        for i, (text, target) in enumerate(rows(kind, 60))
    ]
    given = {"file": (f"{kind}.jsonl", "\n".join(lines).encode())}
    response = world.client.post("/v1/datasets", files=given, data={"kind": kind, "text": "text", column: column})
    assert response.status_code == 201, response.text
    assert response.json()["kind"] == kind


def test_over_http_the_dataset_tells_the_kind(world: World) -> None:
    for kind in ("extraction", "text_to_text"):
        upload(world, kind)
    tasks = [{"name": kind, "dataset": kind} for kind in ("extraction", "text_to_text")]
    estimate = world.client.post("/v1/training-runs/estimate", json={"name": "both", "method": "instruct", "tasks": tasks})
    assert estimate.status_code == 200, estimate.text
    told = estimate.json()["tasks"]
    assert [(one["kind"], one["labels"], one["fields"]) for one in told] == [
        ("extraction", 0, ["who", "cause"]),
        ("text_to_text", 0, []),
    ]
    other = [tasks[0] | {"kind": "text_to_text"}]
    refused = world.client.post("/v1/training-runs", json={"name": "both", "tasks": other})
    assert (refused.status_code, "leave the kind out" in refused.json()["error"]["message"]) == (400, True)
    read = "".join(json.dumps({"text": f"clause {i}"}) + "\n" for i in range(20))
    world.client.post("/v1/datasets", files={"file": ("read.jsonl", read.encode())}, data={"kind": "text"})
    refused = world.client.post("/v1/training-runs", json={"name": "x", "tasks": [{"name": "read", "dataset": "read"}]})
    assert (refused.status_code, "named in texts" in refused.json()["error"]["message"]) == (400, True)
