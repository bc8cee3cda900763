"""Both models: the cheap one answers where it is confident, the dear one is asked about the rest.

The threshold on confidence is chosen on validation and certified on test; a cheap answer that is rejected is paid for too. The
curve around it (cost against quality, RouteLLM's recovered gap, arXiv 2406.18665) describes and never decides.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from app.benchmarks.arms import ArmResult, aligned
from app.benchmarks.economics import Spending
from app.benchmarks.statistics import Floats, Interval, bootstrap, mean, paired_proportions, wilson
from app.benchmarks.verdict.cheaper import CHEAPER
from app.benchmarks.verdict.floors import State

_STEPS = 100  # thresholds tried on validation: one per hundredth of the cases
_RESAMPLES = 500  # of a point of the frontier, which decides nothing
_SHOWN = 11  # points of the frontier, both arms alone included


@dataclass(frozen=True)
class Point:
    """One threshold on the test: cases below it are escalated. None as threshold: every case is."""

    threshold: float | None
    escalated: float  # share of cases
    accuracy: Interval
    cost: Interval | None  # mean per case: money per 1,000 cases, or ms, as `cost_unit` of the cascade says


@dataclass(frozen=True)
class Cascade:
    """The threshold that validation chose, and what became of it on the test."""

    cheap: str
    dear: str
    threshold: float
    validation_cases: int
    escalated: Interval  # share of test cases that went on to the dear arm
    accuracy: Interval
    wins_cheap: str  # how it fared against the cheap arm by the rule, in words
    wins_dear: str
    certified: bool  # wins against both, and keeps the recall floors
    p_value: float  # that it does not win against both, after Holm
    floors: State
    cost_unit: str | None
    frontier: tuple[Point, ...]
    oracle: Interval  # accuracy if each case went to an arm that is right, where one is
    oracle_gap: Interval  # the same less the better arm's accuracy
    recovered: Interval | None  # share of the general model's lead that the cascade keeps; None: it has no lead to keep
    recovered_note: str


def confidences(arm: ArmResult) -> Floats | None:
    """The probability of the answered label by case (n,), 0 where there is no answer; None when no case has probabilities."""
    if not any(arm.probabilities):
        return None
    return np.array(
        [
            max(shares.values(), default=0.0) if shares and label is not None else 0.0
            for shares, label in zip(arm.probabilities, arm.predicted, strict=True)
        ]
    )


def choose_threshold(cheap: ArmResult, dear: ArmResult, quality: Callable[[ArmResult], float], margin: float) -> float | str:
    """From validation alone: of the thresholds within `margin` of the best quality, the one that escalates least.

    quality: higher is better, in the unit of margin. A sentence instead where no cascade is worth a test: one arm alone does
    as well, or the cheap arm tells no probabilities.
    """
    dear = aligned(dear, cheap)
    sure = confidences(cheap)
    if sure is None:
        return f"{cheap.arm} tells no probabilities on validation"
    ranks = np.quantile(sure, np.linspace(0, 1, _STEPS + 1), method="lower")
    thresholds = [*np.unique(ranks).tolist(), float("inf")]
    reached = [quality(cascade_arm(cheap, dear, threshold)) for threshold in thresholds]
    good = [t for t, q in zip(thresholds, reached, strict=True) if q >= max(reached) - margin]
    threshold = float(good[0])
    share = float((sure < threshold).mean())
    if share == 0:
        return f"on {len(sure):,} validation cases {cheap.arm} alone does as well"
    if share > CHEAPER:
        asked = f"{100 * share:.0f} %"
        return f"on {len(sure):,} validation cases it would ask {dear.arm} about {asked} of them, which saves too little"
    return threshold


def cascade_arm(cheap: ArmResult, dear: ArmResult, threshold: float) -> ArmResult:
    """The cascade as an arm of its own, on aligned arms. Latency and bytes of a rejected cheap answer are paid for too."""
    sure = confidences(cheap)
    asked = [True] * len(cheap.cases) if sure is None else (sure < threshold).tolist()
    both = zip(cheap.latencies_ms, dear.latencies_ms, asked, strict=False)  # empty where either was not timed
    return replace(
        cheap,
        arm=f"{cheap.arm}, then {dear.arm}",
        predicted=[b if more else a for a, b, more in zip(cheap.predicted, dear.predicted, asked, strict=True)],
        probabilities=[b if more else a for a, b, more in zip(cheap.probabilities, dear.probabilities, asked, strict=True)]
        if dear.probabilities
        else (),
        latencies_ms=[_paid(a, b, more) for a, b, more in both],
        bytes=None if cheap.bytes is None or dear.bytes is None else cheap.bytes + dear.bytes,
        reruns={},
        rewordings={},
        tokens=(),
        answer_tokens=(),
        cases_per_second=None,
        validation_accuracy=None,
    )


def cascade_spending(cheap: Spending, dear: Spending, escalated: Sequence[bool] | Floats) -> Spending:
    """Every case pays the cheap arm; those escalated the dear one too."""
    went = np.asarray(escalated, dtype=np.float64)
    parts = (*cheap.parts, *((cases * went, factor) for cases, factor in dear.parts))
    return Spending(parts, f"{100 * went.mean():.0f} % of the cases are asked twice; every cheap answer is paid for")


def escalated(cheap: ArmResult, threshold: float) -> Floats:
    """1 where the case goes on to the dear arm, shape (n,)."""
    sure = confidences(cheap)
    return np.ones(len(cheap.cases)) if sure is None else np.asarray(sure < threshold, dtype=np.float64)


def frontier(
    cheap: ArmResult, dear: ArmResult, spent: Mapping[str, Spending | str], currency: str, seed: int
) -> tuple[tuple[Point, ...], str | None]:
    """Cost against accuracy on the test, from the cheap arm alone to the dear one after it, and the unit of cost."""
    sure = confidences(cheap)
    if sure is None:
        return (), None
    a, b = spent.get(cheap.arm), spent.get(dear.arm)
    priced = (a, b) if isinstance(a, Spending) and isinstance(b, Spending) else None
    unit = f"{currency} per 1,000 cases" if priced else "ms a case"
    points = []
    levels = np.unique(np.quantile(sure, np.linspace(0, 1, _SHOWN - 1), method="lower"))
    for threshold in [*levels.tolist(), float("inf")]:
        arm, went = cascade_arm(cheap, dear, threshold), escalated(cheap, threshold)
        if priced:
            cost: Interval | None = cascade_spending(*priced, went).interval(cheap.clusters or None, seed, _RESAMPLES)
        else:
            timed = np.asarray([ms for ms in arm.latencies_ms if ms is not None], dtype=np.float64)
            cost = bootstrap(mean, timed, seed=seed, resamples=_RESAMPLES) if len(timed) else None
        shown = None if threshold == float("inf") else threshold
        points.append(Point(shown, float(went.mean()), wilson(sum(arm.correct), len(arm.cases)), cost))
    return tuple(points), unit if any(point.cost for point in points) else None


def oracle(first: ArmResult, second: ArmResult) -> tuple[Interval, Interval]:
    """Accuracy with every case sent to an arm that is right, and what that is above the better arm alone."""
    a, b = np.asarray(first.correct), np.asarray(second.correct)
    better, other = (a, b) if a.sum() >= b.sum() else (b, a)
    n = len(a)
    return wilson(int((a | b).sum()), n), paired_proportions(int((other & ~better).sum()), 0, n)


def recovered(cascade: ArmResult, custom: ArmResult, general: ArmResult, leads: bool, seed: int) -> tuple[Interval | None, str]:
    """RouteLLM's PGR: (cascade - custom) / (general - custom) in accuracy, with its bootstrap interval.

    leads: whether the general arm is better beyond chance. Otherwise there is no gap to recover, and the ratio means nothing.
    """
    if not leads:
        return None, "The general model is not better beyond chance, so there is no lead of which a share could be kept."
    columns = [np.asarray(arm.correct, dtype=np.float64) for arm in (cascade, custom, general)]

    def ratio(x: Floats, a: Floats, b: Floats, weights: Floats) -> Floats:
        lead = weights @ (b - a)
        return np.asarray(np.where(lead > 0, weights @ (x - a) / np.where(lead > 0, lead, 1), np.nan))

    interval: Any = bootstrap(ratio, *columns, clusters=custom.clusters or None, seed=seed)
    return interval, "Share of the general model's lead over the custom one that the cascade keeps (1: all of it)."


def _paid(a: float | None, b: float | None, more: bool) -> float | None:
    """Milliseconds of one case: the dear arm's come on top where it is asked."""
    if a is None or (more and b is None):
        return None
    return a + (b or 0.0) if more else a
