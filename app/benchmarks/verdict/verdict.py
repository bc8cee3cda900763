"""The verdict as data: the decision, the rule that made it, and every number behind it."""

from dataclasses import dataclass
from typing import Literal

from app.benchmarks.economics import Economics
from app.benchmarks.statistics import Interval
from app.benchmarks.verdict.cascade import Cascade
from app.benchmarks.verdict.cheaper import CostRule
from app.benchmarks.verdict.differences import Difference
from app.benchmarks.verdict.floors import Floor
from app.benchmarks.verdict.needed import Needed
from app.benchmarks.verdict.pairs import Compared, Pair, Slice

Decision = Literal["custom", "general", "cascade", "not enough evidence"]


@dataclass(frozen=True)
class Verdict:
    """Differences are custom minus general: shares, or money per 1,000 cases for cost."""

    decision: Decision
    rule: str
    reason: str  # which part of the rule decided
    custom: str
    general: str
    pair: Pair
    margin_points: float
    cheaper: Literal["custom", "general"] | None
    cost: str  # how the two compare in cost, in words
    cost_by: CostRule | None
    metrics: tuple[Difference, ...]  # those that decide
    floors: tuple[Floor, ...]
    cascade: Cascade | None
    cascade_note: str  # why none was tried, or what became of it
    economics: Economics | None
    needed: Needed | None
    cases_needed: int | None  # in all, for a decision at 80 % power; None when decided, or when no number would help
    wins_general: tuple[Slice, ...]
    baseline: Pair | None  # custom against the best classical baseline
    pairs: tuple[Compared, ...]  # all arms against each other, where asked for; they decide nothing
    notes: tuple[str, ...]
    sentence: str  # for who decides

    @property
    def difference(self) -> Interval:
        return self.pair.difference

    @property
    def p_value(self) -> float:
        return self.pair.p_value

    @property
    def cases_still_needed(self) -> int | None:
        return None if self.cases_needed is None else self.cases_needed - self.pair.n
