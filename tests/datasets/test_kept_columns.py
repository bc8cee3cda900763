"""Columns that are kept beside text and target: checked, shown, exported, and part of what a version is."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.database.migrations import upgrade
from app.datasets.splits import LabelledRow
from app.datasets.store import _hash
from app.settings import Settings

TABLE = "story,kind,desk,author\n" + "\n".join(
    f"claim {i} of the day,{'ab'[i % 2]}, {'NS'[i % 2]} ,w{i % 7}" for i in range(40)
)
NAMED = {"text": "story", "label": "kind"}

Upload = Callable[..., httpx.Response]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: that both databases hold a JSON column is the migrations' test."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'versus.db'}"
    upgrade(url)
    return url


@pytest.fixture
def client(settings: Settings, make_app: Callable[[Settings], FastAPI]) -> Iterator[TestClient]:
    app = make_app(settings)
    with TestClient(app) as client:
        yield client
        assert client.portal is not None
        client.portal.call(app.state.database.close)


def test_kept_columns_are_listed_shown_and_exported_as_the_same_version(client: TestClient, upload: Upload) -> None:
    dataset = upload(TABLE, **NAMED, keep="desk, author").json()
    assert dataset["columns"] == ["desk", "author"]
    rows = client.get("/v1/datasets/desk/rows").json()["data"]
    assert [row["columns"] for row in rows[:2]] == [{"desk": "N", "author": "w0"}, {"desk": "S", "author": "w1"}]
    exported = client.get("/v1/datasets/desk/export")
    assert json.loads(exported.text.splitlines()[0]).keys() == {"split", "text", "label", "desk", "author"}
    again = upload(exported.content, "desk.jsonl", split_by="split", keep="desk,author")
    assert (again.status_code, again.json()["id"]) == (200, dataset["id"])
    as_csv = client.get("/v1/datasets/desk/export", params={"format": "csv"}).text.splitlines()
    assert as_csv[0] == "split,text,label,desk,author"
    previewed = client.post("/v1/datasets/preview", files={"file": ("desk.csv", TABLE)}, data={**NAMED, "keep": "author"})
    assert previewed.json()["rows"][1]["columns"] == {"author": "w1"}


def test_kept_columns_make_another_version_and_none_is_the_one_it_was(client: TestClient, upload: Upload) -> None:
    plain, kept = upload(TABLE, **NAMED).json(), upload(TABLE, **NAMED, keep="desk").json()
    assert (plain["version"], plain["columns"], kept["version"]) == (1, [], 2)
    assert upload(TABLE, **NAMED).json()["id"] == plain["id"]
    rows = [LabelledRow("train", "a", "x"), LabelledRow("test", "b", "y")]
    # As it was computed before there were kept columns.
    assert _hash("desk", "classification", rows) == "8ad9afabc1e975fd70b58e5773b080951b35864add50d9fef696bcb2ec5ba341"


def test_the_column_that_rows_are_split_by_can_be_kept_too(client: TestClient, upload: Upload) -> None:
    assert upload(TABLE, **NAMED, keep="author", split_by="author").json()["split"]["strategy"] == "group"
    rows = client.get("/v1/datasets/desk/rows").json()["data"]
    of_split = {split: {row["columns"]["author"] for row in rows if row["split"] == split} for split in ("train", "test")}
    assert of_split["train"] | of_split["test"] <= {f"w{i}" for i in range(7)}
    assert not of_split["train"] & of_split["test"]


def test_a_kept_column_is_not_guessed_to_be_the_label(client: TestClient, upload: Upload) -> None:
    table = "story,label,kind\n" + "\n".join(f"claim {i} of the day,{'ab'[i % 2]},{'xy'[i % 2]}" for i in range(40))
    assert upload(table, keep="kind").json()["label_column"] == "label"


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        ("dsk", "no column 'dsk'. Did you mean 'desk'?"),
        ("desk,desk", "keep"),
        ("label", "keep"),
        (",".join(f"c{i}" for i in range(21)), "keep"),
    ],
)
def test_a_column_that_cannot_be_kept_is_refused(upload: Upload, keep: str, message: str) -> None:
    refused = upload(TABLE, **NAMED, keep=keep)
    assert refused.status_code == 422
    assert message in refused.text
