"""The wire of training runs."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from app.catalog.cards import Name
from app.database.tables import TrainingRun
from app.training.recipe import Method, Options, Recipe, TaskRecipe


class TrainingRunIn(BaseModel):
    """What to make, from what, for what."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field(description="of the variant; a name that exists gets a new version")
    method: Method = "auto"
    base: Annotated[str, Field(min_length=1, max_length=200)] = "general"
    domain: Annotated[str, Field(max_length=200)] = ""
    tasks: list[TaskRecipe] = Field(min_length=1, max_length=20)
    options: Options = Options()

    def recipe(self, base: str, datasets: list[str]) -> Recipe:
        """With the base's version and the datasets' ids, one per task, in place of names."""
        tasks = [task.model_copy(update={"dataset": id}) for task, id in zip(self.tasks, datasets, strict=True)]
        return Recipe(
            name=self.name,
            method=self.method,
            base=base,
            domain=self.domain,
            tasks=tuple(tasks),
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
        description="stage; its step, steps, seconds_left; loss, learning_rate, tokens_per_second, validation (macro-F1)"
    )
    model: str | None = Field(description="name@version, when succeeded")
    error: str | None
    recipe: dict[str, Any]

    @classmethod
    def of(cls, run: TrainingRun) -> Self:
        return cls.model_validate(run, from_attributes=True)


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
