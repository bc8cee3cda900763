"""A score counts every answer, names every label it knows nothing about, and carries its uncertainty."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, f1_score, matthews_corrcoef, precision_recall_fscore_support

from app.benchmarks.scorers import accuracy, confusion, encode, macro_f1, score

LABELS = ("collision", "fire", "theft", "water")
GOLD = ("collision", "collision", "fire", "fire", "theft", "theft")


def test_unparsed_output_stays_in_the_denominator() -> None:
    answers = ("collision", None, "fire", None, "theft", None)
    scored = score(GOLD, answers, LABELS)
    assert (scored.accuracy.estimate, scored.accuracy.n, scored.unparsed) == (0.5, 6, 3)
    # Every label has recall 1/2 at precision 1: dropping the failures would have made this 1.
    assert scored.macro_f1.estimate == pytest.approx(2 / 3)


def test_an_answer_outside_the_labels_counts_as_unparsed() -> None:
    scored = score(GOLD, ("COLLISION!", *GOLD[1:]), LABELS)
    assert (scored.unparsed, scored.accuracy.estimate) == (1, pytest.approx(5 / 6))


def test_a_label_absent_from_the_test_gold_does_not_vanish_from_macro_f1() -> None:
    """No case is `water`: a false alarm for it costs, and that nothing was learned about it is said."""
    silent = score(GOLD, GOLD, LABELS)
    alarmed = score(GOLD, ("water", *GOLD[1:]), LABELS)
    assert silent.untested == alarmed.untested == ("water",)
    assert silent.macro_f1.estimate == 1.0
    assert alarmed.macro_f1.estimate == pytest.approx((2 / 3 + 1 + 1 + 0) / 4)


def test_a_label_that_a_model_never_predicts_counts_as_zero() -> None:
    scored = score(GOLD, ("collision", "collision", "fire", "fire", "fire", "fire"), LABELS)
    theft = next(one for one in scored.per_class if one.label == "theft")
    assert (theft.precision, theft.recall, theft.f1, theft.support, theft.predicted) == (None, 0.0, 0.0, 2, 0)
    assert scored.macro_f1.estimate == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_a_case_set_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="6 gold labels but 5 predictions"):
        score(GOLD, GOLD[1:], LABELS)
    with pytest.raises(ValueError, match="no labels of the task: theft"):
        score(GOLD, GOLD, ("collision", "fire"))
    with pytest.raises(ValueError, match="no case to score"):
        score((), (), LABELS)


@given(st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from((*LABELS, None))), min_size=1, max_size=60))
def test_macro_f1_agrees_with_scikit_learn(cases: list[tuple[str, str | None]]) -> None:
    gold, answers = [g for g, _ in cases], [a for _, a in cases]
    seen = sorted({*gold, *(a for a in answers if a)})
    reference = f1_score(gold, [a or "(none)" for a in answers], labels=seen, average="macro", zero_division=0)
    assert macro_f1(gold, answers, LABELS) == pytest.approx(reference)
    assert accuracy(gold, answers) == pytest.approx(np.mean([g == a for g, a in cases]))


@given(st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from((*LABELS, None))), min_size=1, max_size=60))
def test_per_class_agrees_with_scikit_learn(cases: list[tuple[str, str | None]]) -> None:
    gold, answers = [g for g, _ in cases], [a for _, a in cases]
    scored = score(gold, answers, LABELS, resamples=10)
    p, r, f, s = precision_recall_fscore_support(gold, [a or "(none)" for a in answers], labels=LABELS, zero_division=0)
    assert [one.precision or 0 for one in scored.per_class] == pytest.approx(p)
    assert [one.recall or 0 for one in scored.per_class] == pytest.approx(r)
    assert [one.f1 or 0 for one in scored.per_class] == pytest.approx(f)
    assert [one.support for one in scored.per_class] == s.tolist()


@given(st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from((*LABELS, None))), min_size=2, max_size=60))
def test_weighted_f1_mcc_and_confusion_agree_with_scikit_learn(cases: list[tuple[str, str | None]]) -> None:
    gold, answers = [g for g, _ in cases], [a or "(none)" for _, a in cases]
    scored = score(gold, answers, LABELS, resamples=10)
    assert scored.weighted_f1.estimate == pytest.approx(f1_score(gold, answers, average="weighted", zero_division=0))
    if scored.mcc is None:
        assert 1 in (len(set(gold)), len(set(answers)))
    else:
        assert scored.mcc.estimate == pytest.approx(matthews_corrcoef(gold, answers), abs=1e-9)
    matrix = confusion_matrix(gold, answers, labels=[*LABELS, "(none)"])
    assert confusion(*encode(gold, answers, LABELS), len(LABELS)) == matrix[:-1].tolist()


@given(st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from((*LABELS, None))), min_size=1, max_size=40))
def test_intervals_contain_their_estimates(cases: list[tuple[str, str | None]]) -> None:
    scored = score([g for g, _ in cases], [a for _, a in cases], LABELS, resamples=50)
    for interval in (scored.accuracy, scored.macro_f1):
        assert 0 <= interval.low <= interval.estimate <= interval.high <= 1


def test_clusters_widen_both_intervals() -> None:
    generator = np.random.default_rng(0)
    gold = [str(label) for label in generator.choice(LABELS, size=40)]
    answers = [label if generator.random() < 0.7 else LABELS[0] for label in gold]
    copied_gold, copied_answers = [g for g in gold for _ in range(8)], [a for a in answers for _ in range(8)]
    fooled = score(copied_gold, copied_answers, LABELS)
    honest = score(copied_gold, copied_answers, LABELS, clusters=[i for i in range(40) for _ in range(8)])
    assert honest.accuracy.high - honest.accuracy.low > 1.8 * (fooled.accuracy.high - fooled.accuracy.low)
    assert honest.macro_f1.high - honest.macro_f1.low > 1.8 * (fooled.macro_f1.high - fooled.macro_f1.low)
