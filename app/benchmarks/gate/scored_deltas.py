"""What changed from a baseline run whose cases get scores: which got better or worse by more than a step, and on average."""

from dataclasses import dataclass
from typing import Literal, cast

from app.benchmarks.gate.grammar import STEP
from app.benchmarks.gate.scores import gains
from app.benchmarks.gate.sides import Side
from app.benchmarks.scored.scales import Scale
from app.benchmarks.statistics import Interval
from app.benchmarks.verdict.differences import MetricName, score_difference
from app.errors import InvalidRequest

ScoredChange = Literal["improved", "regressed"]


@dataclass(frozen=True)
class ScoredCase:
    """One case that changed: its main metric before and now, and what was answered; null: nothing, or a text was read."""

    case: int
    text: str
    gold: str
    score_before: float
    score_now: float
    before: str | None
    now: str | None
    change: ScoredChange


@dataclass(frozen=True)
class ScoredDeltas:
    """An arm against its baseline by the main metric of the kind. Differences are arm minus baseline; of bits per byte less is
    better, and `improved` has fewer."""

    run: str
    arm: str
    baseline_run: str
    baseline_arm: str
    n: int  # cases that have the score in both
    metric: str
    step: float
    score: Interval
    baseline_score: Interval
    difference: Interval
    p_value: float  # differences with signs turned at random
    improved: int
    regressed: int
    same: int  # within the step
    cases: tuple[ScoredCase, ...]  # the largest loss first, the largest gain last


def scored_deltas(this: Side, baseline: Side, scale: Scale, step: float = STEP) -> ScoredDeltas:
    """`baseline` has its cases in the order of `this`. Raises InvalidRequest where no case has the score in both."""
    now, before = this.result, baseline.result
    found = score_difference(cast("MetricName", scale.main.name), now, before, seed=this.file.run.config["seed"])
    texts = {case.id: (case.text, case.gold) for case in this.file.cases}
    said_now, said_before = _said(this), _said(baseline)
    known = [(row, gain) for row, gain in enumerate(gains(scale, now, before)) if gain is not None]
    changed = []
    for row, gain in sorted(known, key=lambda one: (one[1], one[0])):
        if abs(gain) <= step:
            continue
        case, score = now.cases[row], (before.scores[scale.main.name][row], now.scores[scale.main.name][row])
        changed.append(
            ScoredCase(
                case,
                *texts[case],
                score_before=score[0] or 0.0,
                score_now=score[1] or 0.0,
                before=said_before.get(case),
                now=said_now.get(case),
                change="improved" if gain > 0 else "regressed",
            )
        )
    improved = sum(one.change == "improved" for one in changed)
    return ScoredDeltas(
        run=this.file.run.id,
        arm=now.arm,
        baseline_run=baseline.file.run.id,
        baseline_arm=before.arm,
        n=len(known),
        metric=scale.main.name,
        step=step,
        score=found.first,
        baseline_score=found.second,
        difference=found.difference,
        p_value=found.p_value,
        improved=improved,
        regressed=len(changed) - improved,
        same=len(known) - len(changed),
        cases=tuple(changed),
    )


def require_scores(change: str | None, label: str | None) -> None:
    """Raises InvalidRequest for what only labels have."""
    if change == "flipped":
        raise InvalidRequest("A score gets better or worse; ask for improved or regressed.", param="change")
    if label is not None:
        raise InvalidRequest("The run has scores and no labels; leave label out.", param="label")


def _said(side: Side) -> dict[int, str | None]:
    return {one.case_id: one.text for one in side.file.answers if one.arm == side.result.arm and one.condition == "base"}
