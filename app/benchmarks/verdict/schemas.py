"""The wire of verdicts."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.benchmarks.economics import Money, Price, Training
from app.benchmarks.verdict.cheaper import CostRule
from app.benchmarks.verdict.costs import Costs, Currency
from app.benchmarks.verdict.differences import MetricName
from app.benchmarks.verdict.question import Question
from app.database.tables import StoredVerdict

ArmName = Annotated[str, Field(min_length=1, max_length=200)]
Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]  # 1 cannot be shown by any number of cases


class VerdictIn(BaseModel):
    """What is asked of a finished run; only the run is needed."""

    model_config = ConfigDict(extra="forbid")

    run: str = Field(min_length=1, max_length=64, description="id of a run that succeeded")
    custom: ArmName | None = Field(default=None, description="arm; by default the custom arm that did best on validation")
    general: ArmName | None = Field(default=None, description="arm; by default the general arm that did best on validation")
    metrics: list[MetricName] = Field(
        default_factory=list,
        max_length=3,
        description="that decide; by default cost where costs are given, else accuracy, or the main metric of the kind",
    )
    margin_points: float = Field(
        default=1.0, ge=0, le=100, allow_inf_nan=False, description='points of accuracy or macro-F1 that count as "not worse"'
    )
    margin_money: Money | None = Field(default=None, description="the same for cost: money per 1,000 cases; by default nothing")
    cost_rule: CostRule | None = Field(
        default=None, description="by which the cheaper arm is told; by default money where prices are given, latency, bytes"
    )
    costs: Costs | None = Field(default=None, description="what mistakes cost: money per confusion cell")
    recall_floors: dict[str, Share] = Field(default_factory=dict, description="label -> share of its cases that must be found")
    prices: dict[str, Price] = Field(
        default_factory=dict, description='"custom", "general", an arm or a model -> what its answers cost; else its card tells'
    )
    training: Training | None = Field(default=None, description="what the custom model cost once, for the break-even")
    currency: Currency = Field(default="USD", description="of all prices")
    cascade: bool = Field(
        default=True, description="whether both models together are tried, where validation says it is worth it"
    )
    every_pair: bool = Field(default=False, description="also all arms against each other, adjusted together (Holm)")
    seed: int = Field(default=0, ge=0, lt=2**31, description="of every resample")

    @field_validator("metrics")
    @classmethod
    def _once_each(cls, metrics: list[MetricName]) -> list[MetricName]:
        if len(set(metrics)) < len(metrics):
            raise ValueError("names one metric twice; name each once")
        return metrics

    def question(self, listed: dict[str, Price]) -> Question:
        """listed: arm -> price as its card tells; a price of the request goes before it."""
        return Question(
            custom=self.custom,
            general=self.general,
            metrics=tuple(self.metrics),
            margin_points=self.margin_points,
            margin_money=self.margin_money,
            cost_rule=self.cost_rule,
            costs=self.costs,
            recall_floors=self.recall_floors,
            prices=listed | self.prices,
            training=self.training,
            currency=self.currency,
            cascade=self.cascade,
            every_pair=self.every_pair,
        )


class VerdictOut(BaseModel):
    """A verdict: the decision, the rule, and the numbers behind it."""

    id: str
    created_at: datetime
    run_id: str
    decision: str = Field(description="custom, general, cascade, or not enough evidence")
    sentence: str
    request: dict[str, Any]
    verdict: dict[str, Any] | None = Field(
        description="rule, reason, paired differences, floors, cascade, economics; null in lists"
    )

    @classmethod
    def of(cls, stored: StoredVerdict) -> Self:
        return cls.model_validate(stored, from_attributes=True)


class VerdictListOut(BaseModel):
    """Verdicts, newest first; their numbers are left out."""

    data: list[VerdictOut]
    next_cursor: str | None
