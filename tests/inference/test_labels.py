"""Log-likelihoods become a decision, and words become a label or none."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalog.catalog import Catalog, ModelVersion
from app.inference.classify import decide
from app.inference.labels import read_label
from app.inference.wire import BrokenWeights
from tests.fakes import make_fake

LABELS = ("water", "water damage", "fire", "Theft of a car", "日本")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelVersion:
    root: Path = tmp_path_factory.mktemp("models")
    make_fake(root)
    return Catalog([root]).find("general")


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


def test_probabilities_are_the_shares_of_the_label_mass(model: ModelVersion) -> None:
    decision = decide(["a", "b", "c"], [math.log(0.1), math.log(0.3), math.log(0.2)], model)

    assert decision.label == "b"
    assert decision.probabilities == pytest.approx({"a": 1 / 6, "b": 1 / 2, "c": 1 / 3})
    assert decision.label_mass == pytest.approx(0.6)
    assert decision.margin == pytest.approx(1 / 2 - 1 / 3)


def test_ties_go_to_the_first_label(model: ModelVersion) -> None:
    decision = decide(["a", "b", "c"], [-2.0, -1.0, -1.0], model)

    assert (decision.label, decision.margin) == ("b", 0.0)


@pytest.mark.parametrize("lowest", [-2000.0, -math.inf])
def test_labels_too_unlikely_for_a_float_still_have_probabilities(lowest: float, model: ModelVersion) -> None:
    decision = decide(["a", "b"], [lowest, lowest], model)

    assert decision.probabilities == {"a": 0.5, "b": 0.5}
    assert (decision.label, decision.label_mass) == ("a", 0.0)


def test_a_single_label_has_all_the_probability_but_not_all_the_mass(model: ModelVersion) -> None:
    decision = decide(["a"], [-1.0], model)

    assert (decision.probabilities, decision.margin) == ({"a": 1.0}, 1.0)
    assert decision.label_mass == pytest.approx(math.exp(-1))


def test_scores_that_are_no_numbers_are_an_error_that_names_the_model(model: ModelVersion) -> None:
    with pytest.raises(BrokenWeights, match=r"general@1.*damaged"):
        decide(["a", "b"], [math.nan, -1.0], model)


@given(st.lists(st.floats(max_value=0, min_value=-1e6), min_size=1, max_size=30))
def test_decisions_hold_only_numbers_between_0_and_1(model: ModelVersion, scores: list[float]) -> None:
    decision = decide([str(at) for at in range(len(scores))], scores, model)

    assert math.fsum(decision.probabilities.values()) == pytest.approx(1)
    assert all(0 <= one <= 1 for one in [*decision.probabilities.values(), decision.label_mass, decision.margin])
    assert decision.probabilities[decision.label] == max(decision.probabilities.values())
