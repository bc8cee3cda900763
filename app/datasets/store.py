"""Datasets in SQL: immutable versions, named by the hash of their content."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NotRequired, TypedDict, Unpack

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database.base import new_id, now
from app.database.session import Database, transaction
from app.database.tables import Dataset, DatasetRow
from app.datasets.kinds import Kind, count_labels, count_sizes
from app.datasets.splits import LabelledRow
from app.errors import InvalidRequest, NotFound

_CHUNK = 5000  # rows at a time: the event loop gets its turn in between


class Content(TypedDict):
    """What a version is made of."""

    name: str
    source: str  # file name or generator with its seed
    text_column: str
    label_column: str  # of what belongs to the text; empty where nothing does
    split: Mapping[str, Any]  # strategy, column, fractions, seed
    rows: Sequence[LabelledRow]
    notes: Sequence[str]  # what was assumed, dropped or found, as sentences
    kind: NotRequired[Kind]  # classification, unless told
    columns: NotRequired[Sequence[str]]  # kept beside text and target
    report: NotRequired[Mapping[str, Any]]  # a ReportOut, as JSON


async def create_dataset(session: AsyncSession, **content: Unpack[Content]) -> Dataset:
    """The next version of the name, or the version that has the very same rows and splits."""
    return (await add_dataset(session, **content))[0]


async def add_dataset(session: AsyncSession, **content: Unpack[Content]) -> tuple[Dataset, bool]:
    """Like `create_dataset`; and whether the version was made now."""
    name, rows, kind = content["name"], content["rows"], content.get("kind", "classification")
    sha256 = await asyncio.to_thread(_hash, name, kind, rows)
    if session.get_bind().dialect.name == "postgresql":
        # Two uploads of one name wait for each other; SQLite has one writer at a time anyway.
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))
    known = await session.scalar(select(Dataset).where(Dataset.sha256 == sha256))
    if known is not None:
        return known, False
    newest = await session.scalar(select(func.max(Dataset.version)).where(Dataset.name == name))
    labels, counts = count_labels(kind, rows)
    dataset = Dataset(
        id=new_id("ds"),
        created_at=now(),
        name=name,
        version=(newest or 0) + 1,
        sha256=sha256,
        kind=kind,
        source=content["source"],
        text_column=content["text_column"],
        label_column=content["label_column"],
        split=dict(content["split"]),
        labels=labels,
        counts=counts,
        sizes=count_sizes(rows),
        columns=list(content.get("columns", ())) or None,
        notes=list(content["notes"]),
        report=dict(content["report"]) if "report" in content else None,
        rows=len(rows),
    )
    session.add(dataset)
    await session.flush()
    for start in range(0, len(rows), _CHUNK):
        values = [
            {"dataset_id": dataset.id, "position": position, **row._asdict()}
            for position, row in enumerate(rows[start : start + _CHUNK], start)
        ]
        await session.execute(insert(DatasetRow), values)
    return dataset, True


async def find_dataset(session: AsyncSession, id_or_name: str) -> Dataset:
    """A version by its id, or the newest version of a name. Raises NotFound that lists near names."""
    if id_or_name.isprintable():  # PostgreSQL refuses to look for a NUL
        by_name = select(Dataset).where(Dataset.name == id_or_name).order_by(Dataset.version.desc()).limit(1)
        found = await session.get(Dataset, id_or_name) or await session.scalar(by_name)
        if found is not None:
            return found
    names = sorted(await session.scalars(select(Dataset.name).distinct()))
    near = get_close_matches(id_or_name, names, n=3, cutoff=0.5) or names[:5]
    hint = f"Did you mean {' or '.join(near)}?" if near else "There is none yet; POST /v1/datasets makes one."
    raise NotFound(f"There is no dataset {id_or_name!r}. {hint} GET /v1/datasets lists all.", param="dataset")


async def list_datasets(session: AsyncSession, *, cursor: str | None, limit: int) -> tuple[list[Dataset], str | None]:
    """Newest first, and the cursor of the next page. Raises InvalidRequest for a cursor that is none."""
    query = select(Dataset).order_by(Dataset.id.desc()).limit(limit + 1)  # ids made later sort later
    if cursor is not None:
        if not cursor.isprintable() or await session.get(Dataset, cursor) is None:
            raise InvalidRequest("The cursor is not one that this list returned; leave it out to start.", param="cursor")
        query = query.where(Dataset.id < cursor)
    found = list(await session.scalars(query))
    return found[:limit], found[limit - 1].id if len(found) > limit else None


async def dataset_rows(
    session: AsyncSession, dataset_id: str, split: str | None = None, limit: int | None = None
) -> list[DatasetRow]:
    """The first `limit` rows, of one split or of all, by position."""
    return await _rows(session, dataset_id, split, -1, limit)


async def all_rows(database: Database, dataset_id: str, split: str | None = None) -> AsyncIterator[list[DatasetRow]]:
    """All rows, of one split or of all, some at a time, by position. Each part is a transaction of its own: a slow reader
    holds no lock."""
    after = -1
    while True:
        async with transaction(database) as session:
            rows = await _rows(session, dataset_id, split, after, _CHUNK)
        if not rows:
            return
        yield rows
        after = rows[-1].position


async def page_rows(
    session: AsyncSession, dataset_id: str, *, split: str | None, cursor: str | None, limit: int
) -> tuple[list[DatasetRow], str | None]:
    """By position, and the cursor of the next page. Raises InvalidRequest for a cursor that is none."""
    after = -1
    if cursor is not None:
        if not (cursor.isdecimal() and cursor.isascii() and len(cursor) < 10):
            raise InvalidRequest("The cursor is not one that this list returned; leave it out to start.", param="cursor")
        after = int(cursor)
    found = await _rows(session, dataset_id, split, after, limit + 1)
    return found[:limit], str(found[limit - 1].position) if len(found) > limit else None


async def _rows(session: AsyncSession, dataset_id: str, split: str | None, after: int, limit: int | None) -> list[DatasetRow]:
    query = select(DatasetRow).where(DatasetRow.dataset_id == dataset_id, DatasetRow.position > after)
    if split is not None:
        query = query.where(DatasetRow.split == split)
    return list(await session.scalars(query.order_by(DatasetRow.position).limit(limit)))


def _hash(name: str, kind: Kind, rows: Sequence[LabelledRow]) -> str:
    # A classification is hashed as before there were other kinds, so that the same upload is still the same version.
    digest = hashlib.sha256(json.dumps(name if kind == "classification" else [name, kind]).encode())
    # Kept columns are part of a version where there are some, so that rows without any are hashed as ever.
    for row in rows:
        digest.update(json.dumps(row if row.columns else row[:3], sort_keys=True).encode())
    return digest.hexdigest()
