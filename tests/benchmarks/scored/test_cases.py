"""What an answer is worth: scores per case of each kind, and when two answers are the same."""

import json

import pytest

from app.benchmarks.runner import Case
from app.benchmarks.scored.cases import Gold, record_of, scored
from app.database.tables import Prediction


def answer(text: str | None, bits: float | None = None) -> Prediction:
    return Prediction(text=text, bits=bits)


def gold(right: str, *references: str, fields: tuple[str, ...] = (), text: str = "a text") -> Gold:
    return Gold(Case(1, text, right), references, fields)


CLAIM = {"type": "fire", "amount": 1200, "limit": None}


def test_fields_are_found_wrong_missing_and_invented() -> None:
    right = gold(json.dumps(CLAIM), fields=("type", "amount", "limit"))
    exact = scored("extraction", right, answer('{"type": "Fire ", "amount": 1200.0, "limit": null}'))
    assert exact.scores == {"field_f1": 1.0, "fields_exact": 1.0}
    assert exact.decision == exact.right
    # Of 2 values that are there and 3 that were given, 1 is right.
    wrong = scored("extraction", right, answer('{"type": "fire", "amount": 1300, "limit": 5}'))
    assert wrong.scores == {"field_f1": pytest.approx(2 / 5), "fields_exact": 0.0}
    assert wrong.decision != wrong.right
    missing = scored("extraction", right, answer('{"type": "fire"}'))
    assert missing.scores["field_f1"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("said", [None, "", "no idea", "[1, 2]", '{"type": ', '{"type": NaN}'])
def test_an_answer_that_is_no_object_is_worth_nothing_and_decides_nothing(said: str | None) -> None:
    found = scored("extraction", gold(json.dumps(CLAIM), fields=("type", "amount")), answer(said))
    assert found.scores == {"field_f1": 0.0, "fields_exact": 0.0}
    assert (found.decision, found.record) == (None, None)


def test_an_object_is_read_out_of_the_words_around_it() -> None:
    assert record_of('Here it is:\n```json\n{"a": {"b": 1}}\n``` and more {') == {"a": {"b": 1}}


def test_nothing_to_find_and_nothing_found_is_right() -> None:
    empty = gold('{"limit": null}', fields=("limit",))
    assert scored("extraction", empty, answer('{"limit": ""}')).scores == {"field_f1": 1.0, "fields_exact": 1.0}


def test_an_answer_to_a_question_is_compared_with_each_right_one() -> None:
    right = gold("the deductible", "500 dollars")
    assert scored("qa", right, answer("Deductible.")).scores == {"token_f1": 1.0, "exact_match": 1.0}
    assert scored("qa", right, answer("It is 500 dollars")).scores == {
        "token_f1": pytest.approx(2 * (2 / 4) * 1 / (2 / 4 + 1)),
        "exact_match": 0.0,
    }
    # Both are right answers in other words: the same decision.
    assert scored("qa", right, answer("500 dollars")).decision == scored("qa", right, answer("deductible")).decision
    assert scored("qa", right, answer("  ")) == scored("qa", right, answer(None))
    assert scored("qa", right, answer("A")).decision == "A"  # an article alone is wrong, but said


def test_a_summary_has_rouge_its_length_and_the_figures_that_it_names() -> None:
    right = gold("fire loss of 3,250.50 dollars with limit 9000")
    found = scored("summarisation", right, answer("fire loss of 3,250.50 dollars"))
    assert found.scores["rouge_1"] == found.scores["rouge_l"]
    assert found.scores["figures_named"] == 0.5
    assert found.scores["length_ratio"] == pytest.approx(7 / 10)  # a number is cut at its points
    assert scored("summarisation", gold("no number"), answer("x")).scores["figures_named"] is None
    assert scored("summarisation", right, answer(None)).scores["rouge_l"] == 0


def test_bits_are_spread_over_bytes_and_a_text_that_was_not_read_has_none() -> None:
    assert scored("perplexity", gold("", text="größe"), answer(None, bits=14.0)).scores == {"bits_per_byte": 2.0}
    assert scored("perplexity", gold(""), answer(None)).scores == {"bits_per_byte": None}
