"""One measure of a pair: each model's number, their paired difference, its interval and its test.

Every function here takes two sequences that run in parallel: entry i is what the general and what the custom model did with
the same text, probe or case.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.stats import ttest_rel

from app.benchmarks.statistics import (
    Floats,
    Interval,
    mcnemar_midp,
    mean_interval,
    paired_difference,
    paired_proportions,
    wilson,
)

Better = Literal["higher", "lower"]

FEWEST = 10  # pairs below which a mean's interval would promise what it cannot keep


@dataclass(frozen=True)
class Measure:
    """`difference` is custom less general, or with `neutral` 1 custom over general; `better` is the side that speaks for one.

    Where nothing could be measured every number is None and `missing` says why.
    """

    name: str
    unit: str
    better: Better
    general: Interval | None = None
    custom: Interval | None = None
    difference: Interval | None = None
    p: float | None = None  # two-sided, of no difference; not adjusted
    test: str = ""
    neutral: float = 0.0
    guard: bool = False  # the custom model must not be worse here, whatever it gains elsewhere
    missing: str = ""

    @property
    def favours(self) -> Literal["general", "custom"] | None:
        """The side that the interval of the difference lies on altogether."""
        if self.difference is None or not self.difference.excludes(self.neutral):
            return None
        return "custom" if (self.difference.estimate > self.neutral) == (self.better == "higher") else "general"


def shares(
    name: str, general: Sequence[bool], custom: Sequence[bool], *, better: Better = "higher", guard: bool = False
) -> Measure:
    """Shares of the cases for which it holds: Wilson intervals, McNemar's mid-p test, Tango's interval of the difference."""
    n = len(general)
    if n == 0:
        return Measure(name, "share", better, guard=guard, missing="No case was measured.")
    only_custom = sum(mine and not other for mine, other in zip(custom, general, strict=True))
    only_general = sum(other and not mine for mine, other in zip(custom, general, strict=True))
    return Measure(
        name,
        "share",
        better,
        general=wilson(sum(general), n),
        custom=wilson(sum(custom), n),
        difference=paired_proportions(only_custom, only_general, n),
        p=mcnemar_midp(only_custom, only_general),
        test=f"McNemar mid-p, {only_custom} : {only_general} discordant pairs",
        guard=guard,
    )


def means(
    name: str,
    unit: str,
    general: Sequence[float],
    custom: Sequence[float],
    *,
    better: Better,
    guard: bool = False,
) -> Measure:
    """Means over the cases: each with Student's t, the paired t-test (Student 1908) and its interval."""
    if len(general) < FEWEST:
        return Measure(name, unit, better, guard=guard, missing=_too_few(len(general)))
    difference, p = _paired_t(np.asarray(custom, dtype=np.float64), np.asarray(general, dtype=np.float64))
    return Measure(
        name,
        unit,
        better,
        general=_own(general, unit),
        custom=_own(custom, unit),
        difference=difference,
        p=p,
        test="paired t-test",
        guard=guard,
    )


def ratios(
    name: str,
    unit: str,
    general: Sequence[float],
    custom: Sequence[float],
    *,
    better: Better,
    guard: bool = False,
) -> Measure:
    """Geometric means of positive numbers, and their ratio custom / general: the paired t-test on logarithms.

    For times and costs, whose spread grows with their size: one slow case does not decide."""
    if len(general) < FEWEST:
        return Measure(name, unit, better, neutral=1.0, guard=guard, missing=_too_few(len(general)))
    a, b = np.log(np.asarray(custom, dtype=np.float64)), np.log(np.asarray(general, dtype=np.float64))
    difference, p = _paired_t(a, b)
    return Measure(
        name,
        unit,
        better,
        general=_exp(mean_interval(b.tolist())),
        custom=_exp(mean_interval(a.tolist())),
        difference=_exp(difference),
        p=p,
        test="paired t-test of logarithms",
        neutral=1.0,
        guard=guard,
    )


def _own(values: Sequence[float], unit: str) -> Interval:
    """One model's mean; Student's t knows no bounds, but shares have some."""
    found = mean_interval(values)
    return replace(found, low=max(0.0, found.low), high=min(1.0, found.high)) if unit in ("share", "probability") else found


def _paired_t(a: Floats, b: Floats) -> tuple[Interval, float]:
    """Interval of the mean of a - b, and its p-value."""
    d, difference = a - b, paired_difference(a, b)
    if np.ptp(d) <= 1e-12 * max(1.0, float(np.abs(d).max())):
        # No spread, so no standard error. Equal everywhere: p = 1; else the sign test on n pairs that all point one way.
        return difference, 1.0 if abs(difference.estimate) < 1e-12 else 2 * 0.5 ** len(d)
    return difference, float(ttest_rel(a, b).pvalue)


def _exp(interval: Interval) -> Interval:
    return Interval(math.exp(interval.estimate), math.exp(interval.low), math.exp(interval.high), interval.n)


def _too_few(n: int) -> str:
    return f"Only {n} pairs could be measured; an interval needs at least {FEWEST}."
