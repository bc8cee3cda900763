"""Sessions: one request, one transaction, committed before the answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from app.database.journal import Journal

# For those above who must name a session, or answer what a driver raises, but not know SQLAlchemy.
Session = AsyncSession
DatabaseError = DBAPIError


@dataclass(frozen=True)
class Database:
    """An engine, the factory of its sessions, and the journal for rows that are only added."""

    engine: AsyncEngine
    sessions: async_sessionmaker[AsyncSession]
    journal: Journal

    async def close(self) -> None:
        await self.journal.close()
        await self.engine.dispose()


def connect(url: str) -> Database:
    """Opens no connection yet; `url` names an async driver (aiosqlite or psycopg)."""
    sqlite = url.startswith("sqlite")
    options: dict[str, Any] = {
        "pool_pre_ping": not sqlite,
        "connect_args": {"timeout": 30} if sqlite else {"prepare_threshold": None},
    }
    engine = create_async_engine(url, **options)
    # psycopg is both; SQLite has a driver of its own for threads.
    writing = create_engine(url.replace("sqlite+aiosqlite:", "sqlite:", 1), **options)
    if sqlite:
        for one in (engine.sync_engine, writing):
            event.listen(one, "connect", _sqlite_pragmas)
            event.listen(one, "begin", _sqlite_begin)
    return Database(engine, async_sessionmaker(engine, expire_on_commit=False), Journal(writing))


def _sqlite_pragmas(connection: Any, _record: Any) -> None:
    # WAL: the API and the worker read while one of them writes. The driver must not begin by itself (see _sqlite_begin).
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin(connection: Any) -> None:
    # IMMEDIATE takes the write lock at once and waits its turn; a read that later writes would fail with "database is locked".
    connection.exec_driver_sql("BEGIN IMMEDIATE")


@asynccontextmanager
async def transaction(database: Database) -> AsyncIterator[AsyncSession]:
    """A session whose work is committed at the end, or rolled back when anything in it raised."""
    async with database.sessions() as session, session.begin():
        yield session
