"""Training runs in SQL."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.database.base import new_id, now
from app.database.tables import TrainingRun
from app.datasets.store import dataset_rows
from app.errors import InvalidRequest, NotFound
from app.training.recipe import Recipe

UNFINISHED = ("queued", "running")


async def create_run(session: AsyncSession, recipe: Recipe, digest: str, queue: str) -> TrainingRun:
    run = TrainingRun(
        id=new_id("train"),
        name=recipe.name,
        recipe=recipe.model_dump(mode="json"),
        recipe_digest=digest,
        queue=queue,
        status="queued",
        progress={},
        model=None,
        error=None,
        created_at=now(),
        updated_at=now(),
    )
    session.add(run)
    await session.flush()
    return run


async def rows_of(session: AsyncSession, recipe: Recipe) -> dict[str, dict[str, list[tuple[str, str]]]]:
    """Task -> split -> (text, label), of the splits that training sees. Raises NotFound."""
    return {
        task.name: {
            split: [(row.text, row.label) for row in await dataset_rows(session, task.dataset, split)]
            for split in ("train", "validation")
        }
        for task in recipe.tasks
    }


async def texts_of(session: AsyncSession, recipe: Recipe) -> list[str]:
    """The training texts of the datasets that are only read. Raises NotFound."""
    return [row.text for dataset in recipe.texts for row in await dataset_rows(session, dataset, "train")]


async def find_run(session: AsyncSession, run_id: str) -> TrainingRun:
    """Raises NotFound."""
    run = await session.get(TrainingRun, run_id) if run_id.isprintable() else None  # PostgreSQL refuses to look for a NUL
    if run is None:
        raise NotFound(f"There is no training run {run_id!r}. GET /v1/training-runs lists all.")
    return run


async def same_runs(session: AsyncSession, digest: str) -> list[TrainingRun]:
    """Runs of this very training that are on their way or succeeded, newest first."""
    query = select(TrainingRun).where(TrainingRun.recipe_digest == digest, TrainingRun.status.in_((*UNFINISHED, "succeeded")))
    return list(await session.scalars(query.order_by(TrainingRun.id.desc())))


async def list_runs(session: AsyncSession, *, cursor: str | None, limit: int) -> tuple[list[TrainingRun], str | None]:
    """Newest first, and the cursor of the next page. Raises InvalidRequest for a cursor that is none."""
    query = select(TrainingRun).order_by(TrainingRun.id.desc()).limit(limit + 1)  # ids made later sort later
    if cursor is not None:
        if not cursor.isprintable() or await session.get(TrainingRun, cursor) is None:
            raise InvalidRequest("The cursor is not one that this list returned; leave it out to start.", param="cursor")
        query = query.where(TrainingRun.id < cursor)
    found = list(await session.scalars(query))
    return found[:limit], found[limit - 1].id if len(found) > limit else None


async def set_status(
    session: AsyncSession, run_id: str, status: str, *, model: str | None = None, error: str | None = None
) -> bool:
    """False, and nothing changed, when the run is over already: a cancelled run stays cancelled."""
    return await _change(session, run_id, status=status, model=model, error=error)


async def set_progress(session: AsyncSession, run_id: str, progress: Mapping[str, Any]) -> bool:
    """False when the run is over: its worker should stop."""
    return await _change(session, run_id, progress=dict(progress))


async def _change(session: AsyncSession, run_id: str, **values: Any) -> bool:
    changed = await session.execute(
        update(TrainingRun)
        .where(TrainingRun.id == run_id, TrainingRun.status.in_(UNFINISHED))
        .values(**values, updated_at=now())
        .returning(TrainingRun.id)
    )
    return changed.first() is not None
