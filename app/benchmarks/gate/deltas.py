"""What changed from a baseline run: which cases improved, which regressed, which are wrong in another way, label by label."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from app.benchmarks.gate.sides import Side
from app.benchmarks.scorers import Label
from app.benchmarks.statistics import Interval, holm, mcnemar_midp, paired_proportions, wilson

Change = Literal["improved", "regressed", "flipped"]
CHANGES: tuple[Change, ...] = get_args(Change)


@dataclass(frozen=True)
class ChangedCase:
    """One case whose answer changed. `flipped`: wrong before and wrong now, with another answer; None: none of the labels."""

    case: int
    text: str
    gold: str
    before: Label
    now: Label
    change: Change


@dataclass(frozen=True)
class LabelDelta:
    """The cases of one gold label. `p_value`: McNemar's mid-p, adjusted over all labels (Holm)."""

    label: str
    n: int
    improved: int
    regressed: int
    flipped: int
    p_value: float


@dataclass(frozen=True)
class Deltas:
    """An arm against its baseline: counts, the paired test, and the cases behind them. Differences are arm minus baseline."""

    run: str
    arm: str
    baseline_run: str
    baseline_arm: str
    n: int
    accuracy: Interval
    baseline_accuracy: Interval
    difference: Interval
    p_value: float  # McNemar, mid-p
    improved: int
    regressed: int
    flipped: int
    same_right: int
    same_wrong: int
    by_label: tuple[LabelDelta, ...]
    cases: tuple[ChangedCase, ...]  # by change, then by case


def deltas(this: Side, baseline: Side) -> Deltas:
    """`baseline` has its cases in the order of `this` (see `against`)."""
    now, before = this.result, baseline.result
    texts = {case.id: case.text for case in this.file.cases}
    changed, same_right = [], 0
    for case, gold, was, answer in zip(now.cases, now.gold, before.predicted, now.predicted, strict=True):
        change = change_of(gold, was, answer)
        if change is not None:
            changed.append(ChangedCase(case, texts[case], gold, was, answer, change))
        else:
            same_right += gold == answer
    counts = {change: sum(one.change == change for one in changed) for change in CHANGES}
    n = len(now.cases)
    return Deltas(
        run=this.file.run.id,
        arm=now.arm,
        baseline_run=baseline.file.run.id,
        baseline_arm=before.arm,
        n=n,
        accuracy=wilson(sum(now.correct), n),
        baseline_accuracy=wilson(sum(before.correct), n),
        difference=paired_proportions(counts["improved"], counts["regressed"], n),
        p_value=mcnemar_midp(counts["improved"], counts["regressed"]),
        **counts,
        same_right=same_right,
        same_wrong=n - same_right - len(changed),
        by_label=_by_label(now.gold, changed),
        cases=tuple(sorted(changed, key=lambda one: (CHANGES.index(one.change), one.case))),
    )


def change_of(gold: str, before: Label, now: Label) -> Change | None:
    """None: the same answer."""
    if before == now:
        return None
    return "improved" if now == gold else "regressed" if before == gold else "flipped"


def _by_label(gold: Sequence[str], changed: Sequence[ChangedCase]) -> tuple[LabelDelta, ...]:
    """Every label with a test case; the one that lost most first."""
    found = []
    for label in sorted(set(gold)):
        counts = {change: sum(one.gold == label and one.change == change for one in changed) for change in CHANGES}
        found.append(
            LabelDelta(
                label,
                sum(one == label for one in gold),
                **counts,
                p_value=mcnemar_midp(counts["improved"], counts["regressed"]),
            )
        )
    adjusted = [replace(one, p_value=p) for one, p in zip(found, holm([one.p_value for one in found]), strict=True)]
    return tuple(sorted(adjusted, key=lambda one: (one.improved - one.regressed, one.label)))
