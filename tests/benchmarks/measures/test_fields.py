"""Fields: wrong, missing and invented values are told apart, and no answer leaves a denominator."""

import pytest

from app.benchmarks.measures.fields import field_scores, records_exact

GOLD = [{"cause": "fire", "amount": 3}, {"cause": "water", "amount": None}, {"cause": "theft"}, {"cause": "fire", "amount": 5}]
ANSWERS = [{"cause": "Fire ", "amount": 3.0}, {"cause": "fire", "amount": 7}, {"cause": ""}, None]


def test_each_field_has_precision_recall_and_exact_of_its_own() -> None:
    cause, amount = field_scores(GOLD, ANSWERS, ["cause", "amount"])
    assert (cause.exact.estimate, cause.exact.n) == (0.25, 4)
    assert cause.precision is not None
    assert cause.recall is not None
    assert (cause.precision.estimate, cause.precision.n) == (0.5, 2)
    assert (cause.recall.estimate, cause.recall.n) == (0.25, 4)
    assert (cause.wrong, cause.missing, cause.invented) == (1, 2, 0)
    assert (amount.wrong, amount.missing, amount.invented) == (0, 1, 1)
    assert amount.exact.estimate == 0.5  # right, and rightly without a value
    assert cause.f1 == pytest.approx(2 * 1 / (4 + 2))


def test_a_record_is_right_only_when_all_its_fields_are() -> None:
    assert records_exact(GOLD, ANSWERS, ["cause", "amount"]).estimate == 0.25


def test_a_field_that_nobody_has_is_undefined_not_perfect() -> None:
    (nothing,) = field_scores(GOLD, ANSWERS, ["color"])
    assert (nothing.precision, nothing.recall, nothing.f1) == (None, None, None)


def test_values_inside_lists_and_objects_are_compared_alike() -> None:
    (one,) = field_scores([{"who": [{"name": "Ann Lee"}]}], [{"who": [{"name": "ann  lee"}]}], ["who"])
    assert one.exact.estimate == 1.0


def test_no_case_is_refused() -> None:
    with pytest.raises(ValueError, match="no case to score"):
        field_scores([], [], ["cause"])
