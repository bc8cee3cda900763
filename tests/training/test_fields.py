"""What a model learns to write is what a schema lets it write, to the last character."""

import json
from typing import Any

import llguidance.hf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import validator_for
from llguidance import LLMatcher
from transformers import AutoTokenizer

from app.catalog.catalog import ModelVersion
from app.engines.embedded.grammar import STYLE
from app.errors import Unprocessable
from app.inference.bounded import bounded
from app.training.fields import arranged, guess_schema, written


def test_a_field_that_a_row_lacks_is_null_and_all_rows_have_one_order() -> None:
    rows = [{"party": "Ann", "sum": 5}, {"sum": 2.5, "dates": ["1 May"]}, {"dates": [], "party": "Bo"}]
    schema = guess_schema(rows)
    assert schema["required"] == ["party", "sum", "dates"]
    assert schema["properties"]["sum"]["type"] == ["number", "null"]
    assert [written(arranged(row, schema)) for row in rows] == [
        '{"party": "Ann", "sum": 5, "dates": null}',
        '{"party": null, "sum": 2.5, "dates": ["1 May"]}',
        '{"party": "Bo", "sum": null, "dates": []}',
    ]


def test_answers_have_room_and_an_end() -> None:
    schema = guess_schema([{"name": "a" * 300, "sum": 120, "all": ["a", "bc"], "none": []}])["properties"]
    assert schema["name"] == {"type": "string", "maxLength": 600}
    assert schema["sum"] == {"type": "integer", "maximum": 10_000, "minimum": -10_000}
    assert schema["all"] == {"type": "array", "maxItems": 10, "items": {"type": "string", "maxLength": 100}}
    assert schema["none"] == {"type": "array", "maxItems": 0}  # nothing is known of what it would hold
    assert bounded(schema["name"], 3) == schema["name"]  # serving adds no bound that training did not have


def test_rows_of_ever_other_fields_are_refused() -> None:
    with pytest.raises(Unprocessable, match="201 different names, and at most 200"):
        guess_schema([{f"field {i}": 1} for i in range(201)])


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.floats(-1e12, 1e12) | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(), inside, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.text(), values, max_size=4), min_size=1, max_size=4))
@settings(max_examples=30, deadline=None)
def test_rows_satisfy_the_schema_that_is_guessed_from_them_and_mean_what_they_meant(rows: list[dict[str, Any]]) -> None:
    schema = guess_schema(rows)
    for row in rows:
        back = json.loads(written(arranged(row, schema)))
        assert back == arranged(row, schema)
        assert validator_for(schema).is_valid(back)
        assert {name: back[name] for name in row if not isinstance(row[name], dict | list)} == {
            name: value for name, value in row.items() if not isinstance(value, dict | list)
        }


@pytest.mark.parametrize(
    "row",
    [
        {"quoted": 'he said "no"\n\\ é ü 日', "amount": 12.0, "tiny": 1e-7, "below": -0.00001, "large": 10**16},
        {"any": None, "inner": {"list": [{"a": 1}, {"b": True}], "none": []}, "": "", "a.b c": False},
    ],
)
def test_serving_can_write_every_character_of_what_was_learned(row: dict[str, Any], base: ModelVersion) -> None:
    tokenizer = AutoTokenizer.from_pretrained(base.folder)
    schema = bounded(guess_schema([row]), 10)
    grammar = LLMatcher.grammar_from_json_schema(schema, overrides=STYLE)
    matcher = LLMatcher(llguidance.hf.from_tokenizer(tokenizer), grammar)
    ids = tokenizer(written(arranged(row, guess_schema([row]))), add_special_tokens=False)["input_ids"]
    assert matcher.try_consume_tokens(ids) == len(ids)
    assert matcher.is_accepting()
