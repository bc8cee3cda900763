"""What routes depend on, named once as types; all asynchronous, as FastAPI calls others in a thread."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from app.catalog.catalog import Catalog
from app.database.session import Database, Session, transaction
from app.engines.registry import Engines
from app.jobs.queue import JobQueue
from app.settings import Settings


async def get_settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def get_database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def get_session(request: Request) -> AsyncIterator[Session]:
    async with transaction(request.app.state.database) as session:
        yield session


async def get_catalog(request: Request) -> Catalog:
    catalog: Catalog = request.app.state.catalog
    return catalog


async def get_engines(request: Request) -> Engines:
    engines: Engines = request.app.state.engines
    return engines


async def get_jobs(request: Request) -> JobQueue:
    jobs: JobQueue = request.app.state.jobs
    return jobs


SettingsDep = Annotated[Settings, Depends(get_settings)]
DatabaseDep = Annotated[Database, Depends(get_database)]
# scope="function": the transaction is committed before the answer leaves.
SessionDep = Annotated[Session, Depends(get_session, scope="function")]
CatalogDep = Annotated[Catalog, Depends(get_catalog)]
EnginesDep = Annotated[Engines, Depends(get_engines)]
JobsDep = Annotated[JobQueue, Depends(get_jobs)]
