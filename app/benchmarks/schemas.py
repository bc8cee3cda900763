"""The wire of benchmarks and runs."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.benchmarks.definition import Task
from app.benchmarks.tasks import Known, Origin
from app.database.tables import Prediction, Run

BaselineName = Literal["majority", "tfidf-logistic", "frequent-values", "nearest-question", "lead", "byte-ngrams"]
Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class RunIn(BaseModel):
    """What to compare, and how thoroughly."""

    model_config = ConfigDict(extra="forbid")

    models: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        min_length=1, max_length=20, description="names or name@version; the newest version of a name is fixed now"
    )
    baselines: list[BaselineName] | None = Field(
        default=None,
        description="what needs no language model, beside them: majority and tfidf-logistic where answers are labels, "
        "frequent-values for extraction, nearest-question for qa, lead for summarisation, byte-ngrams for perplexity; "
        "none told: all of the task's kind",
    )
    few_shot: bool = Field(default=True, description="each general model also with examples from the training split")
    limit: int | None = Field(default=None, ge=1, description="at most so many test cases: a seeded stratified sample")
    repeats: int | None = Field(
        default=None, ge=0, le=100, description="fresh sampled calls per consistency case; default: the task's"
    )
    rewordings: int | None = Field(default=None, ge=0, le=3, description="rewordings per consistency case; default: the task's")
    consistency_cases: int = Field(default=60, ge=0, le=10_000, description="cases that are repeated and reworded")
    validation_cases: int = Field(
        default=100, ge=1, le=10_000, description="validation cases on which arms of one kind are chosen between"
    )
    concurrency: int = Field(default=4, ge=1, le=256, description="requests in flight while throughput is measured")
    texts_per_request: int = Field(
        default=16,
        ge=1,
        le=256,
        description="most cases that share a request where labels are scored and none is timed alone; a slow model gets fewer",
    )
    probabilities: bool = Field(
        default=True,
        description="false: only the best label of each case is computed, which is faster where labels are many; there is then "
        "nothing to tell calibration by",
    )
    margin_points: float = Field(default=1.0, gt=0, le=100, description='points of accuracy that still count as "not worse"')
    seed: int = Field(default=0, ge=0, lt=2**31, description="of every sample and every sampled call")

    @field_validator("repeats")
    @classmethod
    def _agreement_needs_two(cls, repeats: int | None) -> int | None:
        if repeats == 1:
            raise ValueError("one call agrees with itself and tells nothing; ask for 0 or at least 2")
        return repeats

    @field_validator("models", "baselines")
    @classmethod
    def _once_each(cls, names: list[str] | None) -> list[str] | None:
        if names and len(set(names)) < len(names):
            raise ValueError("names one arm twice; name each once")
        return names


class TaskOut(Task):
    """A benchmark task, and where it is from."""

    origin: Origin
    built_in: bool = Field(description="ships with Versus")
    version: int | None = Field(description="of a user's task: name@version names it for ever; null for the others")
    sha256: str = Field(description="over the definition")

    @classmethod
    def of(cls, known: Known) -> Self:
        task = known.task
        return cls(
            **dict(task),
            origin=known.origin,
            built_in=known.origin == "built-in",
            version=known.version,
            sha256=task.digest,
        )


class TaskListOut(BaseModel):
    """All tasks: the built-in ones, then users', then datasets by themselves."""

    data: list[TaskOut]


class RunOut(BaseModel):
    """A run, its progress, and its summary when done."""

    id: str
    created_at: datetime
    updated_at: datetime
    task: str
    dataset_id: str | None
    status: str
    progress: dict[str, Any] = Field(description="done and total answers, the arm at work, seconds_left (an estimate, or null)")
    config: dict[str, Any]
    summary: dict[str, Any] | None
    error: str | None

    @classmethod
    def of(cls, run: Run) -> Self:
        return cls.model_validate(run, from_attributes=True)


class RunListOut(BaseModel):
    """Runs, newest first; their summaries are left out."""

    data: list[RunOut]
    next_cursor: str | None


class RangeOut(BaseModel):
    """From, to: how many examples a few-shot arm shows is chosen during the run."""

    low: float
    high: float


class ArmEstimateOut(BaseModel):
    """What one model arm would take; null with a note that says why where that cannot be told."""

    arm: str
    model: str
    calls: int = Field(description="answers: cases times conditions, validation included")
    prompt_tokens: RangeOut | None = Field(description="by the model's tokenizer on `sampled` cases")
    answer_tokens: RangeOut | None
    seconds: RangeOut | None = Field(description="by a few timed calls, without HTTP")
    money: RangeOut | None
    currency: str | None
    notes: list[str]


class RunEstimateOut(BaseModel):
    """What a run would be. Nothing was started; each arm really answered a few cases."""

    task: str
    dataset: str
    test_cases: int
    validation_cases: int
    sampled: int = Field(description="test cases that each arm answered for this")
    arms: list[ArmEstimateOut]
    calls: int
    seconds: RangeOut | None = Field(description="of all arms, one after another; null when it is not known of each")
    notes: list[str]


class EventOut(BaseModel):
    """One step of a run's progress."""

    id: str
    status: str
    progress: dict[str, Any]
    error: str | None


class PredictionOut(BaseModel):
    """One arm's answer to one case under one condition."""

    arm: str
    case_id: int
    condition: str
    gold: str
    label: str | None
    probabilities: dict[str, float] | None
    label_mass: float | None
    label_tokens: dict[str, int] | None = Field(default=None, description="of each label, the end of the answer included")
    calibration_temperature: float | None = Field(default=None, description="by which the log-likelihoods were divided")
    text: str | None = Field(description="what the model said before it was read as a label; null where labels were scored")
    bits: float | None = Field(default=None, description="of a text that was read (perplexity): -log2 of its likelihood")
    prompt_sha256: str | None = Field(
        default=None, description="of the user turn as the model saw it: the same hash, the same question"
    )
    seed: int | None = Field(default=None, description="of a generated answer")
    prompt_tokens: int | None
    completion_tokens: int | None
    latency_ms: float | None = Field(description="over HTTP; null where other cases shared the request")
    queue_ms: float | None = Field(default=None, description="of that, waiting for the engine")
    ttft_ms: float | None = Field(default=None, description="from there to the first token; null where labels were scored")
    engine_ms: float | None = Field(default=None, description="in the engine, waiting included")
    digest: str | None
    error: str | None = Field(description="why there is no answer; the case then counts as wrong")
    error_code: str | None = Field(default=None, description="arm_given_up: it was not asked, after many errors in a row")

    @classmethod
    def of(cls, prediction: Prediction) -> Self:
        return cls.model_validate(prediction, from_attributes=True)


class PredictionListOut(BaseModel):
    """Predictions in the order of arm, condition and case."""

    data: list[PredictionOut]
    next_cursor: str | None
