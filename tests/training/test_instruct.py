"""Instruction tuning asks in many ways and serves in one, over every task of the recipe."""

import random
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from app.catalog.catalog import Catalog, ModelVersion
from app.catalog.prompts import classification_prompt
from app.training import instruct
from app.training.data import encode_task
from app.training.make import Rows, make_variant
from app.training.recipe import Recipe, TaskRecipe

LABELS = ("theft", "fire", "water damage")


def test_a_training_row_shows_the_right_label_among_others_in_any_order() -> None:
    draws = random.Random(0)
    asked = [instruct.asked("a text", "fire", LABELS, draws) for _ in range(200)]
    lists = [prompt.splitlines()[1].removeprefix("Labels: ").split("; ") for prompt in asked]
    assert all("fire" in shown and len(shown) == len({*shown}) >= 2 for shown in lists)
    assert {tuple(sorted(shown)) for shown in lists} == {
        ("fire", "theft"),
        ("fire", "water damage"),
        ("fire", "theft", "water damage"),
    }
    assert len({tuple(shown) for shown in lists if len(shown) == 3}) == 6  # every order
    assert {prompt.splitlines()[0] for prompt in asked} == {*instruct.INSTRUCTIONS}
    assert instruct.asked("a text", "fire", LABELS, random.Random(7)) == instruct.asked(
        "a text", "fire", LABELS, random.Random(7)
    )


def test_what_is_served_is_the_general_way_of_asking_and_validation_is_asked_so(base: ModelVersion, claims: Rows) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(base.folder)
    rows = claims["claims-type"]
    task = encode_task(tokenizer, "claims-type", "", rows, context=512, balance=0.0, instruct_seed=3)
    assert task.task.labels == LABELS
    text = rows["validation"][0][0]
    (shown,) = tokenizer.batch_decode([task.validation[0].prompt])
    assert classification_prompt(text, LABELS) in shown
    assert task.task.prompt.replace("{input}", text) == classification_prompt(text, LABELS)


@pytest.mark.parametrize("tasks", [1, 2])
def test_one_variant_learns_the_tasks_of_a_domain(base: ModelVersion, claims: Rows, tmp_path: Path, tasks: int) -> None:
    names = ["claims-type", "claims-again"][:tasks]
    recipe = Recipe(
        name="desk",
        method="instruct",
        tasks=tuple(TaskRecipe(name=name, dataset=name) for name in names),
        epochs=0.5,
        batch_tokens=512,
        validations=1,
    )
    rows = dict.fromkeys(names, claims["claims-type"])
    make_variant(recipe, rows, base, tmp_path / "made", tmp_path / "work")
    card = Catalog([base.folder.parent, tmp_path / "made"]).find("desk").card
    assert (card.method, [task.name for task in card.tasks]) == ("instruct", names)
