"""The wire of deltas."""

from typing import Literal

from pydantic import BaseModel, Field

from app.benchmarks.gate.deltas import Change, Deltas
from app.benchmarks.gate.scored_deltas import ScoredChange, ScoredDeltas


class IntervalOut(BaseModel):
    """A number with its 95 % interval."""

    estimate: float
    low: float
    high: float
    n: int


class LabelDeltaOut(BaseModel):
    """The cases of one gold label."""

    label: str
    n: int
    improved: int
    regressed: int
    flipped: int
    p_value: float = Field(description="McNemar's mid-p, adjusted over all labels (Holm)")


class ChangedCaseOut(BaseModel):
    """One case whose answer changed; null: the answer was none of the labels."""

    case: int
    text: str
    gold: str
    before: str | None
    now: str | None
    change: Change


class DeltasOut(BaseModel):
    """An arm against its baseline; differences are arm minus baseline."""

    run: str
    arm: str
    baseline_run: str
    baseline_arm: str
    n: int
    accuracy: IntervalOut
    baseline_accuracy: IntervalOut
    difference: IntervalOut
    p_value: float = Field(description="McNemar's mid-p")
    improved: int = Field(description="wrong before, right now")
    regressed: int = Field(description="right before, wrong now")
    flipped: int = Field(description="wrong before and wrong now, with another answer")
    same_right: int
    same_wrong: int
    by_label: list[LabelDeltaOut] = Field(description="the label that lost most first")
    data: list[ChangedCaseOut] = Field(description="changed cases, by change, then by case")
    next_cursor: str | None


class ScoredCaseOut(BaseModel):
    """One case whose main metric changed by more than the step."""

    case: int
    text: str
    gold: str
    score_before: float
    score_now: float
    before: str | None
    now: str | None
    change: ScoredChange


class ScoredDeltasOut(BaseModel):
    """An arm against its baseline in a run whose cases get scores; differences are arm minus baseline."""

    run: str
    arm: str
    baseline_run: str
    baseline_arm: str
    n: int
    metric: str = Field(description="the main metric of the kind")
    step: float = Field(description="a smaller change of a case is none")
    score: IntervalOut
    baseline_score: IntervalOut
    difference: IntervalOut
    p_value: float = Field(description="differences with signs turned at random")
    improved: int
    regressed: int
    same: int = Field(description="within the step")
    data: list[ScoredCaseOut] = Field(description="changed cases, the largest loss first")
    next_cursor: str | None


def scored_page(found: ScoredDeltas, *, change: str | None, after: int, limit: int) -> tuple[list[ScoredCaseOut], int | None]:
    """As `page`."""
    cases = [one for one in found.cases if change in (None, one.change)]
    shown = [ScoredCaseOut.model_validate(one, from_attributes=True) for one in cases[after : after + limit]]
    return shown, after + limit if after + limit < len(cases) else None


def page(
    found: Deltas, *, change: Literal["improved", "regressed", "flipped"] | None, label: str | None, after: int, limit: int
) -> tuple[list[ChangedCaseOut], int | None]:
    """Cases of that change and gold label from place `after` on, and the place of the next page."""
    cases = [one for one in found.cases if change in (None, one.change) and label in (None, one.gold)]
    shown = [ChangedCaseOut.model_validate(one, from_attributes=True) for one in cases[after : after + limit]]
    return shown, after + limit if after + limit < len(cases) else None
