"""The wire of training runs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.catalog.cards import NewName, TaskKind
from app.database.tables import TrainingRun
from app.jobs.names import TRAINING_GPU_QUEUE, TRAINING_QUEUE
from app.training.recipe import Method, Options, Recipe, TaskRecipe, check


class TrainingRunIn(BaseModel):
    """What to make, from what, for what."""

    model_config = ConfigDict(extra="forbid")

    name: NewName = Field(description="of the variant; a name that exists gets a new version")
    method: Method = "auto"
    base: Annotated[str, Field(min_length=1, max_length=200)] = "general"
    domain: Annotated[str, Field(max_length=200)] = ""
    tasks: list[TaskRecipe] = Field(min_length=1, max_length=20)
    texts: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        default=[],
        max_length=20,
        description="scratch, vocabulary: datasets of any kind, whose training texts are read before the task, beside its own",
    )
    options: Options = Options()
    gpu: bool = Field(default=False, description="only a worker with a GPU may take it")

    @property
    def queue(self) -> str:
        return TRAINING_GPU_QUEUE if self.gpu else TRAINING_QUEUE

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        check(self.method, self.tasks, self.texts, self.options)
        return self

    def recipe(self, base: str, tasks: Sequence[TaskRecipe], texts: list[str]) -> Recipe:
        """With the base's version, and datasets' ids in `tasks` and `texts`, in place of names."""
        return Recipe(
            name=self.name,
            method=self.method,
            base=base,
            domain=self.domain,
            tasks=tuple(tasks),
            texts=tuple(texts),
            **self.options.model_dump(exclude_unset=True),
        )


class TrainingRunOut(BaseModel):
    """A training run and how far it is."""

    id: str
    created_at: datetime
    updated_at: datetime
    name: str
    status: str = Field(description="queued, running, succeeded, failed or cancelled")
    progress: dict[str, Any] = Field(
        description="stage; its step, steps, seconds_left; loss, learning_rate, tokens_per_second, validation (macro-F1); "
        "rows_left_out, longer than the context"
    )
    model: str | None = Field(description="name@version, when succeeded")
    error: str | None
    recipe: dict[str, Any]
    queue: str = Field(description="of the workers that may take it: training, or training-gpu")
    waiting: str | None = Field(default=None, description="why a queued run does not begin, where no worker that takes it runs")

    @classmethod
    def of(cls, run: TrainingRun, waiting: str | None = None) -> Self:
        return cls.model_validate(run, from_attributes=True).model_copy(update={"waiting": waiting})


class TrainingRunListOut(BaseModel):
    """Training runs, newest first."""

    data: list[TrainingRunOut]
    next_cursor: str | None


class TrainingEventOut(BaseModel):
    """One change of a training run."""

    id: str
    status: str
    progress: dict[str, Any]
    model: str | None
    error: str | None


class TaskRowsOut(BaseModel):
    """The rows of one task as a training would see them."""

    name: str
    kind: TaskKind = "classification"
    labels: int = Field(description="0 where answers are no labels")
    fields: list[str] = Field(default=[], description="extraction: their names, in the order in which they are written")
    train: int
    validation: int
    left_out: int = Field(description="rows that are longer than the context, with their answer")


class EstimateOut(BaseModel):
    """What a training would be; nothing was started."""

    method: Method
    base: str
    tasks: list[TaskRowsOut]
    context: int = Field(description="most tokens of a row, prompt and answer together")
    tokens: int = Field(description="that the task's steps would see, repeats counted, padding not")
    refit_tokens: int = Field(
        default=0, description="of these, the refit's; fewer, as its steps, where the best weights come before the last step"
    )
    language_tokens: int = Field(description="scratch, vocabulary: tokens read before the task, by the base's tokenizer")
    padding: float = Field(description="share of the tokens of the steps that is padding")
    steps: int
    minutes: float | None = Field(
        description="by earlier trainings of this method and base, and at most the recipe's minutes; null: nothing is known"
    )
    memory_bytes: int = Field(description="at most at one time, beyond that of the worker itself")
    memory_free_bytes: int | None = Field(description="on the machine of the service; null: it does not tell")
    disk_bytes: int = Field(description="at most at one time, checkpoints and the finished model")
    disk_free_bytes: int = Field(description="where the service keeps its data")
    refused: str | None = Field(description="why it would not fit the machine of the service; null: it would")
