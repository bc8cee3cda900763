"""A task's definition: every shipped file is one, each kind has its own fields, and what is wrong is named."""

import tomllib
from typing import Any

import pytest
from pydantic import ValidationError

from app.benchmarks.definition import DATASETS, Task
from app.benchmarks.prompting import user_turn
from app.benchmarks.tasks import built_in
from app.catalog.prompts import classification_prompt
from app.domains.registry import DOMAINS

CLAIMS = {"name": "desk", "title": "Desk", "dataset": "desk", "labels": ["fire", "water"]}
OTHER = {name: CLAIMS[name] for name in ("name", "title", "dataset")}
FLOODS = '''
name = "floods"
title = "Floods"
dataset = "desk"
labels = ["flood", "none"]
prompt = """
{{ instruction }} ({{ labels|join(' or ') }})
{% for one in examples %}
{{ one.text }}: {{ one.answer }}
{% endfor %}
{{ text }}:"""
slices = ["desk"]
cluster = "claim"

[examples]
choose = "similar"
count = 8

[recall_floors]
flood = 0.9

[costs]
currency = "EUR"

[costs.matrix.flood]
none = 250.0
invalid = 20.0
'''


@pytest.mark.parametrize("name", built_in())
def test_every_shipped_file_is_a_task_whose_rows_a_domain_makes(name: str) -> None:
    task = built_in()[name]
    assert task.source is not None
    assert DOMAINS[task.source.domain].kind in DATASETS[task.kind]
    assert "A note" in user_turn(task, "A note")


def test_a_task_of_todays_fields_is_what_it_was() -> None:
    task = Task.model_validate(CLAIMS)
    assert (task.kind, task.scorer, task.metrics) == (
        "classification",
        "likelihood",
        ("accuracy", "macro_f1", "consistency", "latency"),
    )
    assert (task.few_shot, task.most_examples, task.examples.choose, task.repeats, task.rewordings) == (
        64,
        64,
        "balanced",
        5,
        3,
    )
    assert user_turn(task, "it burned", [("a pipe", "water")]) == classification_prompt(
        "it burned", ["fire", "water"], examples=[("a pipe", "water")]
    )


def test_a_task_file_says_all_and_its_digest_is_of_what_it_says() -> None:
    task = Task.model_validate(tomllib.loads(FLOODS))
    assert (task.columns, task.most_examples) == (("desk", "claim"), 8)
    assert user_turn(task, "rain", [("river", "flood")]).endswith(" (flood or none)\nriver: flood\nrain:")
    assert task.costs is not None
    assert task.costs.matrix["flood"]["none"] == 250
    same = Task.model_validate(tomllib.loads(FLOODS) | {"repeats": 5})
    other = Task.model_validate(tomllib.loads(FLOODS) | {"repeats": 6})
    assert task.digest == same.digest != other.digest


@pytest.mark.parametrize(
    ("kind", "scorer", "labels"),
    [
        ("extraction", "generation", ()),
        ("qa", "generation", ()),
        ("summarisation", "generation", ()),
        ("perplexity", "likelihood", ()),
        ("policy", "likelihood", ("help", "refuse")),
    ],
)
def test_each_kind_has_its_scorer_its_labels_and_its_words(kind: str, scorer: str, labels: tuple[str, ...]) -> None:
    task = Task.model_validate(OTHER | {"kind": kind})
    assert (task.scorer, task.labels) == (scorer, labels)
    assert "a note" in user_turn(task, "a note")
    assert task.instruction in user_turn(task, "a note")
    assert bool(task.instruction) == (kind != "perplexity")


@pytest.mark.parametrize(
    ("changed", "field", "told"),
    [
        ({"lables": []}, "lables", "Extra inputs"),
        ({"kind": "translation"}, "kind", "'classification'"),
        ({"name": "No Such"}, "name", "pattern"),
        ({"labels": ["fire"]}, "labels", "at least 2"),
        ({"labels": ["fire", "fire"]}, "labels", "twice"),
        ({"labels": ["fire", " "]}, "labels.1", "pattern"),
        ({"kind": "qa"}, "labels", "has no labels"),
        ({"kind": "policy"}, "labels", "help and refuse"),
        ({"fields": ["amount"]}, "fields", "has no fields"),
        ({"references": ["second"]}, "references", "qa and summarisation"),
        ({"prompt": "{{ labels }}"}, "prompt", "never shows"),
        ({"prompt": "{{ text.__class__ }}"}, "prompt", "attributes may not be read"),
        ({"prompt": "{{ text }}"}, "few_shot", "set few_shot = 0"),
        ({"metrics": ["rouge"]}, "metrics", "not measured for this kind"),
        ({"kind": "perplexity", "labels": [], "scorer": "generation"}, "scorer", "scored by likelihood"),
        ({"repeats": 1}, "repeats", "at least 2"),
        ({"examples": {"choose": "fixed"}}, "examples.rows", "needs at least one"),
        ({"examples": {"choose": "random", "rows": [1]}}, "examples.rows", 'go with choose = "fixed"'),
        ({"instruction": "a\0b"}, "instruction", "NUL"),
        ({"costs": {"matrix": {"\ud800": {"fire": 1}}}}, "costs", "half a character"),
        ({"examples": {"choose": "best"}}, "examples.choose", "'balanced'"),
        ({"costs": {"matrix": {"fire": {"ice": 1}}}}, "costs", "'ice' is not a label"),
        ({"costs": {"matrix": {"ice": {"fire": 1}}}}, "costs", "'ice' is not a label"),
        ({"costs": {"matrix": {"fire": {"water": float("inf")}}}}, "costs.matrix.fire.water", "finite"),
        ({"recall_floors": {"ice": 0.5}}, "recall_floors", "'ice' is not a label"),
        ({"recall_floors": {"fire": 90}}, "recall_floors.fire", "less than 1"),
        ({"costs": {"matrix": {"fire": {"theft": 1e300}}}}, "costs.matrix.fire.theft", "1000000000000"),
        ({"source": {"domain": "claims-type", "train": 0, "validation": 1, "test": 1}}, "source.train", "greater than"),
    ],
)
def test_what_is_wrong_with_a_task_is_said_of_its_field(changed: dict[str, Any], field: str, told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Task.model_validate(CLAIMS | changed)
    first = next((e for e in refused.value.errors() if e["type"] == "extra_forbidden"), refused.value.errors()[0])
    assert ".".join(map(str, first["loc"])) == field
    assert told in first["msg"]
