"""Intervals hold the truth as often as they promise; a verdict on the same model twice finds a difference 1 time in 20.

The long ones are slow (`make test ARGS="-m slow"`) and print what they found (`ARGS="-m slow -rP"`); the numbers stand in
docs/decisions/0021-intervals.md, with those that miss and why.
"""

import math
import sys

import pytest
from scipy.stats import binom

from tests.benchmarks.simulations import SIZES, coverage, false_alarms, table

WIDE = {"ECE"}  # on the wide side at every size; the others below 60 cases


def test_intervals_hold_the_truth_at_a_hundred_cases() -> None:
    for name, (share, runs) in coverage(100, 60, seed=1).items():
        assert share >= binom.ppf(0.0005, runs, 0.94) / runs, name


def test_the_same_model_twice_is_rarely_told_apart() -> None:
    different, decided = false_alarms(120, 100, seed=1)
    assert decided == different <= binom.ppf(0.999, 100, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("n", [60, 200, 1000])
def test_the_same_model_twice_is_told_apart_one_time_in_twenty(n: int) -> None:
    runs = 2000
    different, decided = false_alarms(n, runs)
    low, high = binom.ppf([0.005, 0.995], runs, 0.05)
    _tell(f"n = {n}: a difference in {different} of {runs:,} runs ({low:.0f} to {high:.0f} expected)")
    assert different <= high
    assert decided == different
    if n >= 200:  # so few discordant pairs have few p-values
        assert different >= low


@pytest.mark.slow
def test_every_interval_holds_the_truth_as_often_as_it_promises() -> None:
    runs = 1000
    error = 3 * math.sqrt(0.95 * 0.05 / runs)
    for n, held in table(_tell, runs, SIZES).items():
        for name, (share, _) in held.items():
            assert share >= 0.94 - error, (name, n)
            assert share <= (1.0 if name in WIDE or n < 60 else 0.96) + error, (name, n)


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
