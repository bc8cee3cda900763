"""Which benchmark tasks there are: those that ship as TOML files, users' own, and each uploaded dataset by itself."""

import asyncio
import time
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, cast

from app.benchmarks import store
from app.benchmarks.definition import DomainSource, Task
from app.benchmarks.fit import check_against
from app.catalog.templates import read_template
from app.database.session import Database, Session, transaction
from app.datasets.kinds import ROLES, require_classification
from app.datasets.splits import LabelledRow, Split
from app.datasets.store import create_dataset
from app.errors import InvalidRequest, NotFound
from app.inference.tasks import TaskPrompt

Origin = Literal["built-in", "user", "dataset"]

_FRESH_S = 5.0  # how long a look-up of a task that does not ship with Versus is remembered


@dataclass(frozen=True)
class Known:
    """A task, where it is from, and which version it is: only users' tasks have versions."""

    task: Task
    origin: Origin
    version: int | None = None

    @property
    def reference(self) -> str:
        """What names this very definition."""
        return self.task.name if self.version is None else f"{self.task.name}@{self.version}"


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


# ---- Looking up


async def find(session: Session, name: str) -> Known:
    """`name`, or name@version of a user's task. Raises NotFound that lists the tasks there are, InvalidRequest for a dataset
    that is no task by itself."""
    if task := built_in().get(name):
        return Known(task, "built-in")
    if not name.isprintable():  # PostgreSQL refuses to look for a NUL
        raise NotFound("There is no task of that name. GET /v1/benchmarks lists all.", param="task")
    plain, at, version = name.partition("@")
    if at and not (version.isascii() and version.isdecimal() and len(version) < 10):
        raise NotFound(f"{name!r} names no version of a task; write name@2, or the name alone for the newest.", param="task")
    if (own := await store.find_task(session, plain, int(version) if at else None)) is not None:
        return Known(Task.model_validate(own.definition), "user", own.version)
    dataset = None if at else await store.newest_dataset(session, name)
    if dataset is not None:
        require_classification(dataset, "A benchmark of a dataset alone")
    if dataset is None or len(dataset.labels) < 2:
        known = ", ".join(one.task.name for one in await find_all(session))
        raise NotFound(f"There is no task named {name!r}. Tasks: {known}. Upload a dataset of that name to make it one.")
    return Known(uploaded(dataset.name, tuple(dataset.labels)), "dataset")


async def find_task(session: Session, name: str) -> Task:
    """Raises as `find`."""
    return (await find(session, name)).task


async def find_all(session: Session) -> list[Known]:
    """Built-in tasks, then users' newest versions, then uploaded datasets, each by name."""
    own = {one.name: one for one in await store.newest_tasks(session)}
    taken = {*own, *(task.dataset for task in built_in().values())}
    return [
        *(Known(task, "built-in") for task in built_in().values()),
        *(Known(Task.model_validate(one.definition), "user", one.version) for one in own.values()),
        *(
            Known(uploaded(dataset.name, tuple(dataset.labels)), "dataset")
            for dataset in await store.newest_datasets(session)
            if len(dataset.labels) >= 2 and dataset.name not in taken
        ),
    ]


async def list_tasks(session: Session) -> list[Task]:
    """The tasks of `find_all`."""
    return [one.task for one in await find_all(session)]


# ---- The data of a task


async def dataset_of(database: Database, task: Task) -> store.Data:
    """The dataset version a run of `task` uses now; a built-in one is made at its first use."""
    async with transaction(database) as session:
        dataset = await store.newest_dataset(session, task.dataset, source=str(task.source) if task.source else None)
        if dataset is not None:
            check_against(task, dataset)
            return store.data_of(dataset)
    if task.source is None:
        raise NotFound(f"Task {task.name!r} has no dataset named {task.dataset!r}; upload it with POST /v1/datasets.")
    from app.domains.registry import DOMAINS

    kind = DOMAINS[task.source.domain].kind
    rows = await asyncio.to_thread(_generate, task.source)
    if strangers := {row.label for row in rows} - set(task.labels) if task.labels else set():
        raise InvalidRequest(f"Task {task.name!r} does not know the labels {', '.join(sorted(strangers))} of its dataset.")
    async with transaction(database) as session:
        dataset = await create_dataset(
            session,
            name=task.dataset,
            source=str(task.source),
            kind=kind,
            text_column="text",
            label_column="".join(ROLES[kind][1:]),
            split={"strategy": "generated", "seed": task.source.seed},
            rows=rows,
            notes=[],
        )
        return store.data_of(dataset)


def _generate(source: DomainSource) -> list[LabelledRow]:
    from app.domains.registry import dataset_rows

    rows = dataset_rows(source.domain, source.seed, source.train, source.validation, source.test)
    return [LabelledRow(cast("Split", split), text, label) for split, text, label in rows]


# ---- How a task is put


class Tasks:
    """Tells the inference routes how a task is put to a model that was not trained for it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._remembered: dict[str, tuple[float, TaskPrompt]] = {}

    async def prompt_for(self, task: str) -> TaskPrompt | None:
        """None for a task that is not known."""
        if known := built_in().get(task):
            return _prompt(known)
        at, prompt = self._remembered.get(task, (-_FRESH_S, None))
        if prompt is None or time.monotonic() - at > _FRESH_S:
            try:
                async with transaction(self._database) as session:
                    prompt = _prompt(await find_task(session, task))
            except NotFound:
                # Not remembered: any name may be asked for, and the next upload may be of this one.
                return None
            self._remembered[task] = (time.monotonic(), prompt)
        return prompt


def _prompt(task: Task) -> TaskPrompt:
    return TaskPrompt(
        name=task.name,
        kind=task.kind,
        instruction=task.instruction,
        labels=task.labels,
        fields=task.fields,
        template=None if task.prompt is None else read_template(task.prompt),
    )
