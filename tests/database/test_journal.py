"""Rows that requests add are committed before they go on, together where they come together, and nobody's for another's."""

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import event, select, text

from app.database.base import new_id
from app.database.migrations import connection
from app.database.session import Database, connect, transaction
from app.database.tables import Generation


def row(said: str = "an answer", **more: object) -> Generation:
    fields: dict[str, object] = {
        "id": new_id("gen"),
        "route": "chat",
        "request_id": "req",
        "position": 0,
        "model": "general",
        "version": 1,
        "digest": "d" * 64,
        "prompt": "hello",
        "sampling": {"top_p": 0.5},
        "text": said,
        "completion_tokens": 2,
        "total_ms": 1.5,
    }
    return Generation(**(fields | more))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = connect(database_url)
    yield opened
    asyncio.run(opened.close())


def texts(database_url: str) -> list[str]:
    with connection(database_url) as opened:
        return [*opened.scalars(text("SELECT text FROM generation ORDER BY text"))]


def test_what_was_added_is_committed_when_the_call_returns(database: Database, database_url: str) -> None:
    async def add() -> None:
        await database.journal.add([row("one"), row("two")])
        assert texts(database_url) == ["one", "two"]  # by another connection
        async with transaction(database) as session:
            [first] = await session.scalars(select(Generation).where(Generation.text == "one"))
        assert first.sampling == {"top_p": 0.5}
        assert first.created_at.tzinfo is not None
        assert first.seed is None

    asyncio.run(add())


def test_rows_that_come_together_share_a_transaction(database: Database, database_url: str) -> None:
    commits = 0

    def count(_: object) -> None:
        nonlocal commits
        commits += 1

    event.listen(database.journal.engine, "commit", count)

    async def add() -> None:
        await asyncio.gather(*(database.journal.add([row(str(number))]) for number in range(100)))

    asyncio.run(add())
    assert len(texts(database_url)) == 100
    assert commits < 50  # what came in while one was written went into the next


def test_a_row_that_cannot_be_written_fails_for_its_own_request_alone(database: Database, database_url: str) -> None:
    async def add() -> list[BaseException | None]:
        jobs = [[row("a")], [row("b"), row("nobody", text=None)], [row("c")]]
        return await asyncio.gather(*(database.journal.add(rows) for rows in jobs), return_exceptions=True)

    first, second, third = asyncio.run(add())
    assert first is None
    assert third is None
    assert "generation" in str(second)
    assert texts(database_url) == ["a", "c"]  # all of a request or none


def test_what_waits_is_written_before_the_journal_closes_and_it_can_be_used_again(
    database: Database, database_url: str
) -> None:
    async def add() -> None:
        waiting = [asyncio.create_task(database.journal.add([row(str(number))])) for number in range(5)]
        await asyncio.sleep(0)
        await database.journal.close()
        await asyncio.gather(*waiting)
        assert len(texts(database_url)) == 5
        await database.journal.add([row("later")])
        assert "later" in texts(database_url)

    asyncio.run(add())


def test_a_request_that_was_given_up_is_written_all_the_same(database: Database, database_url: str) -> None:
    async def add() -> None:
        task = asyncio.create_task(database.journal.add([row("given up")]))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await database.journal.close()

    asyncio.run(add())
    assert texts(database_url) == ["given up"]
