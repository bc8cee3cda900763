"""The classical baselines: strong, fair, deterministic, and honest about what they cost."""

import random

import pytest

from app.benchmarks.baselines import Baseline, Majority, TfidfLogistic, most_likely
from app.benchmarks.scorers import accuracy
from app.errors import Unprocessable

_WORDS = {
    "fire": ("smoke in the kitchen", "the stove caught fire", "burnt curtains", "flames on the roof"),
    "theft": ("the bike was stolen", "a burglar took the laptop", "missing after a break-in", "someone stole the car"),
    "water": ("a pipe burst", "the cellar was flooded", "leak from the washing machine", "wet ceiling after rain"),
}


def _claims(n: int, seed: int) -> tuple[list[str], list[str]]:
    draws = random.Random(seed)
    labels = [draws.choice(["fire", "fire", "theft", "water"]) for _ in range(n)]
    return [
        f"{draws.choice(_WORDS[label])}, reported {draws.choice(['by phone', 'late', 'by mail'])}" for label in labels
    ], labels


TRAIN, VALIDATION, TEST = _claims(80, 0), _claims(30, 1), _claims(40, 2)


def _fitted(baseline: Baseline) -> Baseline:
    baseline.fit(*TRAIN, validation=VALIDATION)
    return baseline


@pytest.mark.parametrize("make", [Majority, TfidfLogistic])
def test_a_baseline_gives_probabilities_over_the_training_labels_and_its_cost(
    make: type[Majority] | type[TfidfLogistic],
) -> None:
    baseline = _fitted(make())
    for probabilities in baseline.predict_proba(TEST[0]):
        assert set(probabilities) == {"fire", "theft", "water"}
        assert sum(probabilities.values()) == pytest.approx(1)
    assert baseline.parameters >= 3
    assert baseline.bytes > 0
    assert baseline.fit_seconds > 0
    assert 0 < baseline.validation_accuracy <= 1
    assert baseline.predict_proba([]) == []


def test_majority_answers_the_most_frequent_label_and_ties_do_not_depend_on_row_order() -> None:
    assert set(most_likely(_fitted(Majority()).predict_proba(TEST[0]))) == {"fire"}
    for labels in (["b", "a"], ["a", "b"]):
        tied = Majority()
        tied.fit(["x", "y"], labels, validation=(["x"], ["a"]))
        assert most_likely(tied.predict_proba(["z"])) == ["a"]


def test_tfidf_learns_what_the_words_say_and_sees_through_typos() -> None:
    baseline = _fitted(TfidfLogistic())
    assert accuracy(TEST[1], most_likely(baseline.predict_proba(TEST[0]))) == 1.0
    assert most_likely(baseline.predict_proba(["the celar was floodd", "somone stoel the bik"])) == ["water", "theft"]


def test_tfidf_is_deterministic() -> None:
    assert _fitted(TfidfLogistic()).predict_proba(TEST[0]) == _fitted(TfidfLogistic()).predict_proba(TEST[0])


def test_an_answer_is_the_same_alone_and_in_a_batch() -> None:
    baseline = _fitted(TfidfLogistic())
    alone = baseline.predict_proba(TEST[0][:1])[0]
    assert alone == pytest.approx(baseline.predict_proba(TEST[0])[0])


def test_the_strength_is_chosen_on_validation() -> None:
    texts, labels = _claims(60, 3)
    noisy = [label if i % 3 else "fire" for i, label in enumerate(labels)]  # a third of the labels are wrong
    strong, weak = TfidfLogistic((0.001, 100)), TfidfLogistic((0.001,))
    strong.fit(texts, noisy, validation=VALIDATION)
    weak.fit(texts, noisy, validation=VALIDATION)
    assert (strong.strength, weak.strength) == (100, 0.001)
    assert strong.validation_accuracy > weak.validation_accuracy


def test_two_labels_work_and_a_label_seen_only_in_validation_does_no_harm() -> None:
    texts, labels = zip(*((t, y) for t, y in zip(*TRAIN, strict=True) if y != "water"), strict=True)
    baseline = TfidfLogistic()
    baseline.fit(texts, labels, validation=VALIDATION)
    assert most_likely(baseline.predict_proba(["the bike was stolen", "smoke in the kitchen"])) == ["theft", "fire"]


def test_what_cannot_be_learned_from_is_refused_with_the_reason() -> None:
    with pytest.raises(Unprocessable, match="same label"):
        TfidfLogistic().fit(["a fire", "a blaze"], ["fire", "fire"], validation=VALIDATION)
    with pytest.raises(Unprocessable, match="validation split is empty"):
        TfidfLogistic().fit(*TRAIN, validation=([], []))
    with pytest.raises(Unprocessable, match="no words"):
        TfidfLogistic().fit(["!", "?"], ["fire", "theft"], validation=VALIDATION)
