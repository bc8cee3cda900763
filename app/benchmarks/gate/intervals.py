"""Intervals that a pipeline may stop on: exact or conservative also where few cases, or cases that all agree, make a bootstrap
look certain."""

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from scipy.stats import binom

from app.benchmarks.statistics import (
    Floats,
    Interval,
    Metric,
    bootstrap_draws,
    mean,
    paired_proportions,
    percentile_interval,
    wilson,
)

Measure = Callable[[float], Interval]  # confidence -> estimate with its interval; a bound may be infinite
Clusters = Sequence[Hashable] | None


def share(hits: Floats, clusters: Clusters, seed: int) -> Measure:
    """Of cases with a 1. Wilson's interval, or whole clusters resampled."""
    total, n = float(hits.sum()), len(hits)
    if clusters is None:
        return lambda confidence: wilson(total, n, confidence)
    units = len(set(clusters))
    # Clusters that all agree are as many observations as there are clusters, not cases.
    return resampled(
        mean, hits, clusters=clusters, seed=seed, still=lambda confidence: wilson(units * total / n, units, confidence)
    )


def share_difference(a: Floats, b: Floats, clusters: Clusters, seed: int) -> Measure:
    """Share of `a` minus share of `b` over the same cases: Tango's score interval, or whole clusters resampled."""
    first, second, n = float((a > b).sum()), float((b > a).sum()), len(a)
    if clusters is None:
        return lambda confidence: paired_proportions(first, second, n, confidence)
    units = len(set(clusters))
    return resampled(
        mean, a - b, clusters=clusters, seed=seed, still=lambda confidence: paired_proportions(0, 0, units, confidence)
    )


def f1(hits: int, either: int) -> Measure:
    """F1 of one label. `either`: cases that have the label or were answered with it; `hits`: both.

    With q = hits / either, F1 = 2 q / (1 + q) rises with q, so Wilson's bounds of q become those of F1.
    """

    def at(confidence: float) -> Interval:
        q = wilson(hits, either, confidence)
        estimate, low, high = (2 * value / (1 + value) for value in (q.estimate, q.low, q.high))
        return Interval(estimate, low, high, either)

    return at


def quantile_of(values: Floats, q: float) -> Measure:
    """Between order statistics, whatever the distribution (Conover 1999, ch. 3.2): each end leaves out at most half of what the
    confidence leaves. Infinite above where even the largest value is too likely to lie below the quantile."""
    ordered, n = np.sort(values), len(values)
    estimate = float(ordered[math.ceil(q * n - 1e-9) - 1])

    def at(confidence: float) -> Interval:
        tail = (1 - confidence) / 2
        # The r-th smallest value (from 1) lies above the quantile with a chance of at most P(Bin(n, q) < r).
        below = int(binom.ppf(tail, n, q))
        above = int(binom.ppf(1 - tail, n, q)) + 1
        low = float(ordered[below - 1]) if below >= 1 else -math.inf
        high = float(ordered[above - 1]) if above <= n else math.inf
        return Interval(estimate, min(low, estimate), max(high, estimate), n)

    return at


def least_for_quantile(q: float, confidence: float) -> int:
    """Values from which on `quantile_of` has an upper bound."""
    return math.ceil(math.log((1 - confidence) / 2) / math.log(q))


def resampled(metric: Metric, *arrays: Any, clusters: Clusters, seed: int, still: Measure) -> Measure:
    """The bootstrap's percentile interval.

    `still`: the interval where each resample gives the same number. It then says nothing about the uncertainty: ten cases that
    agree do not prove two models equal. Its width is laid around the estimate.
    """
    estimate, draws = bootstrap_draws(metric, *arrays, clusters=clusters, seed=seed)
    n = len(arrays[0])
    if np.isnan(draws).all() or float(np.nanmax(draws) - np.nanmin(draws)) < 1e-12:

        def around(confidence: float) -> Interval:
            spare = still(confidence)
            return Interval(estimate, estimate - (spare.estimate - spare.low), estimate + (spare.high - spare.estimate), n)

        return around
    return lambda confidence: percentile_interval(estimate, draws, n, confidence)


def average(measures: Sequence[Measure]) -> Measure:
    """The mean of the estimates and of the bounds: wider than the interval of the mean, as not all are off at once."""

    def at(confidence: float) -> Interval:
        found = [measure(confidence) for measure in measures]
        estimate, low, high = (
            math.fsum(getattr(one, part) for one in found) / len(found) for part in ("estimate", "low", "high")
        )
        return Interval(estimate, low, high, sum(one.n for one in found))

    return at
