"""An answer under a grammar is what it must be, whatever the weights; a grammar that cannot be followed is refused."""

import asyncio
import json
from typing import Any

import pytest
from jsonschema_rs import validator_for

from app.catalog.catalog import Catalog, ModelVersion
from app.engines.base import Grammar
from app.engines.embedded.engine import EmbeddedEngine
from app.errors import ContextExceeded, InvalidRequest, Unprocessable, VersusError
from tests.engines.embedded.conftest import Run, ask

CLAIM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "kind": {"enum": ["water damage", "größer", "fire"]},
        "amount": {"type": "integer", "minimum": 0, "maximum": 9999},
        "parts": {"type": "array", "items": {"type": "string", "maxLength": 4}, "maxItems": 3},
        "open": {"type": "boolean"},
        "note": {"type": ["string", "null"], "maxLength": 6},
    },
    "required": ["kind", "amount", "parts", "open", "note"],
    "additionalProperties": False,
}
CHOICES = ["water", "water damage", '日本 "quoted"\n', "fire"]


def schema(rule: Any) -> Grammar:
    return Grammar("json_schema", json.dumps(rule))


def test_random_weights_write_json_that_satisfies_the_schema(run: Run[Any], model: ModelVersion) -> None:
    async def story(engine: EmbeddedEngine) -> list[Any]:
        settings = [{"temperature": 0.0}, *({"temperature": 1.5, "seed": seed} for seed in range(8))]
        return await asyncio.gather(
            *(ask(engine, model, "Smoke", max_tokens=200, grammar=schema(CLAIM), **one) for one in settings)
        )

    answers = run(story)
    check = validator_for(CLAIM)
    for answer in answers:
        assert answer.done.finish_reason == "stop"
        check.validate(json.loads(answer.text))
    assert len({answer.text for answer in answers}) > 5


def test_a_choice_is_exactly_one_of_the_texts(run: Run[Any], catalog: Catalog) -> None:
    model, grammar = catalog.find("general"), Grammar("choice", json.dumps(CHOICES))

    async def story(engine: EmbeddedEngine) -> list[Any]:
        return await asyncio.gather(*(ask(engine, model, "Smoke", temperature=2.0, seed=n, grammar=grammar) for n in range(40)))

    answers = run(story)
    assert {answer.text for answer in answers} == set(CHOICES)
    assert {answer.done.finish_reason for answer in answers} == {"stop"}


def test_any_json_object_will_do_for_json_object(run: Run[Any], catalog: Catalog) -> None:
    async def story(engine: EmbeddedEngine) -> list[Any]:
        model, grammar = catalog.find("general"), Grammar("json_object")
        return [await ask(engine, model, "Smoke", temperature=1.0, seed=n, max_tokens=120, grammar=grammar) for n in range(6)]

    answers = run(story)
    assert all(answer.text.startswith("{") for answer in answers)
    assert all(isinstance(json.loads(answer.text), dict) for answer in answers if answer.done.finish_reason == "stop")


def test_grammars_and_plain_answers_share_steps_and_change_nothing_for_each_other(run: Run[Any], catalog: Catalog) -> None:
    grammars = [None, schema(CLAIM), None, Grammar("choice", json.dumps(CHOICES)), Grammar("json_object")]
    asked = [
        (catalog.find(name), {"grammar": grammar, "max_tokens": 30, "temperature": 0.8, "seed": seed})
        for name in ("general", "adapter-a")
        for seed, grammar in enumerate(grammars)
    ]

    async def alone(engine: EmbeddedEngine) -> list[Any]:
        return [await ask(engine, model, "Smoke", **options) for model, options in asked]

    async def together(engine: EmbeddedEngine) -> list[Any]:
        return await asyncio.gather(*(ask(engine, model, "Smoke", **options) for model, options in asked))

    assert [answer.tokens for answer in run(together)] == [answer.tokens for answer in run(alone)]


CIRCLE = {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"type": "banana"}, "banana"),
        ({"type": "string", "minLength": 5, "maxLength": 2}, "minLength"),
        ({"enum": []}, "empty"),
        ({"$ref": "http://elsewhere/x"}, "elsewhere"),
        ({"$ref": "#"}, "nothing satisfies"),
        (CIRCLE, "nothing satisfies"),
        ({"not": {"type": "string"}}, "not"),
        (False, "object schema"),
        ({"type": "string", "pattern": "("}, "regex"),
    ],
)
def test_a_grammar_that_cannot_be_followed_is_refused_at_once(run: Run[Any], catalog: Catalog, rule: Any, says: str) -> None:
    async def story(engine: EmbeddedEngine) -> None:
        with pytest.raises(InvalidRequest, match=says) as caught:
            await asyncio.wait_for(ask(engine, catalog.find("general"), "Smoke", max_tokens=50, grammar=schema(rule)), 20)
        assert caught.value.param == "response_format"

    run(story)


def test_json_that_can_never_end_is_given_up_and_the_others_go_on(run: Run[Any], catalog: Catalog) -> None:
    endless = schema({"type": "object", "properties": {"c": {"$ref": "#"}}, "required": ["c"]})
    model = catalog.find("general")

    async def story(engine: EmbeddedEngine) -> None:
        beside = asyncio.create_task(ask(engine, model, "Smoke", max_tokens=40))
        with pytest.raises(Unprocessable, match=r"cannot be followed here .*Too many items"):
            await ask(engine, model, "Smoke", max_tokens=30, grammar=endless)
        assert (await beside).tokens == (await ask(engine, model, "Smoke", max_tokens=40)).tokens

    run(story)


def test_a_grammar_does_not_hide_that_a_prompt_is_too_long(run: Run[Any], catalog: Catalog) -> None:
    async def story(engine: EmbeddedEngine) -> VersusError:
        with pytest.raises(ContextExceeded) as caught:
            await ask(engine, catalog.find("general"), [7] * 300, grammar=Grammar("json_object"))
        return caught.value

    assert run(story).param is None
