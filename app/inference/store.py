"""Generations and classifications in SQL: rows that are added and never changed."""

from collections.abc import Sequence

from app.database.base import Base
from app.database.session import Database


async def log(database: Database, rows: Sequence[Base]) -> None:
    """Adds all rows in one transaction, which they may share with other requests; committed when this returns."""
    if rows:
        await database.journal.add(rows)
