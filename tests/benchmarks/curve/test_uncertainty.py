"""Intervals over cases and seeds cover what they promise, and equal models are not told apart."""

import math

import numpy as np
import pytest

from app.benchmarks.curve.uncertainty import (
    Answers,
    Measured,
    accuracy,
    accuracy_difference,
    macro_f1,
    macro_f1_difference,
    meeting,
)
from app.benchmarks.scorers import macro_f1 as macro_f1_of
from app.benchmarks.statistics import Interval, paired_proportions, wilson


def binary(right: np.ndarray) -> Answers:
    """Two labels; `right` (seeds, cases) says which answers are."""
    gold = np.zeros(right.shape[1], dtype=np.int64)
    return Answers(gold, np.where(right, 0, 1), 2, resamples=200)


def close(interval: Interval) -> Interval:
    numbers = {name: pytest.approx(value) for name, value in vars(interval).items()}
    return Interval(**numbers)


def test_with_one_seed_the_intervals_are_wilsons_and_tangos() -> None:
    a, b = np.arange(100) < 70, (np.arange(100) % 2) == 0
    assert accuracy(binary(a[None])).interval() == close(wilson(70, 100))
    first_only, second_only = int((a & ~b).sum()), int((b & ~a).sum())
    difference = accuracy_difference(binary(a[None]), binary(b[None])).interval(-1.0)
    assert difference == close(paired_proportions(first_only, second_only, 100))


def test_the_macro_f1_is_the_mean_of_the_seeds_and_an_answer_that_is_no_label_is_wrong() -> None:
    gold = np.array([0, 1, 2] * 20)
    codes = np.array([gold, np.where(gold == 2, 3, gold)])
    names = ["a", "b", "c", None]
    by_hand = [macro_f1_of([names[g] for g in gold], [names[c] for c in row], ["a", "b", "c"]) for row in codes]
    measured = macro_f1(Answers(gold, codes, 3))
    assert measured.by_seed == pytest.approx(by_hand)
    assert measured.estimate == pytest.approx(sum(by_hand) / 2)
    assert measured.interval().low < measured.estimate < 1


def simulated(draws: np.random.Generator, cases: int, seeds: int, mean: float, seed_sd: float) -> np.ndarray:
    """Answers of a model whose chance to be right depends on the case and, by a shift, on the seed."""
    difficulty = draws.beta(2 * mean, 2 * (1 - mean), cases)
    logits = np.log(difficulty / (1 - difficulty))
    return draws.random((seeds, cases)) < 1 / (1 + np.exp(-(logits + draws.normal(0, seed_sd, (seeds, 1)))))


@pytest.mark.parametrize(("seeds", "seed_sd"), [(2, 0.0), (2, 0.5), (3, 0.0), (3, 0.5), (5, 0.5)])
def test_the_interval_covers_the_accuracy_of_another_seed_and_other_cases(seeds: int, seed_sd: float) -> None:
    """At least the promised 95 %, less twice the error of the simulation."""
    draws = np.random.default_rng(1)
    truth = simulated(draws, 4000, 400, 0.6, seed_sd).mean()
    times = 400
    covered = sum(
        interval.low <= truth <= interval.high
        for _ in range(times)
        for interval in [accuracy(binary(simulated(draws, 120, seeds, 0.6, seed_sd))).interval()]
    )
    assert covered / times > 0.95 - 2 * math.sqrt(0.05 * 0.95 / times)


@pytest.mark.parametrize("seeds", [1, 2, 3])
@pytest.mark.parametrize("difference", [accuracy_difference, macro_f1_difference], ids=["accuracy", "macro-F1"])
def test_the_same_model_twice_is_told_apart_at_most_at_the_nominal_rate(seeds: int, difference) -> None:
    draws = np.random.default_rng(2)
    times = 300
    apart = 0
    for _ in range(times):
        difficulty = draws.beta(1.2, 0.8, 120)
        right = draws.random((2, seeds, 120)) < difficulty
        one, other = binary(right[0]), binary(right[1])
        apart += difference(one, other).interval(-1.0).excludes(0)
    assert apart / times < 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / times)


def test_a_spread_of_seeds_widens_the_interval_and_two_seeds_more_than_five() -> None:
    cases = Interval(0.6, 0.55, 0.65, 400)
    draws = np.full(200, 0.6)

    def width(by_seed: list[float]) -> float:
        interval = Measured(np.array(by_seed), draws, cases).interval()
        return interval.high - interval.low

    assert width([0.6]) == pytest.approx(0.1)
    assert width([0.6, 0.6]) == pytest.approx(0.1)
    assert width([0.6] * 3) < width([0.58, 0.6, 0.62]) < width([0.55, 0.6, 0.65])
    assert width([0.55, 0.65, 0.55, 0.65, 0.6]) < width([0.55, 0.65])


def at(estimates: list[float], error: float) -> Measured:
    """A difference with independent errors over cases."""
    value = float(np.mean(estimates))
    draws = value + np.random.default_rng(int(1e6 * (value + 1))).normal(0, error, 2000)
    return Measured(np.array(estimates), draws, Interval(value, value - 2 * error, value + 2 * error, 500))


def test_curves_meet_between_two_sizes_on_the_log_axis() -> None:
    found = meeting([100, 1000], [[at([-0.1, -0.1], 0.01)], [at([0.1, 0.1], 0.01)]])
    assert found.estimate == pytest.approx(math.sqrt(100 * 1000))
    assert found.low is not None
    assert found.high is not None
    assert 200 < found.low < found.estimate < found.high < 500


def test_the_stronger_rival_decides_where_curves_meet() -> None:
    weak, strong = [at([0.3], 0.01), at([0.4], 0.01)], [at([-0.1], 0.01), at([0.1], 0.01)]
    both = meeting([100, 1000], [[a, b] for a, b in zip(weak, strong, strict=True)])
    assert both.estimate == pytest.approx(meeting([100, 1000], [[one] for one in strong]).estimate)


def test_curves_that_never_meet_say_on_which_side() -> None:
    ahead = meeting([50, 100], [[at([0.3], 0.01)], [at([0.4], 0.01)]])
    behind = meeting([50, 100], [[at([-0.3], 0.01)], [at([-0.4], 0.01)]])
    assert (ahead.estimate, ahead.high) == (0, 0)
    assert (behind.estimate, behind.low) == (None, None)


def test_a_lead_that_is_lost_again_does_not_count() -> None:
    lost = [[at([0.2], 0.01)], [at([-0.1], 0.01)], [at([0.1], 0.01)]]
    found = meeting([50, 100, 200], lost)
    assert found.estimate is not None
    assert 100 < found.estimate < 200


def test_what_seeds_change_widens_where_curves_meet() -> None:
    def width(spread: float) -> float:
        far = [[at([value - spread, value, value + spread], 0.005)] for value in (-0.1, 0.1)]
        found = meeting([100, 1000], far)
        return (found.high or 1e9) - (found.low or 0)

    assert width(0.0) < width(0.02)
