"""The wire of scorecards."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from app.benchmarks.schemas import Status
from app.database.tables import Scorecard

Name = Annotated[str, Field(min_length=1, max_length=200)]


class ScorecardIn(BaseModel):
    """Which pair, on which task, and how thoroughly. Runs that are not given are started."""

    model_config = ConfigDict(extra="forbid")

    general: Name | None = Field(default=None, description="name or name@version; the default general model unless told")
    custom: Name = Field(description="name or name@version")
    task: Name = Field(description="a benchmark task: its test texts are the domain")
    run: Name | None = Field(default=None, description="a benchmark run of both on the task; started unless told")
    rules_task: Name = Field(default="house-rules", description="a task of requests that rules allow or forbid")
    rules_run: Name | None = Field(default=None, description="a benchmark run of both on rules_task; started unless told")
    refusals: list[Name] = Field(
        default=["refuse"], min_length=1, max_length=100, description="labels of rules_task that refuse"
    )
    limit: int | None = Field(default=300, ge=10, description="test cases of a run that is started; null: all")
    validation_cases: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description="of a run that is started: on which the ways to ask general are chosen between",
    )
    texts: int = Field(default=80, ge=10, le=2000, description="texts of the domain, and at most so many general ones")
    general_texts: Name | None = Field(
        default=None, description="dataset of general texts, by name or id; 40 passages of everyday prose unless told"
    )
    jargon: int = Field(default=60, ge=10, le=1000, description="most words of the domain that probes are mined for")
    per_kind: int = Field(default=12, ge=2, le=200, description="cases of each kind of general task")
    margin_points: float = Field(default=5.0, gt=0, le=100, description="loss on general tasks that still counts as retained")
    price_per_hour: float | None = Field(
        default=None, gt=0, le=1e12, description="of the machine that serves models without a price per token, US dollars"
    )
    seed: int = Field(default=0, ge=0, lt=2**31, description="of every sample")


class ScorecardOut(BaseModel):
    """A scorecard, its progress, and its result when done."""

    id: str
    created_at: datetime
    updated_at: datetime
    task: str
    status: Status
    progress: dict[str, Any] = Field(description="done and total steps, and the one at work")
    config: dict[str, Any]
    result: dict[str, Any] | None
    error: str | None

    @classmethod
    def of(cls, scorecard: Scorecard) -> Self:
        return cls.model_validate(scorecard, from_attributes=True)


class ScorecardListOut(BaseModel):
    """Scorecards, newest first; their results are left out."""

    data: list[ScorecardOut]
    next_cursor: str | None
