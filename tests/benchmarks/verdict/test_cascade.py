"""Both models together: the threshold from validation, the certificate from the test, every cheap answer paid for."""

import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from app.benchmarks.arms import ArmResult
from app.benchmarks.economics import Price
from app.benchmarks.scorers import accuracy
from app.benchmarks.verdict import Question, Verdict, decide
from app.benchmarks.verdict.cascade import cascade_arm, choose_threshold, oracle, recovered
from tests.benchmarks.verdict.made import LABELS, arm, latency

BOTH = Question(cascade=True)


def _quality(one: ArmResult) -> float:
    return accuracy(one.gold, one.predicted)


def _pair(seed: int, n: int, *, custom: Any = lambda sure: sure, general: float = 0.9, cheap_ms: float = 20) -> list[ArmResult]:
    """custom is as often right as `custom` makes of its confidence, general in a constant share, ten times as slow."""
    draws = np.random.default_rng(seed)
    sure = draws.uniform(0.4, 1, n)
    return [
        arm("claims", "custom", draws.random(n) < custom(sure), sure, **latency(n, cheap_ms)),
        arm("general", "general", draws.random(n) < general, np.full(n, 0.9), **latency(n, 200)),
    ]


def _decided(test: list[ArmResult], validation: list[ArmResult], question: Question = BOTH) -> Verdict:
    return decide(test, LABELS, question, validation={one.arm: one for one in validation})


def test_confident_cheap_answers_and_a_dear_model_for_the_rest_win_together() -> None:
    """Where custom says .9 it is right in 90 %: general is worth its price for the others alone."""
    verdict = _decided(_pair(1, 1500, custom=_sharp), _pair(2, 400, custom=_sharp))
    assert verdict.decision == "cascade"
    one = verdict.cascade
    assert one is not None
    assert (one.cheap, one.dear, one.certified, one.validation_cases) == ("claims", "general", True, 400)
    assert 0.3 < one.escalated.estimate < 0.7
    assert one.accuracy.estimate > max(verdict.pair.first_correct, verdict.pair.second_correct) / 1500 - 0.01
    assert one.oracle.estimate > one.accuracy.estimate
    assert "Use both: let claims answer where its confidence is at least" in verdict.sentence
    assert decide(_pair(1, 1500, custom=_sharp), LABELS).decision == "general"  # without the question, one of the two
    assert json.loads(json.dumps(asdict(verdict), allow_nan=False))["cascade"]["certified"]


def _sharp(sure: Any) -> Any:
    return np.where(sure > 0.7, 0.98, 0.3)


def test_the_threshold_is_chosen_on_validation_and_never_on_test() -> None:
    """Other answers on test move the outcome, not the threshold."""
    validation = _pair(2, 400, custom=_sharp)
    first = _decided(_pair(1, 600, custom=_sharp), validation).cascade
    second = _decided(_pair(7, 600, custom=lambda sure: np.full(len(sure), 0.6)), validation).cascade
    assert first is not None
    assert second is not None
    assert first.threshold == second.threshold
    assert first.accuracy.estimate != second.accuracy.estimate


def test_the_same_question_has_the_same_answer() -> None:
    """Every draw is seeded: nothing moves between two calls, whatever else was drawn in between."""
    test, validation = _pair(1, 200, custom=_sharp), _pair(2, 100, custom=_sharp)
    asked = Question(cascade=True, metrics=("macro_f1", "accuracy"))
    first = _decided(test, validation, asked)
    np.random.default_rng().random(10)
    assert _decided(test, validation, asked) == first


def test_confidence_that_only_helped_on_validation_is_not_certified() -> None:
    blind = _pair(3, 1500, custom=lambda sure: np.full(len(sure), 0.6))
    verdict = _decided(blind, _pair(2, 400, custom=_sharp))
    assert verdict.decision == "general"
    assert verdict.cascade is not None
    assert not verdict.cascade.certified
    assert "It does not win against both" in verdict.cascade_note


def test_a_rejected_cheap_answer_is_paid_for() -> None:
    """At 180 of 200 ms for the cheap model, asking both in half of the cases costs more than asking the dear one always."""
    cheap, dear = _pair(1, 200, custom=_sharp, cheap_ms=180)
    together = cascade_arm(cheap, dear, 0.7)
    for a, b, both, sure in zip(cheap.latencies_ms, dear.latencies_ms, together.latencies_ms, cheap.probabilities, strict=True):
        assert a
        assert b
        assert sure
        assert both == pytest.approx(a if max(sure.values()) >= 0.7 else a + b)
    test, validation = (_pair(seed, 600, custom=_sharp, cheap_ms=179) for seed in (1, 2))
    verdict = _decided(test, validation)
    assert verdict.cheaper == "custom"
    assert verdict.cascade is None or not verdict.cascade.certified or "right more often" in verdict.cascade.wins_dear


def test_money_of_a_cascade_counts_both_calls() -> None:
    counted = {"tokens": [110] * 1500, "answer_tokens": [10] * 1500}
    test = [replace(one, **counted) for one in _pair(1, 1500, custom=_sharp)]
    prices = {"custom": Price(input_per_million=1), "general": Price(input_per_million=10, output_per_million=10)}
    verdict = _decided(test, _pair(2, 400, custom=_sharp), Question(cascade=True, prices=prices, currency="EUR"))
    assert (verdict.decision, verdict.cost_by) == ("cascade", "money")
    assert verdict.economics is not None
    costs = {line.arm: line.per_1000.estimate for line in verdict.economics.lines if line.per_1000}
    # 100 prompt tokens at 1 and 110 tokens at 10 a million, for 1,000 cases.
    assert costs["claims"] == pytest.approx(0.1)
    assert costs["general"] == pytest.approx(1.1)
    assert verdict.cascade is not None
    assert costs["claims, then general"] == pytest.approx(0.1 + 1.1 * verdict.cascade.escalated.estimate)
    assert verdict.cascade.frontier[0].escalated == 0
    assert verdict.cascade.frontier[-1].escalated == 1
    assert verdict.cascade.frontier[-1].cost is not None
    assert verdict.cascade.frontier[-1].cost.estimate == pytest.approx(1.2)


def test_no_cascade_is_tried_where_validation_says_that_one_model_does_as_well() -> None:
    strong = _pair(2, 400, custom=lambda sure: np.full(len(sure), 0.99), general=0.6)
    verdict = _decided(_pair(1, 400, custom=lambda sure: np.full(len(sure), 0.99), general=0.6), strong)
    assert (verdict.decision, verdict.cascade) == ("custom", None)
    assert "on 400 validation cases claims alone does as well" in verdict.cascade_note
    weak = _pair(2, 400, custom=lambda sure: np.full(len(sure), 0.1), general=0.95)
    assert "it would ask general about" in _decided(weak, weak).cascade_note


def test_what_a_cascade_lacks_is_told() -> None:
    test, validation = _pair(1, 400), _pair(2, 100)
    assert "claims has no answers on validation" in _decided(test, validation[1:]).cascade_note
    silent = [replace(one, probabilities=()) for one in test]
    assert "claims tells no probabilities" in _decided(silent, validation).cascade_note
    learned = [replace(one, refitted=one.kind == "custom") for one in test]  # whatever answers on validation there are
    assert "claims has learned the validation rows" in _decided(learned, validation).cascade_note
    alike = [replace(one, latencies_ms=()) for one in test]
    assert "neither arm is cheaper" in _decided(alike, validation).cascade_note
    assert decide(test, LABELS, validation={one.arm: one for one in validation}).cascade_note == ""


def test_a_cascade_must_keep_the_recall_floors_too() -> None:
    test, validation = _pair(1, 1500, custom=_sharp), _pair(2, 400, custom=_sharp)
    asked = Question(cascade=True, recall_floors={"theft": 0.97})
    verdict = _decided(test, validation, asked)
    assert verdict.cascade is not None
    assert (verdict.cascade.floors, verdict.cascade.certified) == ("missed", False)
    assert verdict.decision == "not enough evidence"


def test_an_answer_without_a_label_or_probabilities_goes_on() -> None:
    cheap, dear = _pair(1, 8)
    lost = replace(
        cheap,
        predicted=[None, *cheap.predicted[1:]],
        probabilities=[*cheap.probabilities[:1], None, *cheap.probabilities[2:]],
    )
    together = cascade_arm(lost, dear, 0.01)
    assert list(together.predicted) == [*dear.predicted[:2], *cheap.predicted[2:]]


def test_the_fewest_escalations_within_the_margin_of_the_best() -> None:
    """Ten cases, the three least sure wrong: escalating exactly those is best, and two are enough within 10 points."""
    sure = np.linspace(0.4, 0.85, 10)
    cheap, dear = arm("a", "custom", sure > 0.52, sure), arm("b", "general", [1] * 10)
    exact, near = (choose_threshold(cheap, dear, _quality, margin) for margin in (0.001, 0.101))
    assert isinstance(exact, float)
    assert isinstance(near, float)
    assert [int((sure < t - 1e-12).sum()) for t in (exact, near)] == [3, 2]


def test_the_oracle_and_the_share_of_the_lead_kept() -> None:
    custom, general = arm("a", "custom", [1] * 60 + [0] * 40), arm("b", "general", [0] * 10 + [1] * 90)
    best, gap = oracle(custom, general)
    assert (best.estimate, gap.estimate) == (1.0, pytest.approx(0.1))
    half = arm("c", "custom", [1] * 75 + [0] * 25)  # half of the way from 60 to 90
    kept, _ = recovered(half, custom, general, leads=True, seed=0)
    assert kept is not None
    assert kept.estimate == pytest.approx(0.5)
    assert kept.low < 0.5 < kept.high
    none, why = recovered(half, custom, general, leads=False, seed=0)
    assert none is None
    assert "no lead" in why
