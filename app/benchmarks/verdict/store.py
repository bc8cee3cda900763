"""Verdicts in SQL, and the answers of a run that they stand on."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database.base import new_id, now
from app.database.tables import Prediction, StoredVerdict
from app.errors import InvalidRequest, NotFound


async def answers(session: AsyncSession, run_id: str) -> list[Prediction]:
    """Of every arm on test and validation, in the order of arm, condition and case; reruns and rewordings are left out."""
    wanted = or_(Prediction.condition == "base", Prediction.condition.startswith("validation"))
    key = (Prediction.arm, Prediction.condition, Prediction.case_id)
    return list(await session.scalars(select(Prediction).where(Prediction.run_id == run_id, wanted).order_by(*key)))


async def add_verdict(
    session: AsyncSession, run_id: str, request: Mapping[str, Any], verdict: Mapping[str, Any]
) -> StoredVerdict:
    stored = StoredVerdict(
        id=new_id("verdict"),
        created_at=now(),
        run_id=run_id,
        decision=verdict["decision"],
        sentence=verdict["sentence"],
        request=dict(request),
        verdict=dict(verdict),
    )
    session.add(stored)
    await session.flush()
    return stored


async def find_verdict(session: AsyncSession, verdict_id: str) -> StoredVerdict:
    """Raises NotFound."""
    # PostgreSQL refuses to look for a NUL.
    found = await session.get(StoredVerdict, verdict_id) if verdict_id.isprintable() else None
    if found is None:
        raise NotFound(f"There is no verdict {verdict_id[:64]!r}. GET /v1/verdicts lists all.")
    return found


async def list_verdicts(
    session: AsyncSession, *, run_id: str | None, cursor: str | None, limit: int
) -> tuple[list[StoredVerdict], str | None]:
    """Newest first, and the cursor of the next page. Raises InvalidRequest for a cursor that is none."""
    query = select(StoredVerdict).order_by(StoredVerdict.id.desc()).limit(limit + 1)  # ids made later sort later
    if run_id is not None:
        query = query.where(StoredVerdict.run_id == run_id)
    if cursor is not None:
        if not cursor.isprintable() or await session.get(StoredVerdict, cursor) is None:
            raise InvalidRequest("The cursor is not one that this list returned; leave it out to start.", param="cursor")
        query = query.where(StoredVerdict.id < cursor)
    found = list(await session.scalars(query))
    return found[:limit], found[limit - 1].id if len(found) > limit else None
