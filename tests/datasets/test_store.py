"""The store as other features use it: built-in domains make datasets, training and benchmarks read them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.database.session import Session, connect, transaction
from app.datasets import store
from app.datasets.splits import SPLITS, LabelledRow
from app.errors import NotFound

ROWS = [LabelledRow(split, f"{split} text {i}", "ab"[i % 2]) for split in SPLITS for i in range(10)]


def content(**changed: Any) -> Any:
    return {
        "name": "desk",
        "source": "domain desk, seed 0",
        "text_column": "text",
        "label_column": "label",
        "split": {"strategy": "domain"},
        "rows": ROWS,
        "notes": [],
    } | changed


def within(url: str, *works: Callable[[Session], Awaitable[Any]]) -> list[Any]:
    """The results of these, each in a transaction of its own, all at the same time."""

    async def run() -> list[Any]:
        database = connect(url)

        async def one(work: Callable[[Session], Awaitable[Any]]) -> Any:
            async with transaction(database) as session:
                return await work(session)

        try:
            return list(await asyncio.gather(*map(one, works)))
        finally:
            await database.close()

    return asyncio.run(run())


def test_a_dataset_is_found_by_id_and_by_name(database_url: str) -> None:
    (made,) = within(database_url, lambda session: store.create_dataset(session, **content()))
    assert (made.version, made.rows, made.labels, made.counts["test"]) == (1, 30, ["a", "b"], {"a": 5, "b": 5})
    by_id, by_name = within(
        database_url, lambda session: store.find_dataset(session, made.id), lambda session: store.find_dataset(session, "desk")
    )
    assert by_id.id == by_name.id == made.id
    with pytest.raises(NotFound, match=r"There is no dataset 'dsk'\. Did you mean desk\?"):
        within(database_url, lambda session: store.find_dataset(session, "dsk"))


def test_a_name_never_hides_the_id_of_another(database_url: str) -> None:
    (made,) = within(database_url, lambda session: store.create_dataset(session, **content()))
    (other,) = within(database_url, lambda session: store.create_dataset(session, **content(name=made.id)))
    (newer,) = within(database_url, lambda session: store.create_dataset(session, **content(name=made.id, rows=ROWS[:-1])))
    assert (other.version, newer.version) == (1, 2)
    (found,) = within(database_url, lambda session: store.find_dataset(session, made.id))
    assert found.id == made.id


def test_rows_are_read_in_order_by_split_and_number(database_url: str) -> None:
    (made,) = within(database_url, lambda session: store.create_dataset(session, **content()))
    every, test, two = within(
        database_url,
        lambda session: store.dataset_rows(session, made.id),
        lambda session: store.dataset_rows(session, made.id, "test"),
        lambda session: store.dataset_rows(session, made.id, "test", 2),
    )
    assert [LabelledRow(row.split, row.text, row.label) for row in every] == ROWS
    assert [row.position for row in test] == list(range(20, 30))
    assert [row.position for row in two] == [20, 21]


def test_the_same_rows_made_at_the_same_time_are_one_version(database_url: str) -> None:
    made = within(database_url, *[lambda session: store.create_dataset(session, **content())] * 4)
    assert len({dataset.id for dataset in made}) == 1


def test_other_rows_made_at_the_same_time_are_versions_in_a_row(database_url: str) -> None:
    works = [lambda session, n=n: store.create_dataset(session, **content(rows=ROWS[:-n])) for n in range(1, 5)]
    made = within(database_url, *works)
    assert sorted(dataset.version for dataset in made) == [1, 2, 3, 4]


def test_text_of_any_language_comes_back_as_it_was(database_url: str) -> None:
    rows = [LabelledRow(row.split, f"{row.text} ñ 漢字 🧯 \x07 \\u0041", row.label) for row in ROWS]
    (made,) = within(database_url, lambda session: store.create_dataset(session, **content(rows=rows)))
    (found,) = within(database_url, lambda session: store.dataset_rows(session, made.id))
    assert [row.text for row in found] == [row.text for row in rows]
