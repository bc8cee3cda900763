"""Runs and their predictions in SQL."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from app.database.base import new_id, now
from app.database.tables import BenchmarkTask, Dataset, DatasetRow, Prediction, Run
from app.errors import InvalidRequest, NotFound

UNFINISHED = ("queued", "running")


# ---- Datasets


@dataclass(frozen=True)
class Data:
    """A dataset version, as a run needs it. `counts`: split -> label -> rows. `sizes`: split -> rows."""

    id: str
    name: str
    version: int
    sha256: str
    labels: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]
    sizes: Mapping[str, int]


def data_of(dataset: Dataset) -> Data:
    sizes = dataset.sizes or {split: sum(labels.values()) for split, labels in dataset.counts.items()}
    return Data(dataset.id, dataset.name, dataset.version, dataset.sha256, tuple(dataset.labels), dataset.counts, sizes)


async def newest_dataset(session: AsyncSession, name: str, source: str | None = None) -> Dataset | None:
    """The newest version of `name`, or of those that come from `source`."""
    query = select(Dataset).where(Dataset.name == name).order_by(Dataset.version.desc()).limit(1)
    found: Dataset | None = await session.scalar(query if source is None else query.where(Dataset.source == source))
    return found


async def newest_datasets(session: AsyncSession) -> list[Dataset]:
    """The newest version of each name, by name."""
    newest = select(Dataset.name, func.max(Dataset.version)).group_by(Dataset.name)
    found = await session.scalars(
        select(Dataset).where(tuple_(Dataset.name, Dataset.version).in_(newest)).order_by(Dataset.name)
    )
    return list(found)


async def dataset_by_id(session: AsyncSession, dataset_id: str) -> Dataset | None:
    return await session.get(Dataset, dataset_id)


async def rows(session: AsyncSession, dataset_id: str) -> list[tuple[int, str, str, str]]:
    """(position, split, text, label) of every row."""
    query = select(DatasetRow.position, DatasetRow.split, DatasetRow.text, DatasetRow.label)
    found = await session.execute(query.where(DatasetRow.dataset_id == dataset_id).order_by(DatasetRow.position))
    return [(position, split, text, label) for position, split, text, label in found]


async def texts(session: AsyncSession, dataset_id: str, positions: Sequence[int]) -> dict[int, str]:
    """Texts of a few rows, by position."""
    query = select(DatasetRow.position, DatasetRow.text).where(
        DatasetRow.dataset_id == dataset_id, DatasetRow.position.in_(positions)
    )
    return {row.position: row.text for row in await session.execute(query)}


async def train_rows(session: AsyncSession, dataset_id: str, positions: Sequence[int]) -> set[int]:
    """Those of the positions that are rows for training."""
    query = select(DatasetRow.position).where(DatasetRow.dataset_id == dataset_id, DatasetRow.split == "train")
    return set(await session.scalars(query.where(DatasetRow.position.in_(positions)))) if positions else set()


async def kept_columns(session: AsyncSession, dataset_id: str, *splits: str) -> dict[int, dict[str, str]]:
    """Position of each row of some splits -> its kept columns; nothing for a dataset that keeps none."""
    query = select(DatasetRow.position, DatasetRow.columns).where(DatasetRow.dataset_id == dataset_id)
    found = await session.execute(query.where(DatasetRow.split.in_(splits), DatasetRow.columns.is_not(None)))
    return {row.position: row.columns for row in found}


# ---- Tasks that users define


async def find_task(session: AsyncSession, name: str, version: int | None = None) -> BenchmarkTask | None:
    """The newest version of `name` that is not removed, or the version told, removed or not."""
    query = select(BenchmarkTask).where(BenchmarkTask.name == name)
    if version is None:
        query = query.where(BenchmarkTask.removed_at.is_(None)).order_by(BenchmarkTask.version.desc()).limit(1)
    else:
        query = query.where(BenchmarkTask.version == version)
    found: BenchmarkTask | None = await session.scalar(query)
    return found


async def newest_tasks(session: AsyncSession) -> list[BenchmarkTask]:
    """The newest version of each name that is not removed, by name."""
    there = BenchmarkTask.removed_at.is_(None)
    newest = select(BenchmarkTask.name, func.max(BenchmarkTask.version)).where(there).group_by(BenchmarkTask.name)
    key = tuple_(BenchmarkTask.name, BenchmarkTask.version)
    return list(await session.scalars(select(BenchmarkTask).where(key.in_(newest)).order_by(BenchmarkTask.name)))


async def add_task(session: AsyncSession, name: str, sha256: str, definition: Mapping[str, Any]) -> tuple[BenchmarkTask, bool]:
    """The next version of `name`, and whether it was made now: not where the newest one says the same."""
    if session.get_bind().dialect.name == "postgresql":
        # Two definitions of one name wait for each other; SQLite has one writer at a time anyway.
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"task {name}", 0))))
    known = await find_task(session, name)
    if known is not None and known.sha256 == sha256:
        return known, False
    newest = await session.scalar(select(func.max(BenchmarkTask.version)).where(BenchmarkTask.name == name))
    task = BenchmarkTask(
        id=new_id("task"),
        created_at=now(),
        removed_at=None,
        name=name,
        version=(newest or 0) + 1,
        sha256=sha256,
        definition=dict(definition),
    )
    session.add(task)
    await session.flush()
    return task, True


async def remove_task(session: AsyncSession, name: str) -> None:
    """All versions; their definitions stay for the runs that used them, and their numbers are not given again."""
    there = (BenchmarkTask.name == name, BenchmarkTask.removed_at.is_(None))
    await session.execute(update(BenchmarkTask).where(*there).values(removed_at=now()))


async def unfinished_runs(session: AsyncSession, task: str) -> list[str]:
    """Ids of runs of the task that are queued or running, oldest first."""
    query = select(Run.id).where(Run.task == task, Run.status.in_(UNFINISHED)).order_by(Run.id)
    return list(await session.scalars(query))


# ---- Runs


async def create_run(session: AsyncSession, task: str, dataset_id: str, config: Mapping[str, Any]) -> Run:
    run = Run(
        id=new_id("run"),
        task=task,
        dataset_id=dataset_id,
        config=dict(config),
        status="queued",
        progress={"done": 0, "total": None, "arm": None, "seconds_left": None},
        summary=None,
        error=None,
        created_at=now(),
        updated_at=now(),
    )
    session.add(run)
    await session.flush()
    return run


async def find_run(session: AsyncSession, run_id: str) -> Run:
    """Raises NotFound."""
    run = await session.get(Run, run_id) if run_id.isprintable() else None  # PostgreSQL refuses to look for a NUL
    if run is None:
        raise NotFound(f"There is no run {run_id!r}. GET /v1/runs lists all.")
    return run


async def list_runs(session: AsyncSession, *, task: str | None, cursor: str | None, limit: int) -> tuple[list[Run], str | None]:
    """Newest first, and the cursor of the next page."""
    query = select(Run).order_by(Run.created_at.desc(), Run.id.desc()).limit(limit + 1)
    if task is not None:
        query = query.where(Run.task == task)
    if cursor is not None:
        (last,) = _position(cursor, (str,))
        at = await session.get(Run, last)
        if at is None:
            raise InvalidRequest(_NO_CURSOR, param="cursor")
        query = query.where(tuple_(Run.created_at, Run.id) < tuple_(at.created_at, at.id))
    found = list(await session.scalars(query))
    return found[:limit], _cursor(found[limit - 1].id) if len(found) > limit else None


async def set_status(
    session: AsyncSession, run_id: str, status: str, *, error: str | None = None, summary: Mapping[str, Any] | None = None
) -> bool:
    """False, and nothing changed, when the run is over already: a cancelled run stays cancelled."""
    changed = await session.execute(
        update(Run)
        .where(Run.id == run_id, Run.status.in_(UNFINISHED))
        .values(status=status, error=error, summary=None if summary is None else dict(summary), updated_at=now())
        .returning(Run.id)
    )
    return changed.first() is not None


async def set_progress(session: AsyncSession, run_id: str, progress: Mapping[str, Any]) -> bool:
    """False when the run is over: its worker should stop."""
    changed = await session.execute(
        update(Run)
        .where(Run.id == run_id, Run.status.in_(UNFINISHED))
        .values(progress=dict(progress), updated_at=now())
        .returning(Run.id)
    )
    return changed.first() is not None


# ---- Predictions


async def add_predictions(session: AsyncSession, run_id: str, predictions: Sequence[Mapping[str, Any]]) -> None:
    """Insert or ignore: an answer that is there already stays."""
    if not predictions:
        return
    values = [{"run_id": run_id, **prediction} for prediction in predictions]
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    await session.execute(dialect.insert(Prediction).on_conflict_do_nothing(), values)


async def answered(session: AsyncSession, run_id: str, arm: str, condition: str) -> set[int]:
    """Cases that have their answer under this condition."""
    found = await session.scalars(
        select(Prediction.case_id).where(Prediction.run_id == run_id, Prediction.arm == arm, Prediction.condition == condition)
    )
    return set(found)


async def errors(session: AsyncSession, run_id: str, code: str) -> dict[str, str]:
    """Arm -> an error of this code that it had."""
    query = select(Prediction.arm, func.min(Prediction.error)).group_by(Prediction.arm)
    found = await session.execute(query.where(Prediction.run_id == run_id, Prediction.error_code == code))
    return {arm: error or "" for arm, error in found}


async def count_predictions(session: AsyncSession, run_id: str) -> int:
    return await session.scalar(select(func.count()).select_from(Prediction).where(Prediction.run_id == run_id)) or 0


async def predictions(session: AsyncSession, run_id: str, *, arm: str | None = None) -> list[Prediction]:
    """In the order of arm, condition and case."""
    query = select(Prediction).where(Prediction.run_id == run_id)
    if arm is not None:
        query = query.where(Prediction.arm == arm)
    return list(await session.scalars(query.order_by(Prediction.arm, Prediction.condition, Prediction.case_id)))


async def base_answers(session: AsyncSession, run_id: str, arm: str) -> dict[int, tuple[str, str | None]]:
    """Case -> its gold label and what the arm answered, each asked once."""
    query = select(Prediction.case_id, Prediction.gold, Prediction.label).where(
        Prediction.run_id == run_id, Prediction.arm == arm, Prediction.condition == "base"
    )
    return {case: (gold, label) for case, gold, label in await session.execute(query)}


async def page_predictions(
    session: AsyncSession, run_id: str, *, arm: str | None, condition: str | None, cursor: str | None, limit: int
) -> tuple[list[Prediction], str | None]:
    """One page in the order of arm, condition and case, and the cursor of the next."""
    key = (Prediction.arm, Prediction.condition, Prediction.case_id)
    query = select(Prediction).where(Prediction.run_id == run_id).order_by(*key).limit(limit + 1)
    if arm is not None:
        query = query.where(Prediction.arm == arm)
    if condition is not None:
        query = query.where(Prediction.condition == condition)
    if cursor is not None:
        query = query.where(tuple_(*key) > tuple_(*_position(cursor, (str, str, int))))
    found = list(await session.scalars(query))
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], _cursor(last.arm, last.condition, last.case_id)


def _cursor(*key: str | int) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


_NO_CURSOR = "The cursor is not one that this list returned; leave it out to start."
_LARGEST = 2**31  # beyond any position of a row


def _position(cursor: str, kinds: tuple[type, ...]) -> list[Any]:
    """What a cursor stands for; raises InvalidRequest for a text that is none of ours, or that no database can look for."""
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(_NO_CURSOR, param="cursor") from error
    if not isinstance(key, list) or [type(part) for part in key] != list(kinds):
        raise InvalidRequest(_NO_CURSOR, param="cursor")
    if not all(part.isprintable() if isinstance(part, str) else 0 <= part < _LARGEST for part in key):
        raise InvalidRequest(_NO_CURSOR, param="cursor")
    return key
