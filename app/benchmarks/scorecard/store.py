"""Scorecards in SQL."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.benchmarks.store import UNFINISHED
from app.database.base import new_id, now
from app.database.tables import Scorecard
from app.errors import InvalidRequest, NotFound


async def create(session: AsyncSession, task: str, config: Mapping[str, Any], steps: int) -> Scorecard:
    scorecard = Scorecard(
        id=new_id("score"),
        task=task,
        config=dict(config),
        status="queued",
        progress={"done": 0, "total": steps, "step": None},
        result=None,
        error=None,
        created_at=now(),
        updated_at=now(),
    )
    session.add(scorecard)
    await session.flush()
    return scorecard


async def find(session: AsyncSession, scorecard_id: str) -> Scorecard:
    """Raises NotFound."""
    found = await session.get(Scorecard, scorecard_id) if scorecard_id.isprintable() else None  # PostgreSQL refuses a NUL
    if found is None:
        raise NotFound(f"There is no scorecard {scorecard_id!r}. GET /v1/scorecards lists all.")
    return found


async def listed(session: AsyncSession, *, cursor: str | None, limit: int) -> tuple[list[Scorecard], str | None]:
    """Newest first, and the cursor of the next page. Raises InvalidRequest for a cursor that is none."""
    query = select(Scorecard).order_by(Scorecard.id.desc()).limit(limit + 1)  # ids made later sort later
    if cursor is not None:
        if not cursor.isprintable() or await session.get(Scorecard, cursor) is None:
            raise InvalidRequest("The cursor is not one that this list returned; leave it out to start.", param="cursor")
        query = query.where(Scorecard.id < cursor)
    found = list(await session.scalars(query))
    return found[:limit], found[limit - 1].id if len(found) > limit else None


async def set_status(
    session: AsyncSession, scorecard_id: str, status: str, *, error: str | None = None, result: Mapping[str, Any] | None = None
) -> bool:
    """False, and nothing changed, when it is over already: a cancelled one stays cancelled."""
    return await _change(session, scorecard_id, status=status, error=error, result=None if result is None else dict(result))


async def set_progress(session: AsyncSession, scorecard_id: str, progress: Mapping[str, Any]) -> bool:
    """False when it is over: its worker should stop."""
    return await _change(session, scorecard_id, progress=dict(progress))


async def _change(session: AsyncSession, scorecard_id: str, **values: Any) -> bool:
    changed = await session.execute(
        update(Scorecard)
        .where(Scorecard.id == scorecard_id, Scorecard.status.in_(UNFINISHED))
        .values(**values, updated_at=now())
        .returning(Scorecard.id)
    )
    return changed.first() is not None
