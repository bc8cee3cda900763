"""General, custom, or not enough evidence yet, by a score per case: the same rule as for labels, on the paired difference."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from app.benchmarks.arms import ArmResult, aligned
from app.benchmarks.called import Called, with_name
from app.benchmarks.scored.rival import Rival, against_baseline
from app.benchmarks.scored.scales import Scale
from app.benchmarks.statistics import Interval, holm
from app.benchmarks.verdict import words
from app.benchmarks.verdict.cheaper import cheaper, cost_rule_words
from app.benchmarks.verdict.decide import KINDS, two_arms
from app.benchmarks.verdict.differences import Difference, MetricName, score_difference
from app.benchmarks.verdict.needed import Needed, needed
from app.benchmarks.verdict.pairs import chosen
from app.benchmarks.verdict.question import Question
from app.benchmarks.verdict.rule import ALPHA, judge, rule_words
from app.errors import InvalidRequest


@dataclass(frozen=True)
class ScoredVerdict:
    """Differences are custom minus general. As plain JSON it has the names of a verdict on labels; what only those have is
    empty."""

    decision: str
    rule: str
    reason: str
    custom: str
    general: str
    margin_points: float
    cheaper: str | None
    cost: str
    cost_by: str | None
    metrics: tuple[Difference, ...]
    needed: Needed | None
    cases_needed: int | None
    cases_still_needed: int | None
    custom_ahead: int  # cases whose main metric is better than the other's
    general_ahead: int
    notes: tuple[str, ...]
    sentence: str
    baseline: Rival | None  # the custom arm against the best baseline on validation; None without one
    pair: None = None
    floors: tuple[Any, ...] = ()
    cascade: None = None
    cascade_note: str = ""
    economics: None = None
    wins_general: tuple[Any, ...] = ()
    pairs: tuple[Any, ...] = ()


def decide_scored(arms: Sequence[ArmResult], scale: Scale, question: Question | None = None, *, seed: int = 0) -> ScoredVerdict:
    """The verdict on a custom and a general arm: those that are named, or the best of each by the main metric on validation.

    Raises InvalidRequest when there is no pair, when the cases differ, or for what goes with labels only.
    """
    question = question or Question()
    metrics = _metrics(question, scale)
    custom, general = two_arms(arms, question)
    general = aligned(general, custom)

    # 1. By how much they differ, and who is cheaper.
    found = [score_difference(metric, custom, general, seed=seed) for metric in metrics]
    found = [replace(one, adjusted=p) for one, p in zip(found, holm([one.p_value for one in found]), strict=True)]
    cost = cheaper(custom, general, question.cost_rule, {}, seed=seed)

    # 2. The rule.
    margin = question.margin
    outcome = judge(found, cost.cheaper, margin)
    decision = KINDS[outcome.winner] if outcome.winner else "not enough evidence"
    classical = chosen(arms, "baseline")
    missing = None
    if outcome.winner is None and not outcome.settled and custom.arm != general.arm:
        open_ended = [one for one in found if one.adjusted >= ALPHA] or found[:1]
        side = outcome.leader or cost.cheaper
        missing = max((needed(one, None, side, margin) for one in open_ended), key=lambda one: one.cases or 0)
    ahead, behind = _ahead(custom, general, scale)
    verdict = ScoredVerdict(
        decision=decision,
        rule=rule_words(
            metrics, margin, cost_rule_words(question.cost_rule), {}, clustered=bool(custom.clusters), cascade=False
        ).replace("best validation accuracy", f"best {scale.main.title} on validation"),
        reason=outcome.reason,
        custom=custom.arm,
        general=general.arm,
        margin_points=question.margin_points,
        cheaper=KINDS[cost.cheaper] if cost.cheaper else None,
        cost=cost.words,
        cost_by=cost.by,
        metrics=tuple(found),
        needed=missing,
        cases_needed=missing.cases if missing else None,
        cases_still_needed=missing.cases - len(custom.cases) if missing and missing.cases else None,
        custom_ahead=ahead,
        general_ahead=behind,
        notes=tuple(words.notes(custom, general)),
        sentence="",
        baseline=against_baseline(custom, classical, scale, seed=seed) if classical and classical.arm != custom.arm else None,
    )
    return replace(verdict, sentence=_sentence(verdict, scale, len(custom.cases), Called.of(custom, general)))


def _metrics(question: Question, scale: Scale) -> tuple[MetricName, ...]:
    """Those that decide. Raises InvalidRequest for what this kind does not have."""
    for name, given in (
        ("costs", question.costs),
        ("recall_floors", question.recall_floors),
        ("prices", question.prices),
        ("training", question.training),
        ("every_pair", question.every_pair),
    ):
        if given:
            raise InvalidRequest(
                f"{name} cannot be part of a verdict on {scale.kind} yet; leave it out and decide by "
                f"{scale.main.name} and latency or bytes.",
                param=name,
            )
    known = [one.name for one in scale.metrics if one.decides]
    if strangers := [name for name in question.metrics if name not in known]:
        raise InvalidRequest(f"{strangers[0]} does not decide on {scale.kind}; there are {', '.join(known)}.", param="metrics")
    return question.metrics or (cast("MetricName", scale.main.name),)


def _ahead(custom: ArmResult, general: ArmResult, scale: Scale) -> tuple[int, int]:
    """Cases on which custom, and on which general, does better by the main metric."""
    name, sign = scale.main.name, -1 if scale.main.lower else 1
    gains = [
        sign * (a - b)
        for a, b in zip(custom.scores[name], general.scores[name], strict=True)
        if a is not None and b is not None
    ]
    return sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains)


# ---- In words


def _sentence(verdict: ScoredVerdict, scale: Scale, n: int, called: Called) -> str:
    parts = [
        f"On {n:,} test cases {'; '.join(_seen(one, verdict, scale, called) for one in verdict.metrics)}.",
        words.advice(verdict.decision, verdict.reason, called),
    ]
    if verdict.cases_still_needed:
        parts.append(f"About {verdict.cases_still_needed:,} more cases would settle it.")
    parts.append(
        f"Case by case ({scale.main.title}) {called.general} did better in {verdict.general_ahead:,}, {called.custom} in "
        f"{verdict.custom_ahead:,} of {n:,}."
    )
    if verdict.baseline:
        parts.append(_classical(verdict.baseline, scale, called.custom))
    return " ".join(parts)


def _classical(rival: Rival, scale: Scale, model: str) -> str:
    if rival.gain.low > 0:
        outcome = f"{model} beats it, by {rival.words}"
    elif rival.gain.high < 0:
        outcome = f"it beats {model} ({rival.words}), so ask first whether this task needs a language model"
    else:
        outcome = f"no clear difference; {model} minus the baseline is {rival.words}"
    reached = f"{rival.of_second.estimate:.3f} {scale.main.title}"
    return f"The baseline without a language model ({rival.second}) reached {reached}: {outcome}."


def _seen(one: Difference, verdict: ScoredVerdict, scale: Scale, called: Called) -> str:
    title = scale.metric(one.metric).title
    first, second = with_name(called.custom, verdict.custom), with_name(called.general, verdict.general)
    if scale.metric(one.metric).unit:
        return (
            f"{first} took {one.first.estimate:.3f} {title} and {second} {one.second.estimate:.3f}, a difference of "
            f"{_span(one.difference)}"
        )
    return (
        f"{first} reached {100 * one.first.estimate:.1f} % in {title} and {second} {100 * one.second.estimate:.1f} %, a "
        f"difference of {words.signed(one.difference)}"
    )


def _span(interval: Interval) -> str:
    return f"{interval.estimate:+.3f} [95 % interval {interval.low:+.3f} to {interval.high:+.3f}]"
