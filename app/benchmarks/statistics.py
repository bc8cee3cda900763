"""Intervals, paired tests and sample sizes in closed form: each with its source. What is drawn is in app.benchmarks.resampling.

Where cases come in clusters (the letters of one claim, the clauses of one contract) they say less than as many independent
ones. Sums of residuals over whole clusters give the standard error, Student's t with one degree of freedom per cluster less
one its width, and the ratio of variances, the design effect, the number of independent cases that they are worth.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.stats import beta, binom, norm, t

from app.benchmarks.resampling import (
    Floats,
    Interval,
    Metric,
    bootstrap,
    bootstrap_draws,
    cluster_codes,
    mean,
    percentile_interval,
    quantile,
    score_bounds,
)

__all__ = [
    "Floats",
    "Interval",
    "Metric",
    "bootstrap",
    "bootstrap_draws",
    "cases_for_quantile",
    "cases_needed",
    "clustered_mcnemar",
    "holm",
    "mcnemar_midp",
    "mean",
    "mean_interval",
    "non_inferior",
    "paired_accuracy",
    "paired_bootstrap_difference",
    "paired_difference",
    "paired_proportions",
    "pass_k",
    "percentile_interval",
    "proportion",
    "quantile",
    "quantile_interval",
    "standard_error",
    "wilson",
]


# ---- One arm


def wilson(successes: float, n: int, confidence: float = 0.95) -> Interval:
    """Score interval of a proportion (Wilson 1927); right where the normal approximation is not: few cases, near 0 or 1.

    A mean over repeats of the same cases may make `successes` no whole number; the interval is then on the wide side.
    """
    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"{successes} successes of {n} cases is no proportion")
    share = successes / n
    return Interval(share, *score_bounds(share, n, _z(confidence)), n)


def proportion(successes: Sequence[bool], clusters: Sequence[Hashable] | None = None, confidence: float = 0.95) -> Interval:
    """Wilson's interval; with clusters that of as many independent cases as they are worth (Korn & Graubard 1998, Survey
    Methodology 24:193, with Wilson's bounds for theirs). Where all cases agree, each cluster counts as one case."""
    n, share = len(successes), sum(successes) / len(successes)
    if clusters is None:
        return wilson(sum(successes), n, confidence)
    effective, z = _effective(np.asarray(successes, dtype=np.float64), clusters, confidence)
    return Interval(share, *score_bounds(share, effective, z), n)


def mean_interval(values: Sequence[float], clusters: Sequence[Hashable] | None = None, confidence: float = 0.95) -> Interval:
    """Mean with Student's t; raises ValueError for fewer than two cases (or clusters)."""
    x = np.asarray(values, dtype=np.float64)
    error, units = standard_error(x, clusters)
    half, middle = _t(units, confidence) * error, float(x.mean())
    return Interval(middle, middle - half, middle + half, len(x))


def standard_error(values: Floats, clusters: Sequence[Hashable] | None = None) -> tuple[float, int]:
    """Of the mean, and of how many units: sqrt(C / (C - 1) * sum over clusters of (sum of residuals)^2) / n (Liang & Zeger
    1986 with the usual factor for few clusters; Miller, arXiv 2411.00640, eq. 4). Without clusters each case is one."""
    residuals = values - values.mean()
    totals = residuals if clusters is None else np.bincount(cluster_codes(clusters, len(values)), weights=residuals)
    if (units := len(totals)) < 2:
        raise ValueError(f"a standard error needs at least two {'cases' if clusters is None else 'clusters'}")
    return math.sqrt(units / (units - 1) * float(totals @ totals)) / len(values), units


def quantile_interval(
    values: Sequence[float], q: float, clusters: Sequence[Hashable] | None = None, confidence: float = 0.95
) -> Interval:
    """The q-th quantile between two order statistics, in any distribution (Hutson 1999, J. Applied Statistics 26:343).

    Fractional ranks by the beta law of order statistics; with clusters, of as many cases as they are worth. Where the cases
    are too few for a bound (72 for an upper bound of p95), it is the smallest or the largest value seen: see
    `cases_for_quantile`.
    """
    x = np.sort(np.asarray(values, dtype=np.float64))
    n = len(x)
    estimate = float(x[max(0, math.ceil(q * n - 1e-9) - 1)])
    if n < 2:
        return Interval(estimate, estimate, estimate, n)
    effective = float(n)
    if clusters is not None:
        effective, _ = _effective((np.asarray(values) <= estimate).astype(np.float64), clusters, confidence)

    def bound(probability: float) -> float:
        # The rank r whose order statistic is at most the true quantile with this probability: I_q(r, n + 1 - r).
        def beyond(rank: float) -> float:
            return float(beta.cdf(q, rank, effective + 1 - rank)) - probability

        lowest, highest = min(1.0, effective / 2), max(effective, effective / 2)
        if beyond(lowest) < 0:
            rank = 1.0
        elif beyond(highest) > 0:
            rank = float(n)
        else:
            rank = float(brentq(beyond, lowest, highest)) / (effective + 1) * (n + 1)
        return float(np.interp(rank, np.arange(1, n + 1), x))

    tail = (1 - confidence) / 2
    return Interval(estimate, min(estimate, bound(1 - tail)), max(estimate, bound(tail)), n)


def cases_for_quantile(q: float, confidence: float = 0.95) -> int:
    """So many independent cases have a smallest and a largest value beyond the q-th quantile, each but for half the error."""
    tail = (1 - confidence) / 2
    return math.ceil(math.log(tail) / math.log(max(q, 1 - q)))


def pass_k(correct: int, n: int, k: int) -> float:
    """pass^k: the chance that k fresh calls are all right, from `correct` of `n` calls: C(c, k) / C(n, k), unbiased (Yao et
    al., arXiv 2406.12045). Not (c/n)^k, which is too high for a case that is right only sometimes."""
    if not 0 <= correct <= n or not 1 <= k <= n:
        raise ValueError(f"pass^{k} needs at least {k} calls, and from 0 to {n} of them right; {correct} were")
    return math.comb(correct, k) / math.comb(n, k)


# ---- Two arms


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


def paired_proportions(b: float, c: float, n: float, confidence: float = 0.95) -> Interval:
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
    return Interval(difference, float(low), float(high), round(n))


def clustered_mcnemar(first: Sequence[bool], second: Sequence[bool], clusters: Sequence[Hashable]) -> tuple[Interval, float]:
    """Difference of the shares right, with its 95 % interval, and the p-value, where cases come in clusters.

    The test sums the differences within each cluster (Obuchowski 1998, Statistics in Medicine 17:1495) and refers the ratio
    to Student's t. The interval is Tango's for as many pairs as the clustered ones are worth; where all pairs agree, each
    cluster counts as one. One cluster alone is worth one pair.
    """
    d = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    n, wins, losses = len(d), float((d > 0).sum()), float((d < 0).sum())
    if len(set(clusters)) < 2:
        return replace(paired_proportions(wins / n, losses / n, 1), n=n), 1.0
    by_cluster = np.bincount(cluster_codes(clusters, len(d)), weights=d)
    spread = math.sqrt(float(by_cluster @ by_cluster))
    error, units = standard_error(d, clusters)
    p = float(2 * t.sf(abs(by_cluster.sum()) / spread, units - 1)) if spread else 1.0
    alone, _ = standard_error(d)
    worth = (alone / error) ** 2 if error > 1e-12 else units / n  # of one case; Student's t below as a wider normal
    worth *= (_z(0.95) / _t(units, 0.95)) ** 2
    return replace(paired_proportions(worth * wins, worth * losses, worth * n), n=n), p


def paired_accuracy(
    first: Sequence[bool], second: Sequence[bool], clusters: Sequence[Hashable] | None = None
) -> tuple[Interval, float]:
    """Share right of `first` minus that of `second` on the same cases: its 95 % interval and the p-value of no difference.

    Tango's interval and McNemar's mid-p; where cases come in clusters, `clustered_mcnemar`.
    """
    if clusters is not None:
        return clustered_mcnemar(first, second, clusters)
    b = sum(x and not y for x, y in zip(first, second, strict=True))
    c = sum(y and not x for x, y in zip(first, second, strict=True))
    return paired_proportions(b, c, len(first)), mcnemar_midp(b, c)


def non_inferior(difference: Interval, margin: float) -> bool:
    """Not worse by more than `margin` (in the units of the difference, a share for accuracy): the whole interval lies above
    minus the margin. With a 95 % interval a one-sided test at 2.5 %, as regulators ask (ICH E9, section 3.3.2)."""
    if margin <= 0:
        raise ValueError("a margin is above 0; without one ask for superiority")
    return difference.low > -margin


def paired_difference(
    a: Sequence[float] | Floats,
    b: Sequence[float] | Floats,
    clusters: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
) -> Interval:
    """Mean of a - b over the same cases: Miller's paired standard error (arXiv 2411.00640), clustered if asked; Student's t.

    Repeats are averaged within a case before they come here: more seeds make no more cases.
    """
    d = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    n = len(d)
    if n < 2:
        raise ValueError("a paired difference needs at least two cases")
    error, units = standard_error(d, clusters)
    half = _t(units, confidence) * error
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
    """Interval (BCa) of metric(gold, a) - metric(gold, b): both arms are scored on the same resampled cases."""

    def difference(gold: Any, a: Any, b: Any, weights: Floats) -> Floats:
        return metric(gold, a, weights) - metric(gold, b, weights)

    options: dict[str, Any] = {"clusters": clusters, "resamples": resamples, "seed": seed, "confidence": confidence}
    return bootstrap(difference, gold, a, b, method="bca", **options)


# ---- Planning and several tests


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


def _t(units: int, confidence: float) -> float:
    return float(t.ppf((1 + confidence) / 2, units - 1))


def _effective(values: Floats, clusters: Sequence[Hashable], confidence: float) -> tuple[float, float]:
    """Independent cases that clustered ones (0 or 1) are worth, and the quantile of Student's t to use with them."""
    if len(set(clusters)) < 2:
        return 1.0, _z(confidence)
    error, units = standard_error(values, clusters)
    share = float(values.mean())
    return share * (1 - share) / error**2 if error > 1e-12 else float(units), _t(units, confidence)
