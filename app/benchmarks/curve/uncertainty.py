"""Intervals over both what was drawn: the test cases, and the seeds that chose labels and trained; and where two curves meet.

Every seed answers the same cases (a crossed design). The error of a mean over seeds has a part of the cases and a part of the
seeds. The part of the cases is the interval of the seeds' mean answer over cases: Wilson for accuracy, Tango for a difference
of accuracies, bootstrap percentiles otherwise. The part of the seeds is s / sqrt(S) of the S seeds' values. Both are added in
squares, side by side (Zou & Donner 2008, Statistics in Medicine 27:1693), and the sum is widened by Student's t with the
degrees of freedom of Satterthwaite 1946, the cases' own taken as many. The luck of single cases under single seeds is in both
parts: the interval is on the wide side. With one seed only the part of the cases is left.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, t

from app.benchmarks.scorers import Codes, macro_f1_metric
from app.benchmarks.statistics import (
    Floats,
    Interval,
    bootstrap_draws,
    mean,
    paired_proportions,
    percentile_interval,
    wilson,
)

Z = float(norm.ppf(0.975))


@dataclass(frozen=True)
class Measured:
    """One metric of one arm at one size, or its difference to another arm: a mean over seeds. `draws` (resamples,) are the
    bootstrap's over cases; `by_seed` (seeds,)."""

    by_seed: Floats
    draws: Floats
    cases: Interval  # over the cases alone

    @property
    def estimate(self) -> float:
        return float(self.by_seed.mean())

    @property
    def seed_sd(self) -> float | None:
        """None with one seed."""
        return float(self.by_seed.std(ddof=1)) if len(self.by_seed) > 1 else None

    @property
    def seed_error(self) -> float:
        """Of the mean over seeds; 0 with one seed, of which nothing is known."""
        return (self.seed_sd or 0.0) / math.sqrt(len(self.by_seed))

    @property
    def widening(self) -> float:
        """Student's t over the normal quantile: few seeds know their own spread badly."""
        if not self.seed_error:
            return 1.0
        total = ((self.cases.high - self.cases.low) / 2 / Z) ** 2 + self.seed_error**2
        return float(t.ppf(0.975, (len(self.by_seed) - 1) * (total / self.seed_error**2) ** 2)) / Z

    def interval(self, lowest: float = 0.0, highest: float = 1.0) -> Interval:
        """95 %, over cases and seeds."""
        low, high = (
            self.widening * math.hypot(half, Z * self.seed_error)
            for half in (self.estimate - self.cases.low, self.cases.high - self.estimate)
        )
        return Interval(self.estimate, max(lowest, self.estimate - low), min(highest, self.estimate + high), self.cases.n)


@dataclass(frozen=True)
class Answers:
    """What one arm answered at one size: `codes` (seeds, cases) are labels as numbers, `labels` of them; others are wrong."""

    gold: Codes
    codes: Codes
    labels: int
    resamples: int = 2000


def accuracy(answers: Answers) -> Measured:
    right = (answers.codes == answers.gold).astype(np.float64)
    share, draws = bootstrap_draws(mean, right.mean(axis=0), resamples=answers.resamples)
    n = len(answers.gold)
    return Measured(right.mean(axis=1), draws, wilson(share * n, n))


def macro_f1(answers: Answers) -> Measured:
    metric = macro_f1_metric(answers.labels)
    each = [bootstrap_draws(metric, answers.gold, codes, resamples=answers.resamples) for codes in answers.codes]
    by_seed, draws = np.array([value for value, _ in each]), np.mean([draws for _, draws in each], axis=0)
    return Measured(by_seed, draws, percentile_interval(float(by_seed.mean()), draws, len(answers.gold)))


def accuracy_difference(first: Answers, second: Answers) -> Measured:
    """first - second, the same cases and, seed by seed, the same labels to learn from."""
    a, b = accuracy(first), accuracy(second)
    one, other = first.codes == first.gold, second.codes == second.gold
    first_only, second_only = (one & ~other).sum(axis=1).mean(), (other & ~one).sum(axis=1).mean()
    cases = paired_proportions(float(first_only), float(second_only), len(first.gold))
    return Measured(a.by_seed - b.by_seed, a.draws - b.draws, cases)


def macro_f1_difference(first: Answers, second: Answers) -> Measured:
    """first - second, likewise."""
    a, b = macro_f1(first), macro_f1(second)
    draws = a.draws - b.draws
    difference = a.by_seed - b.by_seed
    return Measured(difference, draws, percentile_interval(float(difference.mean()), draws, len(first.gold)))


@dataclass(frozen=True)
class Meeting:
    """The number of labels from which on a difference stays above 0; None: above the largest size measured. `low` and `high`
    likewise, and 0: below the smallest."""

    estimate: float | None
    low: float | None
    high: float | None


def meeting(sizes: Sequence[int], differences: Sequence[Sequence[Measured]], seed: int = 0) -> Meeting:
    """Where the difference to the best rival crosses 0 for good, by straight lines over log(labels), with a 95 % interval.

    `differences`: for each size one per rival; at each size the least counts. The interval is of resampled curves: all sizes
    and rivals get the same cases and, by a multiplier bootstrap, the same errors of the seeds; each is widened as its interval.
    """
    # (sizes, rivals), with resamples or seeds behind
    estimates = np.array([[one.estimate for one in at] for at in differences])
    widening = np.array([[one.widening for one in at] for at in differences])
    by_case = np.array([[one.draws - one.draws.mean() for one in at] for at in differences])
    by_seed = np.array([[one.by_seed for one in at] for at in differences])
    seeds, resamples = by_seed.shape[2], by_case.shape[2]
    errors = by_case
    if seeds > 1:
        away = by_seed - by_seed.mean(axis=2, keepdims=True)
        normal = np.random.default_rng(seed).standard_normal((seeds, resamples))
        errors = by_case + away @ normal / math.sqrt(seeds * (seeds - 1))
    curves = (estimates[..., None] + widening[..., None] * errors).min(axis=1)  # (sizes, resamples)
    places = np.log(np.array(sizes, dtype=np.float64))
    seen = _crossing(places, estimates.min(axis=1))
    drawn = [_crossing(places, curve) for curve in curves.T]
    low, high = np.quantile(drawn, [0.025, 0.975], method="closest_observation")
    return Meeting(_labels(seen), _labels(float(low)), _labels(float(high)))


def _crossing(places: Floats, values: Floats) -> float:
    """log(labels): minus infinity when all values are above 0, infinity when the last is not."""
    behind = np.flatnonzero(values <= 0)
    if not len(behind):
        return -math.inf
    last = int(behind[-1])
    if last == len(values) - 1:
        return math.inf
    share = -values[last] / (values[last + 1] - values[last])
    return float(places[last] + share * (places[last + 1] - places[last]))


def _labels(place: float) -> float | None:
    return None if place == math.inf else math.exp(place)
