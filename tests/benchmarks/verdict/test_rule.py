"""Each case of the rule between two arms, from numbers alone."""

from typing import Any

import pytest

from app.benchmarks.statistics import Interval
from app.benchmarks.verdict.differences import Difference
from app.benchmarks.verdict.rule import Margin, judge, rule_words

MARGIN = Margin(points=1, money=50, currency="EUR")
SHARE = Interval(0.8, 0.7, 0.9, 400)


def difference(low: float, high: float, p: float, metric: Any = "accuracy") -> Difference:
    """First minus second, as a share or as money per 1,000 cases."""
    return Difference(metric, SHARE, SHARE, Interval((low + high) / 2, low, high, 400), p, adjusted=p)


@pytest.mark.parametrize(
    ("low", "high", "p", "cheaper", "winner", "reason"),
    [
        (0.01, 0.05, 0.01, None, "first", "right more often"),
        (-0.05, -0.01, 0.01, None, "second", "right more often"),
        (0.01, 0.05, 0.01, "second", "first", "right more often"),  # quality goes before cost
        (0.001, 0.05, 0.07, None, None, "could be chance"),  # the interval alone is not enough
        (-0.001, 0.05, 0.03, None, None, "could be chance"),  # nor is the p-value
        (-0.005, 0.03, 0.2, "first", "first", "not worse by more than 1 point, and cheaper"),
        (-0.03, 0.005, 0.2, "second", "second", "not worse by more than 1 point, and cheaper"),
        (-0.015, 0.03, 0.2, "first", None, "could be chance"),  # cheaper, but perhaps worse by more than the margin
        (-0.005, 0.005, 0.9, None, None, "neither is cheaper"),
        (-0.05, 0.05, 0.9, None, None, "could be chance"),
    ],
)
def test_the_rule_with_one_metric(low: float, high: float, p: float, cheaper: Any, winner: Any, reason: str) -> None:
    outcome = judge([difference(low, high, p)], cheaper, MARGIN)
    assert outcome.winner == winner
    assert reason in outcome.reason
    assert outcome.settled == ("neither is cheaper" in reason)


def test_less_cost_is_better_and_its_margin_is_money() -> None:
    assert judge([difference(-200, -20, 0.01, "cost")], None, MARGIN).winner == "first"
    assert judge([difference(20, 200, 0.01, "cost")], None, MARGIN).winner == "second"
    cheap = judge([difference(-10, 40, 0.3, "cost")], "first", MARGIN)
    assert (cheap.winner, cheap.reason) == ("first", "not worse by more than 50 EUR per 1,000 cases, and cheaper")
    assert judge([difference(-10, 60, 0.3, "cost")], "first", MARGIN).winner is None
    assert judge([difference(-10, 40, 0.3, "cost")], "first", Margin()).winner is None  # no margin: nothing is tolerated


def test_two_metrics_that_disagree_are_left_to_who_asks() -> None:
    outcome = judge([difference(0.01, 0.05, 0.01), difference(20, 200, 0.01, "cost")], "first", MARGIN)
    assert (outcome.winner, outcome.settled) == (None, True)
    assert outcome.reason == "one is better in accuracy, the other in cost of mistakes; say which of them counts"


def test_better_in_one_metric_must_not_be_worse_in_another() -> None:
    better = difference(0.01, 0.05, 0.01)
    assert judge([better, difference(-0.005, 0.02, 0.4, "macro_f1")], None, MARGIN).winner == "first"
    unclear = judge([better, difference(-0.02, 0.02, 0.9, "macro_f1")], None, MARGIN)
    assert (unclear.winner, unclear.leader, unclear.settled) == (None, "first", False)
    assert "macro-F1 may be worse by more than the margin" in unclear.reason


def test_the_rule_tells_every_part_that_can_decide_and_no_other() -> None:
    plain = rule_words(["accuracy"], Margin(points=2), "median latency", {}, clustered=False, cascade=False)
    assert "McNemar mid-p" in plain
    assert "2 points" in plain
    for part in ("Holm", "floor", "threshold", "money", "macro-F1"):
        assert part not in plain
    full = rule_words(["cost", "macro_f1"], MARGIN, "latency", {"fraud": 0.9}, clustered=True, cascade=True)
    for part in ("Holm", "fraud 90 %", "threshold is from validation", "50 EUR per 1,000 cases and 1 point", "macro-F1"):
        assert part in full
