"""Uploads over HTTP: from a file to an immutable version, its rows and its list."""

import asyncio
import csv
import io
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.settings import Settings

MSHA = Path(__file__).parents[2].parent / "shared/data/claims_msha/msha_dev_2010_2012.csv"

Upload = Callable[..., httpx.Response]
MakeApp = Callable[[Settings], FastAPI]


def desk(count: int = 60) -> str:
    """A tidy file: three labels in turn, a day and a desk per row."""
    labels = ("water", "fire", "theft")
    rows = [f'{i},"claim {i}, of many words",{labels[i % 3]},2026-01-{i // 3 % 28 + 1:02},desk {i % 7}' for i in range(count)]
    return "\n".join(["id,story,kind,day,desk", *rows])


def rows_of(client: TestClient, dataset: str, **query: Any) -> list[dict[str, Any]]:
    return list(client.get(f"/v1/datasets/{dataset}/rows", params={"limit": 1000, **query}).json()["data"])


def test_a_csv_becomes_a_dataset_in_three_stratified_splits(client: TestClient, upload: Upload) -> None:
    answer = upload(desk(), text="story", label="kind")
    assert answer.status_code == 201
    dataset = answer.json()
    assert answer.headers["location"] == f"/v1/datasets/{dataset['id']}"
    assert (dataset["name"], dataset["version"], dataset["source"], dataset["rows"]) == ("desk", 1, "desk.csv", 60)
    assert dataset["sizes"] == {"train": 42, "validation": 6, "test": 12}
    assert dataset["counts"]["test"] == {"fire": 4, "theft": 4, "water": 4}
    assert dataset["labels"] == ["fire", "theft", "water"]
    assert dataset["split"]["strategy"] == "random"
    assert client.get(f"/v1/datasets/{dataset['id']}").json() == dataset
    assert client.get("/v1/datasets/desk").json() == dataset
    first = rows_of(client, "desk")[0]
    assert (first["position"], first["text"], first["label"]) == (0, "claim 0, of many words", "water")


def test_the_same_content_is_the_same_version_and_other_content_the_next(client: TestClient, upload: Upload) -> None:
    first = upload(desk(), label="kind")
    again = upload(desk(), label="kind")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert upload(desk(63), label="kind").json()["version"] == 2
    assert upload(desk(), label="kind", seed=1).json()["version"] == 3  # another split is another content
    assert upload(desk(), label="kind", name="elsewhere").json()["version"] == 1
    assert client.get("/v1/datasets/desk").json()["version"] == 3
    assert client.get(f"/v1/datasets/{first.json()['id']}").json()["version"] == 1


def test_lists_page_newest_first(client: TestClient, upload: Upload) -> None:
    for name in ("one", "two", "three"):
        upload(desk(), label="kind", name=name)
    page = client.get("/v1/datasets", params={"limit": 2}).json()
    assert [dataset["name"] for dataset in page["data"]] == ["three", "two"]
    last = client.get("/v1/datasets", params={"limit": 2, "cursor": page["next_cursor"]}).json()
    assert [dataset["name"] for dataset in last["data"]] == ["one"]
    assert last["next_cursor"] is None


def test_rows_page_in_the_order_of_the_file(client: TestClient, upload: Upload) -> None:
    upload(desk(), text="story", label="kind")
    seen: list[int] = []
    cursor = None
    while True:
        query = {"split": "train", "limit": 20} | ({"cursor": cursor} if cursor else {})
        page = client.get("/v1/datasets/desk/rows", params=query).json()
        seen += [row["position"] for row in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == 42
    assert seen == sorted(set(seen))


def test_json_lines_with_numbers_nulls_and_nested_values(client: TestClient, upload: Upload) -> None:
    lines = [json.dumps({"text": f"claim {i} é", "stars": i % 2, "meta": {"i": i}}) for i in range(40)]
    lines.insert(3, json.dumps({"text": None, "stars": 1}))
    lines.insert(5, json.dumps({"stars": 1}))
    dataset = upload("\n".join(lines), "notes.jsonl").json()
    assert (dataset["text_column"], dataset["label_column"], dataset["labels"]) == ("text", "stars", ["0", "1"])
    assert dataset["rows"] == 40
    assert "Rows left out because a cell is empty: 2 without text, 0 without label." in dataset["notes"]
    assert rows_of(client, "notes")[0]["text"] == "claim 0 é"


def test_columns_that_are_not_named_are_guessed_and_told(upload: Upload) -> None:
    dataset = upload(desk()).json()
    assert (dataset["text_column"], dataset["label_column"]) == ("story", "kind")
    assert dataset["notes"][0].startswith("The text is column 'story': not named, guessed (its name; cells of several words;")
    assert dataset["notes"][1].startswith("The label is column 'kind': not named, guessed (its name; 3 distinct values;")
    text, label = dataset["report"]["columns"]
    assert (text["role"], text["columns"], text["named"]) == ("text", ["story"], False)
    assert (label["role"], label["columns"], label["named"]) == ("label", ["kind"], False)
    assert 0.9 < label["confidence"] < 1


@pytest.mark.parametrize(
    ("encoding", "note"),
    [("utf-8", False), ("utf-8-sig", False), ("utf-16", False), ("cp1252", True)],
    ids=lambda value: str(value),
)
def test_encodings_that_people_send(client: TestClient, upload: Upload, encoding: str, note: bool) -> None:
    dataset = upload(desk().replace("claim", "Schäden à 5 €").encode(encoding), label="kind").json()
    assert any("Windows-1252" in text for text in dataset["notes"]) == note
    assert rows_of(client, "desk")[0]["text"] == "Schäden à 5 € 0, of many words"


def test_other_delimiters_and_line_ends(client: TestClient, upload: Upload) -> None:
    content = io.StringIO()
    writer = csv.writer(content, delimiter=";", lineterminator="\r\n")
    writer.writerows([["story", "kind"], *([f'said "{i}";\nthen left', "ab"[i % 2]] for i in range(40)), [], ["", ""]])
    dataset = upload(content.getvalue(), delimiter=";").json()
    assert dataset["rows"] == 40
    assert dataset["notes"][-1] == "Rows left out because a cell is empty: 1 without text, 0 without label."
    assert rows_of(client, "desk")[0]["text"] == 'said "0";\nthen left'
    assert upload(content.getvalue().replace(";", "\t"), "desk.tsv").json()["rows"] == 40


def test_only_the_most_frequent_labels_are_kept(upload: Upload) -> None:
    rare = "\n".join(f"{i},a rare claim {i},rare {i},2026-01-01,desk 1" for i in range(60, 64))
    dataset = upload(f"{desk()}\n{rare}", label="kind", top=3).json()
    assert sorted(dataset["labels"]) == ["fire", "theft", "water"]
    assert "Kept the 3 most frequent of 7 labels; left out 4 rows of others." in dataset["notes"]


def test_by_time_a_day_is_never_in_two_splits(client: TestClient, upload: Upload) -> None:
    content = desk()
    dataset = upload(content, text="story", label="kind", split="time", split_by="day").json()
    assert dataset["split"] == {
        "strategy": "time",
        "column": "day",
        "fractions": {"train": 0.7, "validation": 0.1, "test": 0.2},
        "seed": None,
    }
    assert (
        "Split by time on 'day': train 2026-01-01 to 2026-01-14, validation 2026-01-15 to 2026-01-16, "
        "test 2026-01-17 to 2026-01-20." in dataset["notes"]
    )
    day_of = {row["story"]: row["day"] for row in csv.DictReader(io.StringIO(content))}
    days = {split: {day_of[row["text"]] for row in rows_of(client, "desk", split=split)} for split in dataset["sizes"]}
    assert max(days["train"]) < min(days["validation"])
    assert max(days["validation"]) < min(days["test"])


def test_by_group_a_group_is_never_in_two_splits(client: TestClient, upload: Upload) -> None:
    content = desk()
    dataset = upload(content, text="story", label="kind", split_by="desk").json()
    assert dataset["split"]["strategy"] == "group"
    desk_of = {row["story"]: row["desk"] for row in csv.DictReader(io.StringIO(content))}
    desks = [{desk_of[row["text"]] for row in rows_of(client, "desk", split=split)} for split in dataset["sizes"]]
    assert sum(map(len, desks)) == len(set().union(*desks)) == 7


def test_texts_of_an_earlier_split_and_labels_that_training_lacks_are_told(client: TestClient, upload: Upload) -> None:
    rows = [(f"text {i}", "ab"[i % 2], f"2026-01-{i + 1:02}") for i in range(20)]
    rows[19] = ("text 3", "b", rows[19][2])  # in test, and in train word for word
    rows[18] = ("text 18", "new", rows[18][2])
    dataset = upload("\n".join(["text,label,day", *map(",".join, rows)]), split_by="day").json()
    assert dataset["rows"] == 19
    assert (
        "Rows left out because a later split has their text word for word: 1 of train, 0 of validation; of test none."
        in dataset["notes"]
    )
    assert "Rows of validation and test whose label train never has: 1 ('new')." in dataset["notes"]
    assert dataset["labels"] == ["a", "b", "new"]


def test_real_injury_claims_by_accident_date(client: TestClient, upload: Upload) -> None:
    if not MSHA.exists():
        pytest.skip(f"the injury claims are not here: {MSHA}")
    dataset = upload(
        MSHA.read_bytes(), MSHA.name, text="narrative", label="body_part", split_by="accident_date", top=12, name="claims-desk"
    ).json()
    assert dataset["split"]["strategy"] == "time"
    assert dataset["labels"][:2] == ["FINGER(S)/THUMB", "BACK (MUSCLES/SPINE/S-CORD/TAILBONE)"]
    assert len(dataset["labels"]) == 12
    assert dataset["sizes"] == {"train": 14397, "validation": 2045, "test": 4128}
    assert dataset["notes"] == [
        "Texts cleaned (labels, fields and answers are as they came): 4 had spaces around them taken off.",
        "Kept the 12 most frequent of 46 labels; left out 7,138 rows of others.",
        "Split by time on 'accident_date': train 2010-01-01 to 2012-02-01, validation 2012-02-02 to 2012-05-13, "
        "test 2012-05-14 to 2012-12-31.",
        "Rows left out because a later split has their text word for word: 3 of train, 2 of validation; of test none.",
        "Rows that another split has nearly (similarity 0.8 or more): 1 of validation in train, 6 of test in train, 8 of test "
        "in validation; examples are in the report. drop=near leaves them out of train and validation.",
        "Texts that come with more than one label: 3. No model can be right on all of their rows.",
    ]
    assert len(rows_of(client, "claims-desk", split="test")) == 1000


def test_what_is_not_there_is_404_with_near_names(client: TestClient, upload: Upload) -> None:
    upload(desk(), name="claims-desk")
    answer = client.get("/v1/datasets/clams-desk")
    assert answer.status_code == 404
    assert "Did you mean claims-desk?" in answer.json()["error"]["message"]
    assert client.get("/v1/datasets/clams-desk/rows").status_code == 404
    assert client.get("/v1/datasets/%00").status_code == 404


@pytest.mark.parametrize("cursor", ["nonsense", "\0", "-1", "99999999999999999999", "²", ""])
def test_a_cursor_that_no_list_gave_is_400(client: TestClient, upload: Upload, cursor: str) -> None:
    upload(desk())
    for path in ("/v1/datasets", "/v1/datasets/desk/rows"):
        answer = client.get(path, params={"cursor": cursor})
        assert answer.status_code == 400
        assert "cursor" in answer.json()["error"]["message"]


def test_an_unknown_query_field_is_named(client: TestClient, upload: Upload) -> None:
    upload(desk())
    answer = client.get("/v1/datasets/desk/rows", params={"spilt": "test"})
    assert answer.status_code == 422
    assert "spilt" in answer.json()["error"]["message"]


async def multipart(rows: int, sent: list[int]) -> AsyncIterator[bytes]:
    """A file of rows of 100 kB, as it leaves a client that does not tell its length."""
    yield b'--B\r\nContent-Disposition: form-data; name="text"\r\n\r\nstory\r\n'
    yield b'--B\r\nContent-Disposition: form-data; name="file"; filename="big.csv"\r\n\r\nstory,kind,padding\n'
    for number in range(rows):
        sent.append(number)
        yield b"the story of claim %d,%s,%s\n" % (number, b"ab"[number % 2 :][:1], b"x" * 100_000)
    yield b"\r\n--B--\r\n"


async def stream(app: FastAPI, rows: int, sent: list[int]) -> httpx.Response:
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.post("/v1/datasets", content=multipart(rows, sent), headers=headers)
    await app.state.database.close()
    return answer


def test_a_big_upload_lies_on_disk_not_in_memory(settings: Settings, make_app: MakeApp) -> None:
    roomy = make_app(settings.model_copy(update={"max_upload_bytes": 2**30}))
    tracemalloc.start()
    answer = asyncio.run(stream(roomy, 480, []))  # 48 MB
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.json()["rows"] == 480
    assert peak < 12_000_000


def test_an_upload_over_the_limit_ends_as_soon_as_it_is_over(client: TestClient, settings: Settings, make_app: MakeApp) -> None:
    sent: list[int] = []
    answer = asyncio.run(stream(make_app(settings), 2000, sent))  # 200 MB
    assert answer.status_code == 413
    assert "VERSUS_MAX_UPLOAD_BYTES" in answer.json()["error"]["message"]
    assert len(sent) * 100_000 < settings.max_upload_bytes + 1_000_000
    assert client.get("/v1/datasets").json()["data"] == []
