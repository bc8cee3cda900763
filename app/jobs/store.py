"""Which workers were seen, when, and what they take: what readiness and waiting runs ask."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database.base import now
from app.database.tables import Worker

WITHIN_S = 15.0  # a worker writes its heartbeat every few seconds


async def seen(session: AsyncSession, worker_id: str, version: str, queues: Sequence[str]) -> None:
    """Records that the worker is alive now and takes jobs of `queues`."""
    await session.merge(Worker(id=worker_id, seen_at=now(), version=version, queues=list(queues)))


async def gone(session: AsyncSession, worker_id: str) -> None:
    """Forgets a worker that ended in order."""
    worker = await session.get(Worker, worker_id)
    if worker is not None:
        await session.delete(worker)


async def why_waiting(session: AsyncSession, queue: str) -> str | None:
    """Why a job of `queue` will not begin soon: no worker that takes it was seen lately; None where one was."""
    found = await workers(session)
    if any(queue in (worker.queues or ()) for worker in found):
        return None
    if not found:
        return "No worker was seen lately; start one with `versus worker`."
    return f"No worker that takes jobs of {queue!r} was seen lately; start one where it can run with `versus worker`."


async def workers(session: AsyncSession, within_s: float = WITHIN_S) -> list[Worker]:
    """The workers seen in the last `within_s` seconds, latest first."""
    since = now() - timedelta(seconds=within_s)
    found = await session.scalars(select(Worker).where(Worker.seen_at >= since).order_by(Worker.seen_at.desc()))
    return list(found)
