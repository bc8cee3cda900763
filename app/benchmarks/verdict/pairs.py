"""Two arms on the same cases: who was right where, and which arms stand for their kind."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from app.benchmarks.arms import ArmResult, Kind, aligned
from app.benchmarks.scorers import encode, macro_f1_metric
from app.benchmarks.statistics import Interval, holm, mcnemar_midp, paired_bootstrap_difference
from app.benchmarks.verdict.differences import accuracy_difference
from app.benchmarks.verdict.rule import ALPHA
from app.errors import InvalidRequest


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
    p_value: float  # McNemar, mid-p; where cases belong together, over clusters
    macro_f1_difference: Interval

    @property
    def significant(self) -> bool:
        return self.p_value < ALPHA and self.difference.excludes(0)


@dataclass(frozen=True)
class Compared:
    """Two arms of a run, of whatever kind, by accuracy; `adjusted` over all pairs that were compared (Holm)."""

    first: str
    second: str
    difference: Interval
    p_value: float
    adjusted: float


@dataclass(frozen=True)
class Slice:
    """The cases of one gold label, where the general model got more of them right than the custom one."""

    label: str
    n: int
    general_correct: int
    custom_correct: int
    p_value: float  # McNemar, mid-p, adjusted over all labels (Holm)


def chosen(arms: Sequence[ArmResult], kind: Kind) -> ArmResult | None:
    """The arm of this kind that did best on validation; the first of equals. None when the run has none."""
    candidates = [arm for arm in arms if arm.kind == kind]
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    if learned := no_choice(arms, kind):
        raise InvalidRequest(learned, param=None if kind == "baseline" else kind)
    if missing := [arm.arm for arm in candidates if arm.validation_accuracy is None]:
        raise InvalidRequest(
            f"There are several {kind} arms, and {', '.join(missing)} has no validation accuracy to choose by: the best of "
            "many is chosen on validation, not on test. Score each on the validation split too."
        )
    return max(candidates, key=lambda arm: arm.validation_accuracy or 0.0)


def no_choice(arms: Sequence[ArmResult], kind: Kind) -> str | None:
    """Why none of several arms of this kind can be chosen, where one has learned the rows to choose on."""
    candidates = [arm for arm in arms if arm.kind == kind]
    learned = [arm.arm for arm in candidates if arm.refitted]
    if len(candidates) < 2 or not learned:
        return None
    return (
        f"There are several {kind} arms, and {', '.join(learned)} has learned the validation rows (refit), on which the best "
        "of them would be chosen: name the one that is to be compared."
    )


def named(arms: Sequence[ArmResult], name: str, param: str) -> ArmResult:
    """Raises InvalidRequest that lists the arms there are."""
    if (found := next((arm for arm in arms if arm.arm == name), None)) is not None:
        return found
    known = ", ".join(arm.arm for arm in arms)
    raise InvalidRequest(f"The run has no arm named {name!r} that answered; it has: {known}.", param=param)


def compare(first: ArmResult, second: ArmResult, labels: Sequence[str], *, seed: int = 0) -> Pair:
    """Two arms paired case by case; raises InvalidRequest unless both answered exactly the same cases."""
    second = aligned(second, first)
    gold, a = encode(first.gold, first.predicted, labels)
    _, b = encode(second.gold, second.predicted, labels)
    accuracy = accuracy_difference(first, second)
    return Pair(
        first=first.arm,
        second=second.arm,
        n=len(first.cases),
        first_correct=sum(first.correct),
        second_correct=sum(second.correct),
        first_only=sum(x and not y for x, y in zip(first.correct, second.correct, strict=True)),
        second_only=sum(y and not x for x, y in zip(first.correct, second.correct, strict=True)),
        difference=accuracy.difference,
        p_value=accuracy.p_value,
        macro_f1_difference=paired_bootstrap_difference(
            macro_f1_metric(len(labels)), gold, a, b, clusters=first.clusters or None, seed=seed
        ),
    )


def every_pair(arms: Sequence[ArmResult]) -> tuple[Compared, ...]:
    """Each arm against each other one, by accuracy. Raises InvalidRequest where they answered different cases."""
    pairs = list(combinations(arms, 2))
    found = [accuracy_difference(first, second) for first, second in pairs]
    adjusted = holm([one.p_value for one in found])
    return tuple(
        Compared(first.arm, second.arm, one.difference, one.p_value, p)
        for (first, second), one, p in zip(pairs, found, adjusted, strict=True)
    )


def wins_general(custom: ArmResult, general: ArmResult) -> tuple[Slice, ...]:
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
