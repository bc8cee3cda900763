"""When a reason is supported, refuted or inconclusive: one paired test each, Holm over the five, and what must not worsen."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from app.benchmarks.scorecard.measured import Measure
from app.benchmarks.statistics import holm

State = Literal["supported", "refuted", "inconclusive"]

ALPHA = 0.05
RULE = (
    "Each reason has one deciding measure, tested in pairs on the same texts or cases; the five p-values are adjusted together "
    f"(Holm), a reason that could not be measured counts with p = 1. Supported: adjusted p below {ALPHA}, the 95 % interval of "
    "the difference on the custom model's side, and none of the reason's guards worse (unadjusted p below "
    f"{ALPHA}). Refuted: the same test on the general model's side. Everything else is inconclusive."
)


@dataclass(frozen=True)
class Evidence:
    """What was measured for one reason. `deciding` is the measure that the rule reads; `facts` are exact: (general, custom)."""

    key: str
    title: str
    claim: str  # what would have to be true
    deciding: Measure
    others: Sequence[Measure] = ()
    facts: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    notes: Sequence[str] = ()


def judge(reasons: Sequence[Evidence]) -> list[dict[str, Any]]:
    """Each reason as plain JSON, with its state, its adjusted p-value and the sentence that says why."""
    adjusted = holm([1.0 if reason.deciding.p is None else reason.deciding.p for reason in reasons])
    return [_judged(reason, p) for reason, p in zip(reasons, adjusted, strict=True)]


def _judged(reason: Evidence, p: float) -> dict[str, Any]:
    state, why = _state(reason, p)
    return {
        "key": reason.key,
        "title": reason.title,
        "claim": reason.claim,
        "state": state,
        "why": why,
        "p_holm": None if reason.deciding.p is None else p,
        "deciding": measure_json(reason.deciding),
        "others": [measure_json(measure) for measure in reason.others],
        "facts": [{"name": name, "general": mine, "custom": other} for name, (mine, other) in reason.facts.items()],
        "notes": list(reason.notes),
    }


def _state(reason: Evidence, p: float) -> tuple[State, str]:
    deciding = reason.deciding
    if deciding.p is None or deciding.difference is None:
        return "inconclusive", f"{deciding.name} could not be measured: {deciding.missing}"
    told = f"{deciding.name}: {_told(deciding)}, n = {deciding.difference.n:,}, adjusted p = {_p(p)}"
    side = deciding.favours
    if p >= ALPHA or side is None:
        return "inconclusive", f"{told}. The difference may be chance."
    if side == "general":
        return "refuted", f"{told}. The general model is better here."
    worse = [one for one in reason.others if one.guard and one.favours == "general" and one.p is not None and one.p < ALPHA]
    if worse:
        names = "; ".join(f"{one.name} {_told(one)}" for one in worse)
        return "inconclusive", f"{told}. The custom model is better there but worse elsewhere: {names}."
    return "supported", f"{told}."


def _told(measure: Measure) -> str:
    d = measure.difference
    assert d is not None, "asked of a measure without numbers"
    if measure.neutral == 1.0:
        return f"custom is {d.estimate:.3g} times general [{d.low:.3g}, {d.high:.3g}]"
    if measure.unit == "share":
        return f"custom less general {100 * d.estimate:+.1f} points [{100 * d.low:+.1f}, {100 * d.high:+.1f}]"
    return f"custom less general {d.estimate:+.3g} {measure.unit} [{d.low:+.3g}, {d.high:+.3g}]"


def _p(p: float) -> str:
    return "less than .0001" if p < 0.0001 else f"{p:.4f}".removeprefix("0")


def measure_json(measure: Measure) -> dict[str, Any]:
    return {**asdict(measure), "favours": measure.favours}
