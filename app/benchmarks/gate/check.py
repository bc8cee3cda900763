"""Each gate held against its interval: passed, regressed, or inconclusive with the number of cases that would tell."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.stats import norm

from app.benchmarks.gate import intervals, scores
from app.benchmarks.gate.grammar import Gate, Unit
from app.benchmarks.gate.measures import QUANTILES, Undefined, exact, measure, table
from app.benchmarks.gate.sides import Side
from app.benchmarks.statistics import Interval

Outcome = Literal["passed", "regressed", "inconclusive"]

POWER = 0.8
EXIT: dict[Outcome, int] = {"passed": 0, "regressed": 1, "inconclusive": 2}
_WORST: tuple[Outcome, ...] = ("regressed", "inconclusive")
_NAMED = 10  # cases
_MOST = 10_000_000  # more cases than that are no advice


@dataclass(frozen=True)
class Checked:
    """One gate's outcome. A bound is None where the cases allow none, every number where the metric is undefined."""

    gate: str
    metric: str
    unit: Unit
    threshold: float
    confidence: float
    outcome: Outcome
    estimate: float | None
    low: float | None
    high: float | None
    n: int
    cases_needed: int | None  # in all, of the kind that `n` counts, at 80 % power if what was measured is the truth
    sentence: str


@dataclass(frozen=True)
class Report:
    """All gates of one arm. `outcome`: regressed if one is, passed if all are."""

    task: str
    dataset: str
    cases: int
    run: str
    arm: str
    baseline_run: str | None
    baseline_arm: str | None
    outcome: Outcome
    exit_code: int
    gates: tuple[Checked, ...]


def check(gates: Sequence[Gate], this: Side, baseline: Side | None = None) -> Report:
    """Raises InvalidRequest for a gate that this run cannot answer: an unknown label, no baseline, nothing repeated."""
    family = sum(gate.metric.unit != "cases" for gate in gates)
    checked = tuple(_checked(gate, this, baseline, family) for gate in gates)
    outcomes = {one.outcome for one in checked}
    overall: Outcome = next((one for one in _WORST if one in outcomes), "passed")
    return Report(
        task=this.file.run.task,
        dataset=f"{this.file.dataset.name} version {this.file.dataset.version}",
        cases=len(this.result.cases),
        run=this.file.run.id,
        arm=this.result.arm,
        baseline_run=baseline.file.run.id if baseline else None,
        baseline_arm=baseline.result.arm if baseline else None,
        outcome=overall,
        exit_code=EXIT[overall],
        gates=checked,
    )


def _checked(gate: Gate, this: Side, baseline: Side | None, family: int) -> Checked:
    """`family`: how many gates could raise a false alarm by chance."""
    seed = this.file.run.config["seed"]
    scale, before = this.file.scale, baseline.result if baseline else None
    if scale is None:
        at = table(gate, this.result, before, tuple(this.file.labels), seed)
    else:
        at = scores.table(gate, this.result, before, scale, this.file.fields, seed)
    try:
        if gate.metric.unit == "cases":
            found, of = exact(gate, at) if scale is None else scores.exact(gate, at, scale)
            count = len(found)
            verdict: Outcome = "passed" if gate.holds(count) else "regressed"
            return _told(gate, verdict, Interval(count, count, count, of), None, _counted(found, of))
        measured = measure(gate, at) if scale is None else scores.measure(gate, at, scale)
    except Undefined as why:
        return _told(gate, "inconclusive", None, None, str(why))
    interval = measured(gate.confidence)
    # A false "regressed" of any gate: at most what the confidence leaves, over all of them together (Bonferroni).
    together = 1 - (1 - gate.confidence) / family
    outcome = _outcome(gate, interval, measured(together))
    towards = gate.confidence if gate.holds(interval.estimate) else together
    needed = _needed(gate, measured(towards), towards) if outcome == "inconclusive" else None
    return _told(gate, outcome, interval, needed, _sentence(gate, outcome, interval, needed, family))


def _outcome(gate: Gate, interval: Interval, family: Interval) -> Outcome:
    if gate.holds(interval.low) and gate.holds(interval.high):
        return "passed"
    if not gate.holds(family.low) and not gate.holds(family.high):
        return "regressed"
    return "inconclusive"


def _needed(gate: Gate, interval: Interval, confidence: float) -> int | None:
    """Cases in all for the interval to leave the threshold out with 80 % power, if the estimate is the truth: a half-width
    shrinks with the square root of the cases, and power adds z(power) to z(confidence)."""
    gap = interval.estimate - gate.threshold
    half = interval.estimate - interval.low if gap > 0 else interval.high - interval.estimate
    if not math.isfinite(half):
        q = QUANTILES.get(gate.metric.name)
        return max(interval.n + 1, intervals.least_for_quantile(q, confidence)) if q else None
    if gap == 0:
        return None
    z = float(norm.ppf((1 + confidence) / 2))
    cases = interval.n * (half / gap) ** 2 * ((z + float(norm.ppf(POWER))) / z) ** 2
    return max(interval.n + 1, math.ceil(cases)) if cases < _MOST else None


def _told(gate: Gate, outcome: Outcome, interval: Interval | None, needed: int | None, sentence: str) -> Checked:
    def finite(value: float) -> float | None:
        return value if math.isfinite(value) else None

    return Checked(
        gate=gate.text,
        metric=gate.metric.name,
        unit=gate.metric.unit,
        threshold=gate.threshold,
        confidence=gate.confidence,
        outcome=outcome,
        estimate=interval.estimate if interval else None,
        low=finite(interval.low) if interval else None,
        high=finite(interval.high) if interval else None,
        n=interval.n if interval else 0,
        cases_needed=needed,
        sentence=sentence,
    )


# ---- Words


def _counted(cases: Sequence[int], of: int) -> str:
    named = ", ".join(map(str, cases[:_NAMED])) + (", .." if len(cases) > _NAMED else "")
    return f"{len(cases):,} of {of:,} cases{f': {named}' if cases else ''}."


def _sentence(gate: Gate, outcome: Outcome, interval: Interval, needed: int | None, family: int) -> str:
    seen = f"{shown(interval, gate.metric.unit, gate.relative)}, n = {interval.n:,}"
    if outcome != "inconclusive":
        side = "right" if outcome == "passed" else "wrong"
        return f"{seen}: all of the {100 * gate.confidence:.4g} % interval is on the {side} side."
    if not math.isfinite(interval.high) and needed:
        why = f"too few cases for an upper bound; at least {needed:,} timed ones, for example with --concurrency 1"
    elif not gate.holds(interval.low) and not gate.holds(interval.high):
        why = f"beyond the threshold for one gate, not for {family} at once"
    else:
        why = "the interval holds the threshold"
    more = f"About {needed:,} cases in all would tell." if needed and math.isfinite(interval.high) else ""
    if needed is None:
        more = "What was measured is too near the threshold for any number of cases to tell."
    return f"{seen}: {why}. {more}".strip()


def shown(interval: Interval, unit: Unit, signed: bool) -> str:
    """.912 [.880 to .940], +1.2 ms [-0.3 to +2.7]"""

    def number(value: float) -> str:
        if not math.isfinite(value):
            return "?"
        return f"{value:{'+' if signed else ''}{'.4f' if unit in ('share', 'bits', 'words') else '.1f'}}"

    of = {"share": "", "bits": " bits per byte", "words": " words per word"}.get(unit, f" {unit}")
    return f"{number(interval.estimate)}{of} [{number(interval.low)} to {number(interval.high)}]"
