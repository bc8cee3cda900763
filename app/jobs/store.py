"""Which workers were seen, and when: what readiness asks."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database.base import now
from app.database.tables import Worker


async def seen(session: AsyncSession, worker_id: str, version: str) -> None:
    """Records that the worker is alive now."""
    await session.merge(Worker(id=worker_id, seen_at=now(), version=version))


async def gone(session: AsyncSession, worker_id: str) -> None:
    """Forgets a worker that ended in order."""
    worker = await session.get(Worker, worker_id)
    if worker is not None:
        await session.delete(worker)


async def workers(session: AsyncSession, within_s: float) -> list[Worker]:
    """The workers seen in the last `within_s` seconds, latest first."""
    since = now() - timedelta(seconds=within_s)
    found = await session.scalars(select(Worker).where(Worker.seen_at >= since).order_by(Worker.seen_at.desc()))
    return list(found)
