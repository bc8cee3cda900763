"""When a reason is supported, refuted or inconclusive, and how often chance alone would decide."""

import json

import numpy as np
import pytest

from app.benchmarks.scorecard.judgement import Evidence, judge
from app.benchmarks.scorecard.measured import Measure, means, ratios, shares

BETTER = shares("accuracy", [False] * 60 + [True] * 40, [True] * 60 + [True] * 40)
WORSE = shares("accuracy", [True] * 60 + [True] * 40, [False] * 60 + [True] * 40)
EQUAL = shares("accuracy", [True, False] * 50, [True, False] * 50)
MISSING = Measure("bits per byte", "bits/byte", "lower", missing="The engine of cloud@1 does not know echo; leave it out.")


def reason(deciding: Measure, *others: Measure) -> Evidence:
    return Evidence("key", "title", "claim", deciding, others)


def states(*reasons: Evidence) -> list[str]:
    return [one["state"] for one in judge(reasons)]


def test_a_clear_difference_supports_or_refutes_and_no_difference_decides_nothing() -> None:
    assert states(reason(BETTER), reason(WORSE), reason(EQUAL)) == ["supported", "refuted", "inconclusive"]


def test_less_is_better_where_the_measure_says_so() -> None:
    general, custom = [3.0 + 0.01 * i for i in range(20)], [2.0 + 0.012 * i for i in range(20)]
    bits = means("bits per byte", "bits/byte", general, custom, better="lower")
    length = means("length", "words", general, custom, better="higher")
    assert states(reason(bits), reason(length)) == ["supported", "refuted"]


def test_what_could_not_be_measured_is_inconclusive_and_says_why() -> None:
    (judged,) = judge([reason(MISSING)])
    assert judged["state"] == "inconclusive"
    assert "does not know echo" in judged["why"]
    assert judged["p_holm"] is None
    json.dumps(judged, allow_nan=False)


def test_a_gain_that_is_paid_for_elsewhere_is_no_support() -> None:
    over_refusal = shares("over-refusal", [False] * 80, [True] * 30 + [False] * 50, better="lower", guard=True)
    brevity = shares("brevity", [True] * 80, [False] * 30 + [True] * 50)
    (guarded,) = judge([reason(BETTER, over_refusal)])
    assert guarded["state"] == "inconclusive"
    assert "over-refusal" in guarded["why"]
    assert states(reason(BETTER, brevity)) == ["supported"]  # told, but no guard


def test_five_looks_are_paid_for() -> None:
    """9 against 1: p = .012 alone, which is not below .05 when five reasons are looked at."""
    alone = shares("accuracy", [True] + [False] * 9 + [True] * 50, [False] + [True] * 9 + [True] * 50)
    assert alone.p is not None
    assert 0.01 < alone.p < 0.05
    assert states(reason(alone)) == ["supported"]
    # Those that could not be measured count too: which could be is not chosen after the fact.
    assert states(reason(alone), *[reason(MISSING)] * 4) == ["inconclusive"] * 5


def test_equal_everywhere_and_different_by_the_same_everywhere_have_a_p_value() -> None:
    equal = means("bytes", "bytes", [4.0] * 12, [4.0] * 12, better="lower")
    shifted = means("bytes", "bytes", [4.0] * 12, [5.0] * 12, better="lower")
    assert (equal.p, shifted.p) == (1.0, 2 * 0.5**12)
    assert equal.difference is not None
    assert (equal.difference.low, equal.difference.high) == (0.0, 0.0)


def test_the_interval_of_a_mean_of_shares_stays_within_0_and_1() -> None:
    valid = means("valid answers", "share", [1.0] * 11 + [0.6], [0.0] * 11 + [0.4], better="higher")
    assert valid.general is not None
    assert valid.custom is not None
    assert (valid.general.high, valid.custom.low) == (1.0, 0.0)
    assert 0.8 < valid.general.low < valid.general.estimate


def test_a_ratio_is_of_geometric_means_and_one_is_neutral() -> None:
    general = [10.0, 20.0, 40.0] * 5
    doubled = ratios("latency", "ms", general, [2.1 * ms if ms > 10 else 1.9 * ms for ms in general], better="lower")
    assert doubled.difference is not None
    assert doubled.difference.estimate == pytest.approx((1.9 * 2.1 * 2.1) ** (1 / 3))
    assert doubled.favours == "general"
    same = ratios("latency", "ms", general, general, better="lower")
    assert (same.difference and same.difference.estimate, same.favours) == (1.0, None)


def test_too_few_pairs_are_no_measure() -> None:
    few = means("bits per byte", "bits/byte", [1.0] * 9, [2.0] * 9, better="lower")
    assert few.p is None
    assert "Only 9 pairs" in few.missing
    assert shares("over-refusal", [], []).missing


def _false_alarms(runs: int, seed: int) -> float:
    """Share of scorecards of two equal models in which any of the five reasons is decided."""
    draws = np.random.default_rng(seed)
    alarms = 0
    for _ in range(runs):
        accuracy = shares("accuracy", *(draws.random((2, 60)) < 0.7).tolist())
        rules = shares("rules", *(draws.random((2, 60)) < 0.5).tolist())
        texts = draws.gamma(3, 1, 40)  # both find the same texts hard
        bits = means("bits", "bits", *(texts + draws.normal(0, 0.3, (2, 40))).tolist(), better="lower")
        words = means("words", "bits", *draws.gamma(2, 2, (2, 30)).tolist(), better="lower")
        times = ratios("latency", "ms", *draws.lognormal(3, 0.4, (2, 40)).tolist(), better="lower")
        alarms += any(state != "inconclusive" for state in states(*map(reason, (bits, words, accuracy, rules, times))))
    return alarms / runs


def test_equal_models_are_seldom_told_apart() -> None:
    assert _false_alarms(150, seed=1) <= 0.05 + 3 * (0.05 * 0.95 / 150) ** 0.5


@pytest.mark.slow
def test_equal_models_are_told_apart_in_at_most_5_percent_of_2000_scorecards() -> None:
    assert _false_alarms(2000, seed=0) <= 0.05 + 1.96 * (0.05 * 0.95 / 2000) ** 0.5
