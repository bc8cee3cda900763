"""Generations and classifications in SQL: rows that are added and never changed."""

from collections.abc import Sequence

from app.database.base import Base
from app.database.session import Database, transaction


async def log(database: Database, rows: Sequence[Base]) -> None:
    """Adds all rows in one transaction, committed when this returns."""
    if rows:
        async with transaction(database) as session:
            session.add_all(rows)
