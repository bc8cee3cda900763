"""What `versus data` does with files and the database: reads, stores and writes datasets, no service needed."""

import asyncio
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from app.database.session import Database, Session
    from app.datasets.export import Format
    from app.datasets.ingest import Ingested, Upload
    from app.datasets.schemas import DatasetIn, DatasetOut, PreviewOut
    from app.datasets.splits import Split
    from app.settings import Settings

T = TypeVar("T")


@contextmanager
def _uploads(files: "Mapping[Split, Path | None]", settings: "Settings") -> "Iterator[list[Upload]]":
    """The files that are there, open within the block. Raises TooLarge."""
    from app.datasets.ingest import Upload, upload_too_large

    there = {split: path for split, path in files.items() if path is not None}
    if sum(path.stat().st_size for path in there.values()) > settings.max_upload_bytes:
        raise upload_too_large(settings.max_upload_bytes)
    with ExitStack() as opened:
        yield [Upload(opened.enter_context(path.open("rb")), path.name, split) for split, path in there.items()]


def ingest_files(files: "Mapping[Split, Path | None]", options: "DatasetIn", settings: "Settings") -> "Ingested":
    from app.datasets.ingest import ingest

    with _uploads(files, settings) as uploads:
        return ingest(uploads, options, settings)


def preview_files(files: "Mapping[Split, Path | None]", options: "DatasetIn", settings: "Settings") -> "PreviewOut":
    from app.datasets.ingest import preview

    with _uploads(files, settings) as uploads:
        return preview(uploads, options, settings)


def store_ingested(ingested: "Ingested") -> "DatasetOut":
    from app.datasets import store
    from app.datasets.schemas import DatasetOut

    async def create(session: "Session") -> "DatasetOut":
        return DatasetOut.of(await store.create_dataset(session, **vars(ingested)))

    return in_database(create)


def write(dataset: str, out: Path, form: "Format", split: str | None) -> dict[str, Any]:
    """Beside its place first: what has the final name is whole."""
    from app.database.session import transaction
    from app.datasets import store
    from app.datasets.export import lines
    from app.datasets.schemas import DatasetOut

    async def copy(database: "Database") -> dict[str, Any]:
        async with transaction(database) as session:
            found = await store.find_dataset(session, dataset)
        beside = out.with_name(f".{out.name}.part")
        try:
            with beside.open("w", encoding="utf-8", newline="") as file:
                async for part in lines(found.kind, found.columns or [], store.all_rows(database, found.id, split), form):
                    file.write(part)
            beside.replace(out)
        finally:
            beside.unlink(missing_ok=True)
        rows = found.rows if split is None else DatasetOut.of(found).sizes[split]
        return {"dataset": f"{found.name}@{found.version}", "id": found.id, "file": str(out), "rows": rows}

    return _with_database(copy)


def in_database(work: "Callable[[Session], Awaitable[T]]") -> T:
    """In one transaction on the migrated database; ends the command where that fails."""
    from app.database.session import transaction

    async def within(database: "Database") -> T:
        async with transaction(database) as session:
            return await work(session)

    return _with_database(within)


def _with_database(work: "Callable[[Database], Awaitable[T]]") -> T:
    """On the migrated database; ends the command where that fails."""
    from app.cli.progress import fail
    from app.database.migrations import upgrade
    from app.database.session import connect
    from app.errors import VersusError
    from app.settings import Settings

    async def run(url: str) -> T:
        database = connect(url)
        try:
            return await work(database)
        finally:
            await database.close()

    url = Settings().database
    try:
        upgrade(url)
        return asyncio.run(run(url))
    except VersusError as error:
        fail(error)
