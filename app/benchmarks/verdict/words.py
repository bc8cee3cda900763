"""The verdict in words: a sentence for who decides, and the numbers in it with their intervals."""

from collections.abc import Sequence

from app.benchmarks.arms import ArmResult
from app.benchmarks.called import BASELINE, Called, opening, with_name
from app.benchmarks.statistics import Interval
from app.benchmarks.verdict.cascade import Cascade
from app.benchmarks.verdict.differences import Difference
from app.benchmarks.verdict.floors import Floor
from app.benchmarks.verdict.pairs import Pair, Slice
from app.benchmarks.verdict.rule import ALPHA
from app.benchmarks.verdict.verdict import Verdict

_FEW_CLUSTERS = 30


def sentence(verdict: Verdict, called: Called) -> str:
    """For who decides: what was seen, what to do, what is missing, and where the other side is better."""
    parts = [
        _seen(verdict.pair, called),
        *(_cost_of_mistakes(d, called) for d in verdict.metrics if d.metric == "cost"),
        *(_macro_f1(d) for d in verdict.metrics if d.metric == "macro_f1"),
        _advice(verdict, called),
        *(_floor(floor) for floor in verdict.floors if floor.state != "met"),
        f"About {verdict.cases_still_needed:,} more case{'s' if verdict.cases_still_needed > 1 else ''} would settle it."
        if verdict.cases_still_needed
        else "",
        _where(verdict.wins_general, called.general),
        _classical(verdict.baseline, verdict.custom if called.custom == BASELINE else called.custom),
    ]
    return " ".join(part for part in parts if part)


def cascade_note(cascade: Cascade | None, why_not: str) -> str:
    """What became of the cascade, or why none was tried; empty where none was asked for."""
    if cascade is None:
        return f"No cascade was put to the test: {why_not}." if why_not else ""
    head = (
        f"Cascade: {cascade.cheap} answers where its confidence is at least {cascade.threshold:.3f} (chosen on "
        f"{cascade.validation_cases:,} validation cases), {cascade.dear} is asked in {_shares(cascade.escalated)} of the test "
        f"cases; right in {_shares(cascade.accuracy)}."
    )
    fate = "It wins against both" if cascade.certified else "It does not win against both"
    floors = "" if cascade.floors == "met" else f"; recall floors {cascade.floors}"
    return (
        f"{head} {fate}: {cascade.wins_cheap} (against {cascade.cheap}); {cascade.wins_dear} (against {cascade.dear}){floors}."
    )


def notes(custom: ArmResult, general: ArmResult) -> list[str]:
    """What a reader must know about how the pair came to be."""
    found = []
    for arm, side in ((custom, "custom"), (general, "general")):
        if arm.kind != side:
            found.append(f"{arm.arm} is a {arm.kind} arm; it was named to stand where the {side} model stands.")
    clusters = len(set(custom.clusters))
    if 0 < clusters < _FEW_CLUSTERS:
        found.append(f"The cases belong to {clusters} clusters only; intervals over so few are rough.")
    return found


# ---- Parts of the sentence


def _seen(pair: Pair, called: Called) -> str:
    first, second = with_name(called.custom, pair.first), with_name(called.general, pair.second)
    return (
        f"On {pair.n:,} test cases {first} was right in {_percent(pair.first_correct, pair.n)} and {second} in "
        f"{_percent(pair.second_correct, pair.n)}, a difference of {signed(pair.difference)}."
    )


def _cost_of_mistakes(d: Difference, called: Called) -> str:
    a, b, gap = (money(one, d.currency or "") for one in (d.first, d.second, d.difference))
    return f"Mistakes of {called.custom} cost {a} per 1,000 cases, of {called.general} {b}; difference {gap}."


def _macro_f1(d: Difference) -> str:
    return f"Their macro-F1 differs by {signed(d.difference)}."


def _advice(verdict: Verdict, called: Called) -> str:
    if verdict.decision == "cascade" and verdict.cascade:
        one = verdict.cascade
        return (
            f"Use both: let {one.cheap} answer where its confidence is at least {one.threshold:.3f} and ask {one.dear} about "
            f"the rest, {_shares(one.escalated)} of the cases. Together they were right in {_shares(one.accuracy)}: "
            f"{verdict.reason}."
        )
    return advice(verdict.decision, verdict.reason, called)


def advice(decision: str, reason: str, called: Called) -> str:
    """decision: custom, general or not enough evidence."""
    if decision == "not enough evidence":
        return f"This is not enough evidence to choose: {reason}."
    return f"Use {called.custom if decision == 'custom' else called.general}: it is {reason}."


def _floor(floor: Floor) -> str:
    at = f"{floor.arm} finds {floor.label}"
    if floor.recall is None:
        return f"No test case is {floor.label}, so the floor of {100 * floor.floor:g} % for it cannot be judged."
    seen = f"{at} in {_shares(floor.recall)} of {floor.recall.n:,} cases"
    if floor.state == "missed":
        return f"{seen}, below the floor of {100 * floor.floor:g} %."
    more = (
        f"; about {floor.cases_needed - floor.recall.n:,} more cases of {floor.label} would tell" if floor.cases_needed else ""
    )
    return f"{seen}, which may be above or below the floor of {100 * floor.floor:g} %{more}."


def _where(wins: Sequence[Slice], general: str) -> str:
    if not wins:
        return f"For no label did {general} do better in this test."
    listed = ", ".join(f"{one.label} ({one.general_correct} against {one.custom_correct} of {one.n})" for one in wins[:3])
    rest = f" and {len(wins) - 3} more" if len(wins) > 3 else ""
    beyond = [one.label for one in wins if one.p_value < ALPHA]
    chance = f"beyond chance for {', '.join(beyond)}" if beyond else "none of it beyond chance"
    return f"{opening(general)} did better on {listed}{rest}; {chance}."


def _classical(pair: Pair | None, custom: str) -> str:
    if pair is None:
        return ""
    gap = signed(pair.difference)
    if not pair.significant:
        outcome = f"no clear difference; {custom} minus the baseline is {gap}"
    elif pair.difference.estimate > 0:
        outcome = f"{custom} beats it, by {gap}"
    else:
        outcome = f"it beats {custom} ({gap}), so ask first whether this task needs a language model"
    return f"The classical baseline ({pair.second}) was right in {_percent(pair.second_correct, pair.n)}: {outcome}."


# ---- Numbers


def signed(interval: Interval) -> str:
    """A difference of shares in points: +12.3 points [95 % interval +9.8 to +14.9]."""
    estimate, low, high = (f"{100 * value:+.1f}" for value in (interval.estimate, interval.low, interval.high))
    return f"{estimate} points [95 % interval {low} to {high}]"


def money(interval: Interval, currency: str) -> str:
    """1,234 EUR [1,100 to 1,400]"""
    return f"{interval.estimate:,.4g} {currency} [{interval.low:,.4g} to {interval.high:,.4g}]"


def _shares(interval: Interval) -> str:
    """62.0 % [58.1 to 65.7]"""
    return f"{100 * interval.estimate:.1f} % [{100 * interval.low:.1f} to {100 * interval.high:.1f}]"


def _percent(correct: int, n: int) -> str:
    return f"{100 * correct / n:.1f} %"
