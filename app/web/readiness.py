"""Whether the service can do its work now, and if not, why: what /readyz answers."""

import asyncio
from dataclasses import dataclass

from app.catalog.catalog import Catalog
from app.database.migrations import state
from app.database.session import Database, DatabaseError, transaction
from app.errors import VersusError
from app.inference.models import without_place
from app.jobs import store
from app.settings import Settings


@dataclass(frozen=True)
class Check:
    """One thing that must hold. `reason` says what to do when it does not."""

    name: str
    ok: bool
    reason: str = ""


async def checks(settings: Settings, database: Database, catalog: Catalog) -> list[Check]:
    """Database migrated, default model there, a job worker seen lately."""
    return [await _database(settings), await asyncio.to_thread(_model, settings, catalog), await _worker(database)]


async def _database(settings: Settings) -> Check:
    try:
        found = await asyncio.to_thread(state, settings.database)
    except VersusError as error:
        return Check("database", False, error.message)
    if found == "current":
        return Check("database", True)
    hint = "start the newer version of Versus" if found == "newer" else "run `versus db upgrade`"
    return Check("database", False, f"The database is {found}; {hint}.")


def _model(settings: Settings, catalog: Catalog) -> Check:
    try:
        catalog.find(settings.general_model)
    except VersusError as error:
        broken = " ".join(without_place(reason, settings) for reason in catalog.broken.values())
        return Check("model", False, f"{error.message} {broken}".strip())
    return Check("model", True)


async def _worker(database: Database) -> Check:
    try:
        async with transaction(database) as session:
            seen = await store.workers(session)
    except DatabaseError:
        return Check("worker", False, "The database does not tell which workers run.")
    return Check("worker", bool(seen), "" if seen else "No job worker was seen lately; start one with `versus worker`.")
