"""What a person reads of a variant: its purpose, its origin, its numbers with intervals, its limits."""

from datetime import UTC, datetime

import pytest

from app.catalog.cards import Card, Made, TrainedTask
from app.training.energy import Power, energy
from app.training.model_card import model_card


def card(left_out: int = 0, **more: object) -> Card:
    validation = {"desk_accuracy": 0.9, "desk_macro_f1": 0.8123, "desk_cases": 100, "rows_left_out": left_out}
    made = Made(
        recipe_digest="ab" * 32,
        datasets=("ds_1",),
        created=datetime(2026, 11, 25, tzinfo=UTC),
        seconds=61.0,
        tokens=12345,
        validation=validation,
    )
    task = TrainedTask(name="desk", labels=tuple(f"label {n}" for n in range(10)))
    told = {"name": "desk", "version": 3, "kind": "custom", "method": "lora", "parent": "general@1", "parameters": 5_000_000}
    return Card.model_validate(told | {"tasks": (task,), "made": made} | more)


def test_the_card_tells_purpose_origin_and_numbers_with_their_interval() -> None:
    text = model_card(card())
    assert text.startswith("# desk@3\n")
    assert "one of 10 labels: label 0, label 1" in text
    assert "label 9" not in text  # the first say what it is about
    assert "| desk | 0.900 [0.83-0.94] | 0.812 | 100 |" in text  # Wilson's interval of 90 of 100
    for said in ("general@1", "ds_1", "12,345", "61 s", "abababababababab"):
        assert said in text
    assert "Every row fitted its context." in text


def test_identity_and_energy_are_told_with_what_was_assumed() -> None:
    plain = card()
    made = plain.made.model_copy(update={"rows": {"desk": "cd" * 32}, **energy(1800.0, 0.0, Power())})
    text = model_card(plain.model_copy(update={"made": made, "parent_digest": "ef" * 32}), "12" * 32)
    assert f"| digest | SHA-256 `{'12' * 32}` |" in text
    assert "| base | general@1, SHA-256 efefefefefefefef… |" in text
    assert "`desk` SHA-256 cdcdcdcdcdcdcdcd…" in text
    # Half an hour of one core at 10 W.
    assert "5 Wh, 0.0013 USD: 1,800 s of processor; assumed: 10 W for each busy processor core, 0.25 USD a kWh" in text
    assert "| energy, estimated | not measured |" in model_card(plain)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"method": "scratch", "parent": None}, "| base | none |"),
        ({"method": "instruct"}, "no others, unless a prompt lists them"),
        ({"left_out": 1234}, "1,234 rows were longer than its context"),
    ],
)
def test_what_sets_a_variant_apart_is_said(more: dict[str, object], says: str) -> None:
    assert says in model_card(card(**more))


def test_validation_rows_that_its_base_has_learned_are_among_the_limits() -> None:
    of_base = card().made.model_copy(update={"refitted_on": ("ds_0",)})
    said = (
        "general@1, which it was made from, has learned the validation rows of ds_0 too: they cannot judge this model either."
    )
    assert said in model_card(card().model_copy(update={"made": of_base}))
    its_own = card().made.model_copy(update={"refitted_on": ("ds_1",)})
    assert "which it was made from, has learned" not in model_card(card().model_copy(update={"made": its_own}))
