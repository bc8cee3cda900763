"""Benchmark tasks: dataset, instruction, labels and metrics, as TOML files; any uploaded dataset is a task of its own name."""

import asyncio
import time
import tomllib
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.benchmarks import store
from app.catalog.prompts import DEFAULT_INSTRUCTION
from app.database.session import Database, Session, transaction
from app.datasets.kinds import require_classification
from app.datasets.splits import LabelledRow, Split
from app.datasets.store import create_dataset
from app.errors import InvalidRequest, NotFound
from app.inference.tasks import TaskPrompt

Label = Annotated[str, StringConstraints(min_length=1)]

_FRESH_S = 5.0  # how long a look-up of an uploaded dataset's labels is remembered


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DomainSource(_Part):
    """Rows that a built-in domain generates: the same numbers, the same rows."""

    domain: str = Field(description="name in app.domains.registry")
    seed: int = Field(0, ge=0)
    train: int = Field(ge=1, description="rows")
    validation: int = Field(ge=1, description="rows")
    test: int = Field(ge=1, description="rows")
    revision: int = Field(1, ge=1, description="of the generator: raised when the same numbers give other rows")

    def __str__(self) -> str:
        sizes = f"{self.train}/{self.validation}/{self.test} rows"
        return f"domain {self.domain}, revision {self.revision}, seed {self.seed}, {sizes}"


class Task(_Part):
    """One classification benchmark."""

    name: str
    title: str
    dataset: str = Field(description="name of the dataset; its newest version is used")
    instruction: str = Field(DEFAULT_INSTRUCTION, description="what a model that was not trained for the task is told")
    labels: tuple[Label, ...] = Field(min_length=2, description="all answers there are")
    metrics: tuple[Literal["accuracy", "macro_f1", "consistency", "latency"], ...] = (
        "accuracy",
        "macro_f1",
        "consistency",
        "latency",
    )
    few_shot: int = Field(64, ge=0, description="most examples in a few-shot prompt; how many is chosen on validation")
    repeats: int = Field(5, ge=0, description="fresh sampled calls per consistency case")
    rewordings: int = Field(3, ge=0, le=3, description="rewordings per consistency case")
    source: DomainSource | None = Field(None, description="where a built-in task's rows come from; none: uploaded")


@cache
def built_in() -> dict[str, Task]:
    """The tasks that ship with Versus, by name."""
    folder = files("app.benchmarks").joinpath("tasks")
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    tasks = [Task.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))) for file in found]
    return {task.name: task for task in tasks}


def uploaded(dataset: str, labels: tuple[str, ...]) -> Task:
    """The task that a dataset is by itself."""
    return Task(name=dataset, title=f"Labels of {dataset}", dataset=dataset, labels=labels)


async def find_task(session: Session, name: str) -> Task:
    """Raises NotFound that lists the tasks there are, InvalidRequest for a dataset without labels."""
    if task := built_in().get(name):
        return task
    dataset = await store.newest_dataset(session, name)
    if dataset is not None:
        require_classification(dataset, "A benchmark")
    if dataset is None or len(dataset.labels) < 2:
        known = ", ".join(task.name for task in await list_tasks(session))
        raise NotFound(f"There is no task named {name!r}. Tasks: {known}. Upload a dataset of that name to make it one.")
    return uploaded(dataset.name, tuple(dataset.labels))


async def list_tasks(session: Session) -> list[Task]:
    """Built-in tasks, then uploaded datasets by name."""
    datasets = await store.newest_datasets(session)
    return [
        *built_in().values(),
        *(
            uploaded(dataset.name, tuple(dataset.labels))
            for dataset in datasets
            if len(dataset.labels) >= 2 and not any(task.dataset == dataset.name for task in built_in().values())
        ),
    ]


async def dataset_of(database: Database, task: Task) -> store.Data:
    """The dataset version a run of `task` uses now; a built-in one is made at its first use."""
    async with transaction(database) as session:
        dataset = await store.newest_dataset(session, task.dataset, source=str(task.source) if task.source else None)
        if dataset is not None:
            return store.data_of(dataset)
    if task.source is None:
        raise NotFound(f"Task {task.name!r} has no dataset named {task.dataset!r}; upload it with POST /v1/datasets.")
    rows = await asyncio.to_thread(_generate, task.source)
    if strangers := {row.label for row in rows} - set(task.labels):
        raise InvalidRequest(f"Task {task.name!r} does not know the labels {', '.join(sorted(strangers))} of its dataset.")
    async with transaction(database) as session:
        dataset = await create_dataset(
            session,
            name=task.dataset,
            source=str(task.source),
            text_column="text",
            label_column="label",
            split={"strategy": "generated", "seed": task.source.seed},
            rows=rows,
            notes=[],
        )
        return store.data_of(dataset)


def _generate(source: DomainSource) -> list[LabelledRow]:
    from app.domains.registry import dataset_rows

    rows = dataset_rows(source.domain, source.seed, source.train, source.validation, source.test)
    return [LabelledRow(cast("Split", split), text, label) for split, text, label in rows]


class Tasks:
    """Tells the inference routes how a task is put to a model that was not trained for it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._remembered: dict[str, tuple[float, TaskPrompt | None]] = {}

    async def prompt_for(self, task: str) -> TaskPrompt | None:
        """None for a task that is not known."""
        if known := built_in().get(task):
            return _prompt(known)
        at, prompt = self._remembered.get(task, (-_FRESH_S, None))
        if time.monotonic() - at > _FRESH_S:
            try:
                async with transaction(self._database) as session:
                    prompt = _prompt(await find_task(session, task))
            except NotFound:
                # Not remembered: any name may be asked for, and the next upload may be of this one.
                return None
            self._remembered[task] = (time.monotonic(), prompt)
        return prompt


def _prompt(task: Task) -> TaskPrompt:
    return TaskPrompt(name=task.name, instruction=task.instruction, labels=task.labels)
