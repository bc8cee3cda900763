"""General or custom: decided by a stated rule from results on the same cases, with the numbers and the cases still needed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from app.benchmarks.arms import ArmResult, Kind, aligned
from app.benchmarks.scorers import encode, macro_f1_metric
from app.benchmarks.statistics import (
    Interval,
    bootstrap,
    cases_needed,
    holm,
    mcnemar_midp,
    paired_bootstrap_difference,
    paired_proportions,
    quantile,
)
from app.errors import InvalidRequest

Decision = Literal["custom", "general", "not enough evidence"]

ALPHA = 0.05
CHEAPER = 0.9  # at most this share of the other's cost: what varies less from run to run is no reason to switch


@dataclass(frozen=True)
class Pair:
    """Two arms on the same cases. `difference` is the accuracy of `first` minus that of `second`, as a share."""

    first: str
    second: str
    n: int
    first_correct: int
    second_correct: int
    first_only: int  # discordant: cases that only this arm got right
    second_only: int
    difference: Interval
    p_value: float  # McNemar, mid-p
    macro_f1_difference: Interval

    @property
    def significant(self) -> bool:
        return self.p_value < ALPHA and self.difference.excludes(0)


@dataclass(frozen=True)
class Slice:
    """The cases of one gold label, where the general model got more of them right than the custom one."""

    label: str
    n: int
    general_correct: int
    custom_correct: int
    p_value: float  # McNemar, mid-p, adjusted over all labels (Holm)


@dataclass(frozen=True)
class Verdict:
    """The decision, the rule that made it, and the numbers behind it. Differences are custom minus general, as shares."""

    decision: Decision
    rule: str
    reason: str  # which part of the rule decided
    custom: str
    general: str
    pair: Pair
    margin_points: float
    cheaper: Literal["custom", "general"] | None
    cost: str  # how the two compare in cost, in words
    cases_needed: int | None  # in all, for a decision at 80 % power; None when decided, or when no number would help
    wins_general: tuple[Slice, ...]
    baseline: Pair | None  # custom against the best classical baseline
    sentence: str

    @property
    def difference(self) -> Interval:
        return self.pair.difference

    @property
    def p_value(self) -> float:
        return self.pair.p_value

    @property
    def cases_still_needed(self) -> int | None:
        return None if self.cases_needed is None else self.cases_needed - self.pair.n


def decide(arms: Sequence[ArmResult], labels: Sequence[str], *, margin_points: float = 1.0, seed: int = 0) -> Verdict:
    """The verdict on the best custom against the best general arm, each chosen by its accuracy on validation, never on test.

    labels: all labels of the task. margin_points: how many points of accuracy below the other still count as "not worse".
    Raises InvalidRequest when there is no pair, when a choice lacks validation accuracies, or when the cases differ.
    """
    custom, general = chosen(arms, "custom"), chosen(arms, "general")
    if custom is None or general is None:
        raise InvalidRequest("A verdict needs at least one general and one custom arm in the run.")
    pair = compare(custom, general, labels, seed=seed)
    cheaper, cost = _cheaper(custom, general, seed)
    decision, reason = _decision(pair, cheaper, margin_points)
    classical = chosen(arms, "baseline")
    baseline = compare(custom, classical, labels, seed=seed) if classical else None
    needed = _cases_needed(pair, margin_points / 100) if decision == "not enough evidence" else None
    wins = _wins_general(custom, general)
    return Verdict(
        decision=decision,
        rule=_rule(margin_points),
        reason=reason,
        custom=custom.arm,
        general=general.arm,
        pair=pair,
        margin_points=margin_points,
        cheaper=cheaper,
        cost=cost,
        cases_needed=needed,
        wins_general=wins,
        baseline=baseline,
        sentence=_sentence(decision, reason, pair, needed, wins, baseline),
    )


def chosen(arms: Sequence[ArmResult], kind: Kind) -> ArmResult | None:
    """The arm of this kind that did best on validation; the first of equals. None when the run has none."""
    candidates = [arm for arm in arms if arm.kind == kind]
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    if missing := [arm.arm for arm in candidates if arm.validation_accuracy is None]:
        raise InvalidRequest(
            f"There are several {kind} arms, and {', '.join(missing)} has no validation accuracy to choose by: the best of "
            "many is chosen on validation, not on test. Score each on the validation split too."
        )
    return max(candidates, key=lambda arm: arm.validation_accuracy or 0.0)


def compare(first: ArmResult, second: ArmResult, labels: Sequence[str], *, seed: int = 0) -> Pair:
    """Two arms paired case by case; raises InvalidRequest unless both answered exactly the same cases."""
    second = aligned(second, first)
    n = len(first.cases)
    first_only = sum(a and not b for a, b in zip(first.correct, second.correct, strict=True))
    second_only = sum(b and not a for a, b in zip(first.correct, second.correct, strict=True))
    gold, a = encode(first.gold, first.predicted, labels)
    _, b = encode(second.gold, second.predicted, labels)
    return Pair(
        first=first.arm,
        second=second.arm,
        n=n,
        first_correct=sum(first.correct),
        second_correct=sum(second.correct),
        first_only=first_only,
        second_only=second_only,
        difference=paired_proportions(first_only, second_only, n),
        p_value=mcnemar_midp(first_only, second_only),
        macro_f1_difference=paired_bootstrap_difference(macro_f1_metric(len(labels)), gold, a, b, seed=seed),
    )


def _rule(margin_points: float) -> str:
    less = f"at least {100 * (1 - CHEAPER):.0f} %"
    return (
        "An arm wins if it is right more often beyond chance (McNemar mid-p below .05, and the 95 % interval of the paired "
        f"difference excludes 0); or if it is not worse by more than {_points(margin_points)} (the interval stays above that) "
        f"and cheaper: median latency {less} lower with a paired 95 % interval that excludes 0, or, where latency was not "
        f"measured for both, {less} fewer bytes. Otherwise the evidence is not enough. With several general or custom arms, "
        "the one with the best validation accuracy stands for its kind."
    )


def _decision(pair: Pair, cheaper: str | None, margin_points: float) -> tuple[Decision, str]:
    difference, margin = pair.difference, margin_points / 100
    if pair.significant:
        return ("custom" if difference.estimate > 0 else "general"), "right more often beyond chance"
    if cheaper == "custom" and difference.low > -margin:
        return "custom", f"not worse by more than {_points(margin_points)}, and cheaper"
    if cheaper == "general" and difference.high < margin:
        return "general", f"not worse by more than {_points(margin_points)}, and cheaper"
    if -margin < difference.low and difference.high < margin:
        return "not enough evidence", f"within {_points(margin_points)} of each other, and neither is cheaper"
    return "not enough evidence", "the difference could be chance"


def _cheaper(custom: ArmResult, general: ArmResult, seed: int) -> tuple[Literal["custom", "general"] | None, str]:
    general = aligned(general, custom)
    timed = [(x, y) for x, y in zip(custom.latencies_ms, general.latencies_ms, strict=False) if x is not None and y is not None]
    if timed:
        a, b = (np.asarray(column, dtype=np.float64) for column in zip(*timed, strict=True))
        median = quantile(0.5)
        p50_a, p50_b = float(np.median(a)), float(np.median(b))
        sure = bootstrap(lambda x, y, weights: median(x, weights) - median(y, weights), a, b, seed=seed).excludes(0)
        words = f"median latency {p50_a:.0f} ms against {p50_b:.0f} ms (custom against general, n = {len(a):,})"
    elif custom.bytes is not None and general.bytes is not None:
        p50_a, p50_b, sure = float(custom.bytes), float(general.bytes), True
        words = f"{custom.bytes:,} bytes against {general.bytes:,} (custom against general)"
    else:
        return None, "cost was not measured for both"
    if sure and p50_a <= CHEAPER * p50_b:
        return "custom", words
    if sure and p50_b <= CHEAPER * p50_a:
        return "general", words
    return None, words


def _cases_needed(pair: Pair, margin: float) -> int | None:
    """Cases in all for 80 % power (Connor) at the discordance seen, to find the margin, or the difference seen if larger."""
    seen = abs(pair.difference.estimate)
    if -margin < pair.difference.low and pair.difference.high < margin:
        return None  # the answer is in: they do not differ by more than the user cares about
    discordance = (pair.first_only + pair.second_only) / pair.n
    delta = max(seen, margin, 1e-3)
    needed = cases_needed(max(discordance, delta), delta)
    if needed <= pair.n and seen:
        needed = cases_needed(discordance, seen)
    return max(needed, pair.n + 1)


def _wins_general(custom: ArmResult, general: ArmResult) -> tuple[Slice, ...]:
    """Labels on whose cases the general arm was right more often, the largest surplus first."""
    general = aligned(general, custom)
    rows = list(zip(custom.gold, custom.correct, general.correct, strict=True))
    found, pvalues = [], []
    for label in sorted(set(custom.gold)):
        pairs = [(a, b) for gold, a, b in rows if gold == label]
        pvalues.append(mcnemar_midp(sum(a and not b for a, b in pairs), sum(b and not a for a, b in pairs)))
        found.append(Slice(label, len(pairs), sum(b for _, b in pairs), sum(a for a, _ in pairs), p_value=1.0))
    adjusted = [replace(one, p_value=p) for one, p in zip(found, holm(pvalues), strict=True)]
    wins = [one for one in adjusted if one.general_correct > one.custom_correct]
    return tuple(sorted(wins, key=lambda one: (one.custom_correct - one.general_correct, one.label)))


# ---- Words


def _sentence(
    decision: Decision, reason: str, pair: Pair, needed: int | None, wins: Sequence[Slice], baseline: Pair | None
) -> str:
    advice = {
        "custom": f"Use the custom model: it is {reason}.",
        "general": f"Use the general model: it is {reason}.",
        "not enough evidence": f"This is not enough evidence to choose: {reason}.",
    }[decision]
    facts = (
        f"On {pair.n:,} test cases the custom model ({pair.first}) was right in {_percent(pair.first_correct, pair.n)} and the "
        f"general model ({pair.second}) in {_percent(pair.second_correct, pair.n)}, a difference of "
        f"{_signed(pair.difference)}."
    )
    more = f"About {needed - pair.n:,} more cases would settle it." if needed else ""
    return " ".join(part for part in (facts, advice, more, _where(wins), _classical(baseline)) if part)


def _where(wins: Sequence[Slice]) -> str:
    if not wins:
        return "For no label did the general model do better in this test."
    listed = ", ".join(f"{one.label} ({one.general_correct} against {one.custom_correct} of {one.n})" for one in wins[:3])
    rest = f" and {len(wins) - 3} more" if len(wins) > 3 else ""
    beyond = [one.label for one in wins if one.p_value < ALPHA]
    chance = f"beyond chance for {', '.join(beyond)}" if beyond else "none of it beyond chance"
    return f"The general model did better on {listed}{rest}; {chance}."


def _classical(pair: Pair | None) -> str:
    if pair is None:
        return ""
    gap = _signed(pair.difference)
    if not pair.significant:
        outcome = f"no clear difference; the custom model minus the baseline is {gap}"
    elif pair.difference.estimate > 0:
        outcome = f"the custom model beats it, by {gap}"
    else:
        outcome = f"it beats the custom model ({gap}), so ask first whether this task needs a language model"
    return f"The classical baseline ({pair.second}) was right in {_percent(pair.second_correct, pair.n)}: {outcome}."


def _percent(correct: int, n: int) -> str:
    return f"{100 * correct / n:.1f} %"


def _points(points: float) -> str:
    return f"{points:g} point" if points == 1 else f"{points:g} points"


def _signed(interval: Interval) -> str:
    """A difference of shares in points: +12.3 points [95 % interval +9.8 to +14.9]."""
    estimate, low, high = (f"{100 * value:+.1f}" for value in (interval.estimate, interval.low, interval.high))
    return f"{estimate} points [95 % interval {low} to {high}]"
