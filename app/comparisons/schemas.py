"""The wire of comparisons."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from app.database.tables import Comparison, ComparisonOutput
from app.inference.fields import Count, Labels, ModelNames, Seed, SomeText, TaskName
from app.inference.schemas import MessageIn, PromptText, SamplingIn
from app.inference.wire import TimingOut, UsageOut


class CompareIn(SamplingIn):
    """`POST /v1/compare`: one of `messages`, `prompt` (taken as it stands), or `input` with `labels` or `task`.
    A task that one of the models was trained to write answers for is put to each in the way that suits it."""

    models: Annotated[ModelNames, Field(min_length=2, description="names or name@version")]
    messages: Annotated[list[MessageIn], Field(min_length=1)] | None = None
    prompt: PromptText | None = None
    input: SomeText | None = Field(default=None, description="a text to classify, or of a task")
    labels: Labels | None = Field(default=None, description="all answers there are; with a task, some of the task's")
    task: TaskName | None = None
    max_tokens: Count | None = Field(default=None, description="256 unless told")
    seed: Seed | None = Field(default=None, description="the same for every model; none: the server draws one")
    stream: bool | None = Field(
        default=None,
        description="server-sent events: delta, the next part of a model's text; output, a model's whole answer; at the end "
        "comparison, the logged whole",
    )
    blind: bool | None = Field(default=None, description="not supported yet")


class ErrorOut(BaseModel):
    """Why one model has no answer."""

    message: str
    type: str
    param: str | None
    code: str | None


class OutputOut(BaseModel):
    """What one model answered: `text`, or `label` with its numbers, or an `error`."""

    model: str
    version: int | None
    digest: str | None
    text: str | None
    label: str | None
    finish_reason: Literal["stop", "length"] | None = None
    probabilities: dict[str, float] | None = None
    label_mass: float | None = None
    margin: float | None = None
    usage: UsageOut | None
    timing: TimingOut | None
    error: ErrorOut | None

    @classmethod
    def of(cls, output: ComparisonOutput) -> Self:
        columns = {name: getattr(output, name) for name in ("model", "version", "digest", "text", "label")}
        return cls.model_validate(
            columns | (output.detail or {}) | {"usage": output.usage, "timing": output.timing, "error": output.error}
        )


class DeltaOut(BaseModel):
    """The next part of one model's text, as a stream's event."""

    index: int = Field(description="of the output")
    model: str
    text: str


class DivergenceOut(BaseModel):
    """The first place where the answers differ."""

    index: int = Field(description="of the word; for labels 0")
    words: list[str | None] = Field(description="one per output; null where the answer had ended, or there is none")


class ComparisonOut(BaseModel):
    """One input given to several models at once, and what each answered, in the order asked."""

    model_config = ConfigDict(extra="forbid")

    id: str
    created_at: datetime
    kind: Literal["generate", "classify"]
    input: dict[str, Any] = Field(description="messages, prompt, or input with labels or task, as they came")
    sampling: dict[str, Any]
    seed: int | None = Field(description="null for labels: scoring draws nothing")
    outputs: list[OutputOut]
    agreement: float | None = Field(description="share of the pairs of answers that agree; null with fewer than two answers")
    first_divergence: DivergenceOut | None = Field(description="null when all agree")

    @classmethod
    def of(cls, comparison: Comparison, outputs: list[ComparisonOutput]) -> Self:
        names = ("id", "created_at", "kind", "input", "sampling", "seed", "agreement", "first_divergence")
        columns = {name: getattr(comparison, name) for name in names}
        return cls.model_validate(columns | {"outputs": [OutputOut.of(output) for output in outputs]})


class ComparisonListOut(BaseModel):
    """Comparisons, newest first."""

    data: list[ComparisonOut]
    next_cursor: str | None
