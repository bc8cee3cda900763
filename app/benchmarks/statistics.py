"""Intervals, paired tests and sample sizes: each with its source, each seeded where it draws.

A metric for `bootstrap` is a function `(*arrays, weights) -> values`: `arrays` hold one entry per case (length n), `weights`
is (resamples, n) and says how often each case was drawn, `values` is (resamples,). So a resample is never materialised, and
whole clusters of different sizes fit into one rectangle.
"""

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import binom, norm

Floats = NDArray[np.float64]
Metric = Callable[..., Floats]

_CELLS = 2_000_000  # weights held at once: 16 MB of float64


@dataclass(frozen=True)
class Interval:
    """A number with its confidence interval and the number of cases it stands on."""

    estimate: float
    low: float
    high: float
    n: int

    def excludes(self, value: float) -> bool:
        return value < self.low or value > self.high


def wilson(successes: float, n: int, confidence: float = 0.95) -> Interval:
    """Score interval of a proportion (Wilson 1927); right where the normal approximation is not: few cases, near 0 or 1.

    A mean over repeats of the same cases may make `successes` no whole number; the interval is then on the wide side.
    """
    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"{successes} successes of {n} cases is no proportion")
    z = _z(confidence)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At 0 and n the bound is exact; rounding must not push it past the estimate.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Interval(share, low, high, n)


def bootstrap(
    metric: Metric,
    *arrays: Any,
    clusters: Sequence[Hashable] | None = None,
    resamples: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Percentile interval of `metric` over resampled cases, or over whole resampled clusters (Efron & Tibshirani 1993, ch. 13).

    Resamples on which the metric is undefined (nan) are left out of the quantiles.
    """
    estimate, draws = bootstrap_draws(metric, *arrays, clusters=clusters, resamples=resamples, seed=seed)
    return percentile_interval(estimate, draws, len(arrays[0]), confidence)


def bootstrap_draws(
    metric: Metric, *arrays: Any, clusters: Sequence[Hashable] | None = None, resamples: int = 2000, seed: int = 0
) -> tuple[float, Floats]:
    """`metric` of all cases, and of each resample (resamples,). Which cases a resample holds depends on their number, the
    clusters and the seed only: the draws of two arms on the same cases are paired."""
    columns = [np.asarray(array) for array in arrays]
    n = len(columns[0])
    if n == 0 or any(len(column) != n for column in columns):
        raise ValueError("a bootstrap needs at least one case and arrays of one length")
    estimate = float(metric(*columns, np.ones((1, n)))[0])
    draws = [metric(*columns, weights) for weights in _resampled_weights(n, clusters, resamples, seed)]
    return estimate, np.concatenate(draws)


def percentile_interval(estimate: float, draws: Floats, n: int, confidence: float = 0.95) -> Interval:
    """Between the outer quantiles of `draws`, widened to hold the estimate."""
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    # A percentile interval may miss its own estimate by a little where the metric is biased in resamples: widen, never hide.
    return Interval(estimate, min(float(low), estimate), max(float(high), estimate), n)


def _resampled_weights(n: int, clusters: Sequence[Hashable] | None, resamples: int, seed: int) -> Iterator[Floats]:
    """Chunks of (rows, n) case counts; the draws do not depend on the size of the chunks."""
    generator = np.random.default_rng(seed)
    of_case = np.arange(n) if clusters is None else _codes(clusters, n)
    units = int(of_case.max()) + 1
    rows = max(1, _CELLS // max(n, units))
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        drawn = generator.integers(units, size=(count, units)) + units * np.arange(count)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=count * units).reshape(count, units).astype(np.float64)
        yield counts if clusters is None else counts[:, of_case]


def mean(values: Floats, weights: Floats) -> Floats:
    """Metric: the mean over cases."""
    return np.asarray(weights @ values / weights.sum(axis=1))


def quantile(q: float) -> Metric:
    """Metric: the q-th quantile over cases (the smallest value with at least a share q of the cases at or below it)."""

    def metric(values: Floats, weights: Floats) -> Floats:
        order = np.argsort(values, kind="stable")
        reached = np.cumsum(weights[:, order], axis=1)
        return np.asarray(values[order][np.argmax(reached >= q * reached[:, -1:] - 1e-9, axis=1)], dtype=np.float64)

    return metric


def mcnemar_midp(b: int, c: int) -> float:
    """Two-sided mid-p of McNemar's test on `b` and `c` discordant pairs (Fagerland, Lydersen & Laake 2013).

    The exact test is conservative; the mid-p counts the observed table half. No discordant pair: nothing speaks against
    equality, p = 1.
    """
    if b < 0 or c < 0:
        raise ValueError("discordant pairs are counted from 0")
    if b + c == 0:
        return 1.0
    smaller = min(b, c)
    return min(1.0, float(2 * binom.cdf(smaller, b + c, 0.5) - binom.pmf(smaller, b + c, 0.5)))


def paired_proportions(b: float, c: float, n: int, confidence: float = 0.95) -> Interval:
    """Score interval of the difference (b - c) / n of two paired proportions (Tango 1998, Statistics in Medicine 17:891).

    b: cases only the first got right; c: cases only the second got right. Unlike a standard error, it keeps its width when
    no pair is discordant: ten agreeing cases do not prove two models equal. Means over repeats of the same cases may be no
    whole numbers; the interval is then on the wide side.
    """
    if n == 0 or b < 0 or c < 0 or b + c > n:
        raise ValueError(f"{b} and {c} discordant pairs of {n} cases is no paired table")
    z, difference = _z(confidence), (b - c) / n

    def score(delta: float) -> float:
        # q: the maximum-likelihood share of "only the second" under the hypothesis that the difference is delta.
        linear = -b - c + (2 * n - b + c) * delta
        q = (math.sqrt(max(0.0, linear**2 + 8 * n * c * delta * (1 - delta))) - linear) / (4 * n)
        variance = n * (2 * q + delta * (1 - delta))
        distance = b - c - n * delta
        return distance / math.sqrt(variance) if variance > 1e-12 else math.copysign(1e6, distance) if distance else 0.0

    # The score falls from above z to below -z as delta runs over [-1, 1], through 0 at the difference seen.
    edge = 1 - 1e-12
    low = brentq(lambda delta: score(delta) - z, -edge, difference) if difference > -edge and score(-edge) > z else -1.0
    high = brentq(lambda delta: score(delta) + z, difference, edge) if difference < edge and score(edge) < -z else 1.0
    return Interval(difference, float(low), float(high), n)


def paired_difference(
    a: Sequence[float] | Floats,
    b: Sequence[float] | Floats,
    clusters: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
) -> Interval:
    """Mean of a - b over the same cases, with the paired standard error of Miller (arXiv 2411.00640), clustered if asked.

    Repeats are averaged within a case before they come here: more seeds make no more cases.
    """
    d = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    n = len(d)
    if n < 2:
        raise ValueError("a paired difference needs at least two cases")
    residuals = d - d.mean()
    if clusters is None:
        error = math.sqrt(float(residuals @ residuals) / (n * (n - 1)))
    else:
        totals = np.bincount(_codes(clusters, n), weights=residuals)
        if len(totals) < 2:
            raise ValueError("a clustered standard error needs at least two clusters")
        error = math.sqrt(len(totals) / (len(totals) - 1) * float(totals @ totals)) / n
    half = _z(confidence) * error
    return Interval(float(d.mean()), float(d.mean()) - half, float(d.mean()) + half, n)


def paired_bootstrap_difference(
    metric: Metric,
    gold: Any,
    a: Any,
    b: Any,
    clusters: Sequence[Hashable] | None = None,
    resamples: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Interval of metric(gold, a) - metric(gold, b): both arms are scored on the same resampled cases."""

    def difference(gold: Any, a: Any, b: Any, weights: Floats) -> Floats:
        return metric(gold, a, weights) - metric(gold, b, weights)

    return bootstrap(difference, gold, a, b, clusters=clusters, resamples=resamples, seed=seed, confidence=confidence)


def cases_needed(discordance: float, delta: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """Pairs for McNemar's test to find a difference `delta` at this share of discordant pairs (Connor 1987, Biometrics 43:207).

    Both are shares: 3 points at 12 % discordance is cases_needed(.12, .03).
    """
    delta = abs(delta)
    if not 0 < delta <= discordance <= 1:
        raise ValueError("a difference must be above 0 and at most the share of discordant pairs, which is at most 1")
    for_alpha = norm.ppf(1 - alpha / 2) * math.sqrt(discordance)
    for_power = norm.ppf(power) * math.sqrt(discordance - delta**2)
    return max(1, round(float((for_alpha + for_power) ** 2 / delta**2)))


def holm(pvalues: Sequence[float]) -> list[float]:
    """Adjusted p-values in the order given: the chance of one false alarm among them all stays below alpha (Holm 1979)."""
    adjusted, running = [0.0] * len(pvalues), 0.0
    for rank, index in enumerate(sorted(range(len(pvalues)), key=lambda i: pvalues[i])):
        running = max(running, min(1.0, (len(pvalues) - rank) * pvalues[index]))
        adjusted[index] = running
    return adjusted


def _z(confidence: float) -> float:
    return float(norm.ppf((1 + confidence) / 2))


def _codes(clusters: Sequence[Hashable], n: int) -> NDArray[np.int64]:
    """Clusters as numbers 0..C-1, in order of first appearance."""
    if len(clusters) != n:
        raise ValueError(f"{len(clusters)} clusters for {n} cases")
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(cluster, len(numbers)) for cluster in clusters], dtype=np.int64)
