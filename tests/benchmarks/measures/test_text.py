"""Texts are compared as the published measures do, and a fact counts only in the words that a right answer must use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from app.benchmarks.measures.text import (
    exact_match,
    fact_coverage,
    length_ratio,
    missing_facts,
    normalised,
    rouge_l,
    rouge_n,
    token_f1,
)


def test_squads_normal_form_drops_articles_punctuation_and_case() -> None:
    assert normalised("The  Cat's  hat, an apple!") == "cats hat apple"
    assert exact_match("the Broncos.", ["Denver", "Broncos"])
    assert not exact_match("Bronco", ["Broncos"])


def test_token_f1_takes_the_reference_that_fits_best() -> None:
    assert token_f1("in the year 1976", ["1976", "in 1976 or so"]) == pytest.approx(2 * (2 / 3) * (2 / 4) / (2 / 3 + 2 / 4))
    assert token_f1("the", ["a"]) == 1.0  # nothing is left of either
    assert token_f1("", ["Denver"]) == 0.0


def test_an_answer_without_a_reference_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one reference"):
        token_f1("Denver", [])


def test_rouge_of_lins_example() -> None:
    # Lin 2004, section 3.1: the first candidate keeps the order and has ROUGE-L 3/4, the second 1/2; ROUGE-2 cannot tell.
    reference = "police killed the gunman"
    assert rouge_l("police kill the gunman", reference).f1 == 0.75
    assert rouge_l("the gunman kill police", reference).f1 == 0.5
    assert rouge_n("police kill the gunman", reference, 2) == rouge_n("the gunman kill police", reference, 2)


_sentences = st.lists(st.sampled_from(["the", "claim", "Fire,", "water-damage", "3", "paid", "it's"]), max_size=12).map(
    " ".join
)


@given(_sentences, _sentences)
def test_rouge_agrees_with_the_package_of_its_users(answer: str, reference: str) -> None:
    published = RougeScorer(["rouge1", "rouge2", "rougeL"]).score(reference, answer)
    for name, ours in (
        ("rouge1", rouge_n(answer, reference, 1)),
        ("rouge2", rouge_n(answer, reference, 2)),
        ("rougeL", rouge_l(answer, reference)),
    ):
        theirs = published[name]
        assert (ours.precision, ours.recall, ours.f1) == pytest.approx((theirs.precision, theirs.recall, theirs.fmeasure))


def test_other_scripts_have_words_too() -> None:
    assert rouge_n("Schäden durch Überflutung", "Schäden nach Überflutung", 1).recall == pytest.approx(2 / 3)


def test_a_fact_is_named_in_its_own_words_only() -> None:
    answer = "Paid $3,250.50 to J. Smith on 2024-03-01."
    assert missing_facts(answer, ["3,250.50", "J Smith", "3,250.00", "250", "2024-03-0"]) == ["3,250.00", "2024-03-0"]
    assert fact_coverage(answer, ["3,250.50", "3,250.00"]) == 0.5
    assert fact_coverage(answer, []) is None


def test_length_is_told_against_the_reference() -> None:
    assert length_ratio("one two three", "one two") == 1.5
    assert length_ratio("one", "...") is None
