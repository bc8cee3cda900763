"""Comparisons in SQL."""

from collections.abc import AsyncIterator, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database.base import Base
from app.database.session import Database, transaction
from app.database.tables import Comparison, ComparisonOutput
from app.errors import InvalidRequest, NotFound

_PAGE = 200  # comparisons read at once for an export

Pair = tuple[Comparison, list[ComparisonOutput]]


async def add(database: Database, comparison: Comparison, outputs: Sequence[ComparisonOutput], more: Sequence[Base]) -> None:
    """All in one transaction, committed when this returns."""
    async with transaction(database) as session:
        session.add(comparison)
        await session.flush()
        session.add_all([*outputs, *more])


async def find_comparison(session: AsyncSession, comparison_id: str) -> Pair:
    """Raises NotFound."""
    # PostgreSQL refuses to look for a NUL.
    found = await session.get(Comparison, comparison_id) if comparison_id.isprintable() else None
    if found is None:
        raise NotFound(f"There is no comparison {comparison_id[:64]!r}. GET /v1/comparisons lists all.")
    return (await _with_outputs(session, [found]))[0]


async def list_comparisons(session: AsyncSession, *, cursor: str | None, limit: int) -> tuple[list[Comparison], str | None]:
    """Newest first, and the cursor of the next page. Raises InvalidRequest for a cursor that is none."""
    query = select(Comparison).order_by(Comparison.id.desc()).limit(limit + 1)  # ids made later sort later
    if cursor is not None:
        if not cursor.isprintable() or await session.get(Comparison, cursor) is None:
            raise InvalidRequest("The cursor is not one that this list returned; leave it out to start.", param="cursor")
        query = query.where(Comparison.id < cursor)
    found = list(await session.scalars(query))
    return found[:limit], found[limit - 1].id if len(found) > limit else None


async def page_comparisons(session: AsyncSession, *, cursor: str | None, limit: int) -> tuple[list[Pair], str | None]:
    """Like `list_comparisons`, with the outputs."""
    found, next_cursor = await list_comparisons(session, cursor=cursor, limit=limit)
    return await _with_outputs(session, found), next_cursor


async def all_comparisons(database: Database) -> AsyncIterator[Pair]:
    """Oldest first, those there were at the start. Each page is a transaction of its own: a slow reader holds no lock."""
    async with transaction(database) as session:
        newest = await session.scalar(select(Comparison.id).order_by(Comparison.id.desc()).limit(1))
    last = ""
    while newest is not None and last < newest:
        async with transaction(database) as session:
            query = select(Comparison).where(Comparison.id > last, Comparison.id <= newest).order_by(Comparison.id)
            pairs = await _with_outputs(session, list(await session.scalars(query.limit(_PAGE))))
        for pair in pairs:
            yield pair
        last = pairs[-1][0].id if pairs else newest


async def _with_outputs(session: AsyncSession, comparisons: Sequence[Comparison]) -> list[Pair]:
    outputs: dict[str, list[ComparisonOutput]] = {comparison.id: [] for comparison in comparisons}
    query = select(ComparisonOutput).where(ComparisonOutput.comparison_id.in_(outputs))
    for output in await session.scalars(query.order_by(ComparisonOutput.comparison_id, ComparisonOutput.position)):
        outputs[output.comparison_id].append(output)
    return [(comparison, outputs[comparison.id]) for comparison in comparisons]
