"""Intervals and tests of differences: right on average, and against plain references."""

from itertools import product

import numpy as np
import pytest

from app.benchmarks.scorers import macro_f1
from app.benchmarks.statistics import Interval
from app.benchmarks.verdict.costs import Costs, cost_table
from app.benchmarks.verdict.differences import cost_difference, flip_test, macro_f1_difference, widened
from tests.benchmarks.verdict.made import LABELS, arm


def test_the_sign_test_is_that_of_all_sign_patterns() -> None:
    """Eight differences have 256 patterns of signs; counted one by one they give the p that the draws estimate."""
    d = np.array([5.0, 3.0, -2.0, 4.0, 1.0, 6.0, -1.0, 2.0])
    seen = abs(d.sum())
    exact = np.mean([abs(np.dot(signs, d)) >= seen - 1e-9 for signs in product((-1, 1), repeat=8)])
    assert flip_test(d, np.arange(8), seed=0, draws=20_000) == pytest.approx(exact, abs=0.01)
    assert flip_test(np.zeros(8), np.arange(8), seed=0) == 1.0


def test_the_signs_of_a_cluster_turn_together() -> None:
    """Four clusters of ten alike cases have 16 patterns: no p below 2/16, however many cases there are."""
    assert flip_test(np.ones(40), np.repeat(np.arange(4), 10), seed=0) > 0.1
    assert flip_test(np.ones(40), np.arange(40), seed=0) < 0.001


def test_swapping_answers_is_that_of_all_swaps() -> None:
    """Five cases on which the arms differ: 32 ways to hand their answers round, each scored in full."""
    first = arm("a", "custom", [1] * 18 + [0, 0])
    second = arm("b", "general", [0] * 3 + [1] * 17)
    gold, a, b = first.gold, list(first.predicted), list(second.predicted)
    differing = [i for i in range(20) if a[i] != b[i]]
    seen = abs(macro_f1(gold, a, LABELS) - macro_f1(gold, b, LABELS))
    extreme = []
    for swaps in product((False, True), repeat=len(differing)):
        x, y = list(a), list(b)
        for i, swapped in zip(differing, swaps, strict=True):
            if swapped:
                x[i], y[i] = b[i], a[i]
        extreme.append(abs(macro_f1(gold, x, LABELS) - macro_f1(gold, y, LABELS)) >= seen - 1e-9)
    d = macro_f1_difference(first, second, LABELS)
    assert d.p_value == pytest.approx(np.mean(extreme), abs=0.04)
    assert d.difference.estimate == pytest.approx(macro_f1(gold, a, LABELS) - macro_f1(gold, b, LABELS))


def test_what_was_not_seen_widens_an_interval_from_few_differing_cases() -> None:
    narrow = Interval(0.0, 0.0, 0.0, 100)
    wide = widened(narrow, np.zeros(100, dtype=bool), reach=1.0)
    assert wide.high == pytest.approx(0.037, abs=0.001)  # no case of 100: up to 3.7 %
    assert wide.low == -wide.high
    many = np.arange(100) < 10
    assert widened(narrow, many, reach=1.0) == narrow


def test_intervals_of_cost_cover_their_truth() -> None:
    """100 cases, wrong labels 10 each and auto for fire 50: nineteen of twenty intervals hold the true difference."""
    generator, tries, n = np.random.default_rng(21), 120, 100
    costs = Costs(currency="EUR", wrong=10, matrix={"auto": {"fire": 50}})
    table = cost_table(costs, LABELS)
    # A wrong answer is the next label: auto for a quarter of the cases at 50, the others at 10; 80 against 70 % right.
    truth = -0.1 * 1000 * (50 + 3 * 10) / 4
    held = 0
    for _ in range(tries):
        a, b = (arm(name, "custom", generator.random(n) < share) for name, share in (("a", 0.8), ("b", 0.7)))
        d = cost_difference(a, b, LABELS, table, "EUR").difference
        held += d.low <= truth <= d.high
    assert held / tries == pytest.approx(0.95, abs=0.055)
