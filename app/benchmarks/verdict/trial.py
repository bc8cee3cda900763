"""A cascade put to the test: its threshold from validation, its certificate from the test, by the rule of the verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.benchmarks.arms import ArmResult, aligned
from app.benchmarks.economics import Spending
from app.benchmarks.statistics import wilson
from app.benchmarks.verdict.cascade import (
    Cascade,
    cascade_arm,
    cascade_spending,
    choose_threshold,
    confidences,
    escalated,
    frontier,
    oracle,
    recovered,
)
from app.benchmarks.verdict.cheaper import Cheaper, cheaper
from app.benchmarks.verdict.differences import Difference
from app.benchmarks.verdict.floors import judge_floors, standing
from app.benchmarks.verdict.question import Setting
from app.benchmarks.verdict.rule import Outcome, Side, judge


@dataclass(frozen=True)
class Trial:
    """A cascade on the test cases, against each of its arms; p-values not yet adjusted."""

    arm: ArmResult
    cheap: ArmResult
    dear: ArmResult
    threshold: float
    validation_cases: int
    spent: Spending | None
    against_cheap: Sequence[Difference]
    against_dear: Sequence[Difference]
    cheaper_than_dear: Side | None
    p_value: float  # that it does not win against both


def try_cascade(
    custom: ArmResult, general: ArmResult, cost: Cheaper, validation: Mapping[str, ArmResult], setting: Setting
) -> Trial | str:
    """custom, general: on the same cases, with `cost` between them. A sentence where there is nothing to try."""
    if learned := [arm.arm for arm in (custom, general) if arm.refitted]:
        rows = "the validation rows, on which the threshold would be chosen"
        return f"{' and '.join(learned)} has learned {rows}; train it without refit"
    if cost.cheaper is None:
        return "neither arm is cheaper than the other"
    cheap, dear = (custom, general) if cost.cheaper == "first" else (general, custom)
    if absent := [arm.arm for arm in (cheap, dear) if arm.arm not in validation]:
        return f"{' and '.join(absent)} has no answers on validation, where the threshold is chosen"
    if confidences(cheap) is None:
        return f"{cheap.arm} tells no probabilities"
    held_out = validation[cheap.arm]
    threshold = choose_threshold(
        held_out,
        aligned(validation[dear.arm], held_out),
        setting.quality,
        setting.question.margin.of(setting.question.decided_by[0]),
    )
    if isinstance(threshold, str):
        return threshold
    arm = cascade_arm(cheap, dear, threshold)
    a, b = setting.spent.get(cheap.arm), setting.spent.get(dear.arm)
    spent = cascade_spending(a, b, escalated(cheap, threshold)) if isinstance(a, Spending) and isinstance(b, Spending) else None
    paid = {**setting.spent, **({arm.arm: spent} if spent else {})}
    against_dear = cheaper(arm, dear, cost.by, paid, typical="mean", names=f"cascade against {dear.arm}", seed=setting.seed)
    with_cheap, with_dear = setting.differences(arm, cheap), setting.differences(arm, dear)
    return Trial(
        arm=arm,
        cheap=cheap,
        dear=dear,
        threshold=threshold,
        validation_cases=len(held_out.cases),
        spent=spent,
        against_cheap=with_cheap,
        against_dear=with_dear,
        cheaper_than_dear=against_dear.cheaper,
        p_value=_p_value(with_cheap, with_dear, against_dear.cheaper, setting),
    )


def certified(trial: Trial, adjusted: float, general: ArmResult, general_leads: bool, setting: Setting) -> Cascade:
    """adjusted: the trial's p-value after Holm. The cascade stands if it wins against both arms and keeps the recall floors."""
    margin = setting.question.margin
    against_cheap = judge(_adjusted(trial.against_cheap, adjusted), None, margin)
    against_dear = judge(_adjusted(trial.against_dear, adjusted), trial.cheaper_than_dear, margin)
    floors = standing(judge_floors(trial.arm, setting.question.recall_floors, setting.labels))
    points, unit = frontier(trial.cheap, trial.dear, setting.spent, setting.question.currency, setting.seed)
    best, gap = oracle(trial.cheap, trial.dear)
    kept, kept_note = recovered(
        trial.arm, trial.cheap, trial.dear, general_leads and trial.dear.arm == general.arm, setting.seed
    )
    went = escalated(trial.cheap, trial.threshold)
    return Cascade(
        cheap=trial.cheap.arm,
        dear=trial.dear.arm,
        threshold=trial.threshold,
        validation_cases=trial.validation_cases,
        escalated=wilson(int(went.sum()), len(went)),
        accuracy=wilson(sum(trial.arm.correct), len(trial.arm.cases)),
        wins_cheap=_told(against_cheap),
        wins_dear=_told(against_dear),
        certified=against_cheap.winner == against_dear.winner == "first" and floors == "met",
        p_value=adjusted,
        floors=floors,
        cost_unit=unit,
        frontier=points,
        oracle=best,
        oracle_gap=gap,
        recovered=kept,
        recovered_note=kept_note,
    )


def _p_value(
    with_cheap: Sequence[Difference], with_dear: Sequence[Difference], cheaper_side: Side | None, setting: Setting
) -> float:
    """It must win against both, so the larger p counts (an intersection-union test); over several metrics, Bonferroni's.

    Against the dear arm it may win by cost alone, at quality that is not worse: then only the cheap arm's p is a test."""
    p_cheap = min(1.0, len(with_cheap) * min(d.p_value for d in with_cheap))
    unhelped = judge([replace(d, adjusted=1.0) for d in with_dear], cheaper_side, setting.question.margin)
    if unhelped.winner == "first":
        return p_cheap
    return max(p_cheap, min(1.0, len(with_dear) * min(d.p_value for d in with_dear)))


def _adjusted(differences: Sequence[Difference], least: float) -> list[Difference]:
    return [replace(d, adjusted=max(least, min(1.0, len(differences) * d.p_value))) for d in differences]


def _told(outcome: Outcome) -> str:
    if outcome.winner == "second":
        return f"beaten: the other is {outcome.reason}"
    return outcome.reason
