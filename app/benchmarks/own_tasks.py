"""Tasks that users define: checked against their data, kept as versions that never change, removed."""

from app.benchmarks import store
from app.benchmarks.definition import Task
from app.benchmarks.fit import check_against, check_source
from app.benchmarks.tasks import Known, built_in, find
from app.database.session import Session
from app.database.tables import Dataset
from app.errors import Conflict, InvalidRequest


async def define(session: Session, task: Task) -> tuple[Known, bool]:
    """The next version of a user's task, and whether it was made now: the very same definition stays the version it is.

    Raises as `checked_dataset`."""
    await checked_dataset(session, task)
    own, is_new = await store.add_task(session, task.name, task.digest, task.model_dump(mode="json", exclude_defaults=True))
    return Known(task, "user", own.version), is_new


async def checked_dataset(session: Session, task: Task) -> Dataset | None:
    """The dataset that a task of a user's is about; None where a domain generates it.

    Raises Conflict for a built-in name, InvalidRequest that names the field for what is not there."""
    if task.name in built_in():
        raise Conflict(f"{task.name!r} ships with Versus and cannot be changed; choose another name.", param="name")
    if task.source is not None:
        check_source(task)
        return None
    dataset = await store.newest_dataset(session, task.dataset)
    if dataset is None:
        raise InvalidRequest(
            f"There is no dataset named {task.dataset!r}; upload it with POST /v1/datasets first.", param="dataset"
        )
    check_against(task, dataset)
    training = await store.train_rows(session, dataset.id, task.examples.rows)
    if strangers := [row for row in task.examples.rows if row not in training]:
        raise InvalidRequest(
            f"Row {strangers[0]} of dataset {dataset.name!r} is not there or not for training, so it cannot be an example; "
            f"GET /v1/datasets/{dataset.name}/rows?split=train numbers those that can.",
            param="examples",
        )
    return dataset


async def remove(session: Session, name: str) -> None:
    """All versions of a user's task. Raises Conflict for one that is no user's, or that an unfinished run uses, NotFound."""
    found = await find(session, name.partition("@")[0])
    if found.origin == "built-in":
        raise Conflict(f"{name!r} ships with Versus and cannot be removed.")
    if found.origin == "dataset":
        raise Conflict(f"{name!r} is a dataset, which is a task by itself; there is no definition of it to remove.")
    if "@" in name:
        raise Conflict(f"Versions are not removed alone: what has run keeps them. Remove {found.task.name!r} with all of them.")
    if runs := await store.unfinished_runs(session, name):
        raise Conflict(f"{name!r} is used by {', '.join(runs)}; wait for the end of that, or cancel it.")
    await store.remove_task(session, name)
