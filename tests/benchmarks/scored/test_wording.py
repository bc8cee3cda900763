"""How a case is put: a model that was trained for the task sees what it saw then, every other one what the task tells."""

import json
from dataclasses import replace

from app.benchmarks.definition import Task
from app.benchmarks.runner import Case
from app.benchmarks.scored.asking import trained_for
from app.benchmarks.scored.fields import of_rows
from app.benchmarks.scored.wording import NEXT_TEXT, Wording

GOLDS = ['{"type": "fire", "amount": 1200}', '{"amount": 3, "type": "theft", "limit": null}']
TASK = Task(name="desk", kind="extraction", title="Desk", dataset="desk", fields=("amount", "type"))
SHOWN = [Case(1, "a fire", GOLDS[0])]


def wording(trained: str | None = None) -> Wording:
    return Wording(TASK, of_rows(TASK, GOLDS), 30, trained)


def test_fields_are_those_of_the_task_in_its_order_with_the_types_of_the_training_rows() -> None:
    fields = of_rows(TASK, GOLDS)
    assert list(fields.schema["properties"]) == ["amount", "type"]
    assert fields.schema["properties"]["amount"]["type"] == "integer"
    assert fields.written(GOLDS[0]) == '{"amount": 1200, "type": "fire"}'
    assert of_rows(TASK.model_copy(update={"fields": ()}), GOLDS).names == ("type", "amount", "limit")


def test_an_untrained_model_is_told_instruction_schema_and_examples() -> None:
    body = wording().extract("general@1", "a theft", SHOWN, {"seed": 1})
    assert body["examples"] == [{"text": "a fire", "data": {"amount": 1200, "type": "fire"}}]
    assert (body["instruction"], body["seed"], "task" in body) == (TASK.instruction, 1, False)
    free = wording().chat("general@1", "a theft", SHOWN, {})
    assert '{"amount": 1200, "type": "fire"}' in free["messages"][0]["content"]
    assert (free["max_tokens"], free["stop"]) == (34, [NEXT_TEXT])


def test_a_trained_model_is_asked_as_it_was_trained() -> None:
    model = {"tasks": [{"name": "desk", "kind": "classification", "prompt": "x"}]}
    assert trained_for(TASK, model) is None
    model["tasks"].append({"name": "desk", "kind": "extraction", "prompt": "Claim: {input}\n"})
    trained = wording(trained_for(TASK, model))
    body = trained.extract("claims@1", "a {theft}", [], {})
    assert (body["task"], set(body) & {"schema", "examples", "instruction"}) == ("desk", set())
    assert trained.turn("a {theft}", []) == "Claim: a {theft}\n"
    assert "stop" not in trained.chat("claims@1", "a theft", [], {})


def test_a_template_of_the_task_is_what_is_asked_and_nothing_holds_its_answer() -> None:
    own = replace(wording(), task=TASK.model_copy(update={"prompt": "Fields {{ fields | join(', ') }} of: {{ text }}"}))
    assert own.turn("a theft", []) == "Fields amount, type of: a theft"
    assert (own.held(True), wording().held(True), wording().held(False)) == (False, True, False)
    assert json.loads(json.dumps(own.chat("general@1", "a theft", [], {})))["max_tokens"] == 34
