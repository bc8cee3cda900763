"""Words become a label or none."""

import pytest

from app.inference.labels import read_label

LABELS = ("water", "water damage", "fire", "Theft of a car", "日本")


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ("fire", "fire"),
        ("  Fire\n", "fire"),
        ("THEFT OF A CAR", "Theft of a car"),
        ("fire\n\nText: a pipe burst\nLabel: water", "fire"),  # a model that goes on with the next example
        ("The label is fire.", "fire"),
        ("water damage", "water damage"),
        ("This is water damage!", "water damage"),  # not also "water", which is within it
        ("(water)", "water"),
        ("日本", "日本"),
        ("fire or water", None),
        ("water damage, or just water", None),
        ("wildfire", None),  # not a whole word
        ("fireproof", None),
        ("", None),
        ("flood", None),
    ],
)
def test_an_answer_is_read_as_the_one_label_it_means(said: str, label: str | None) -> None:
    assert read_label(said, LABELS) == label


def test_labels_that_differ_only_in_case_are_told_apart_when_said_exactly() -> None:
    assert read_label("Fire", ("fire", "Fire")) == "Fire"
    assert read_label("FIRE", ("fire", "Fire")) is None
    assert read_label("a FIRE it is", ("fire", "Fire")) is None


def test_labels_with_signs_of_patterns_are_only_text() -> None:
    assert read_label("I say c++.", ("c++", "c")) == "c++"
    assert read_label("a.b", ("a.b", "axb")) == "a.b"
    assert read_label("it is axb", ("a.b", "axb")) == "axb"
