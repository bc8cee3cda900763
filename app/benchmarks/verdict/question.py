"""What is asked of a run, and what every comparison of one verdict shares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.benchmarks.arms import ArmResult
from app.benchmarks.economics import PER, Price, Spending, Training
from app.benchmarks.scorers import accuracy, macro_f1
from app.benchmarks.statistics import Floats
from app.benchmarks.verdict.cheaper import CostRule
from app.benchmarks.verdict.costs import Costs, case_costs
from app.benchmarks.verdict.differences import (
    Difference,
    MetricName,
    accuracy_difference,
    cost_difference,
    macro_f1_difference,
)
from app.benchmarks.verdict.rule import Margin


@dataclass(frozen=True)
class Question:
    """Arms that are not named are chosen on validation."""

    custom: str | None = None
    general: str | None = None
    metrics: tuple[MetricName, ...] = ()  # none: cost where a cost matrix is given, else accuracy
    margin_points: float = 1.0
    margin_money: float | None = None  # per 1,000 cases, for the metric cost
    cost_rule: CostRule | None = None
    costs: Costs | None = None
    recall_floors: Mapping[str, float] = field(default_factory=dict)
    prices: Mapping[str, Price] = field(default_factory=dict)  # "custom", "general", an arm or a model -> what answers cost
    training: Training | None = None
    currency: str = ""  # of prices; none: money is not asked about
    cascade: bool = False
    every_pair: bool = False  # all arms of the run against each other, beside the two that are decided on

    @property
    def decided_by(self) -> tuple[MetricName, ...]:
        return self.metrics or (("cost",) if self.costs else ("accuracy",))

    @property
    def margin(self) -> Margin:
        return Margin(self.margin_points, self.margin_money, self.costs.currency if self.costs else "")


@dataclass(frozen=True)
class Setting:
    """The question with the task's labels, its costs as a (K, K + 1) table, and what each arm costs to run."""

    question: Question
    labels: Sequence[str]
    table: Floats | None
    spent: Mapping[str, Spending | str]
    seed: int

    def differences(self, first: ArmResult, second: ArmResult) -> list[Difference]:
        """One for each metric that decides."""
        return [self._difference(metric, first, second) for metric in self.question.decided_by]

    def quality(self, arm: ArmResult) -> float:
        """By the first metric that decides; higher is better, in the unit of its margin."""
        metric = self.question.decided_by[0]
        if metric == "accuracy":
            return accuracy(arm.gold, arm.predicted)
        if metric == "macro_f1":
            return macro_f1(arm.gold, arm.predicted, self.labels)
        assert self.table is not None
        return -PER * float(case_costs(arm, self.table, self.labels).mean())

    def _difference(self, metric: MetricName, first: ArmResult, second: ArmResult) -> Difference:
        if metric == "accuracy":
            return accuracy_difference(first, second)
        if metric == "macro_f1":
            return macro_f1_difference(first, second, self.labels, seed=self.seed)
        assert self.table is not None
        assert self.question.costs is not None
        return cost_difference(first, second, self.labels, self.table, self.question.costs.currency, seed=self.seed)
