"""Each kind of dataset is uploaded, split, listed, previewed, read and exported; what cannot use it says what to do."""

import asyncio
import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from app.benchmarks.curve.data import read_study
from app.database.migrations import upgrade
from app.datasets.export import csv_line
from app.errors import InvalidRequest
from app.main import create_app
from app.settings import Settings
from tests.models import make_tiny_general

Upload = Callable[..., httpx.Response]

WHO = ("Ann", "Bö", "Čeněk")
RECORDS: dict[str, list[dict[str, Any]]] = {
    "classification": [{"text": f"a story of number {i}", "label": "ab"[i % 2]} for i in range(40)],
    "extraction": [
        {"text": f"{WHO[i % 3]} came on day {i}", "fields": {"who": WHO[i % 3], "when": {"day": i}, "why": None}}
        for i in range(40)
    ],
    "text_to_text": [
        {"text": f"a long story of number {i}\nwith an end", "answer": f"in short: number {i}."} for i in range(40)
    ],
    "text": [{"text": f"a page to read, of number {i}"} for i in range(40)],
}
NAMED = {
    "classification": {"label": "label"},
    "extraction": {"fields": "fields"},
    "text_to_text": {"answer": "answer"},
    "text": {"kind": "text"},
}


def jsonl(kind: str) -> str:
    return "".join(f"{json.dumps(record)}\n" for record in RECORDS[kind])


@pytest.mark.parametrize("kind", RECORDS)
def test_a_kind_is_uploaded_split_listed_and_read(client: TestClient, upload: Upload, kind: str) -> None:
    answer = upload(jsonl(kind), "desk.jsonl", text="text", **NAMED[kind])
    assert answer.status_code == 201, answer.text
    dataset = answer.json()
    assert (dataset["kind"], dataset["sizes"]) == (kind, {"train": 28, "validation": 4, "test": 8})
    assert client.get("/v1/datasets").json()["data"] == [dataset]
    rows = client.get("/v1/datasets/desk/rows").json()["data"]
    assert [{key: row[key] for key in RECORDS[kind][0]} for row in rows] == RECORDS[kind]
    others = {"label", "answer", "fields"} - set(RECORDS[kind][0])
    assert all(row[other] is None for row in rows for other in others)


@pytest.mark.parametrize("kind", RECORDS)
def test_an_export_as_json_lines_is_the_same_version_again(client: TestClient, upload: Upload, kind: str) -> None:
    dataset = upload(jsonl(kind), "desk.jsonl", text="text", **NAMED[kind]).json()
    exported = client.get("/v1/datasets/desk/export")
    assert exported.headers["content-disposition"] == 'attachment; filename="desk-1.jsonl"'
    assert len(exported.text.splitlines()) == 40
    again = upload(exported.content, "desk.jsonl", text="text", split_by="split", **NAMED[kind])
    assert (again.status_code, again.json()["id"]) == (200, dataset["id"])
    test = client.get("/v1/datasets/desk/export", params={"split": "test"}).text.splitlines()
    assert {json.loads(line)["split"] for line in test} == {"test"}
    assert len(test) == 8


@pytest.mark.parametrize("kind", RECORDS)
def test_an_export_as_csv_is_the_same_version_again_too(client: TestClient, upload: Upload, kind: str) -> None:
    dataset = upload(jsonl(kind), "desk.jsonl", text="text", **NAMED[kind]).json()
    exported = client.get("/v1/datasets/desk/export", params={"format": "csv"})
    assert exported.headers["content-type"] == "text/csv; charset=utf-8"
    again = upload(exported.content, "desk.csv", text="text", split_by="split", **NAMED[kind])
    assert (again.status_code, again.json()["id"]) == (200, dataset["id"])


@pytest.mark.parametrize("form", ["jsonl", "csv"])
@pytest.mark.parametrize("kind", RECORDS)
def test_an_export_is_the_same_version_with_no_column_named(client: TestClient, upload: Upload, kind: str, form: str) -> None:
    """Also where answers repeat, as labels do, and texts are short."""
    records = RECORDS[kind]
    if kind == "text_to_text":
        records = [{"text": f"claim {i}", "answer": f"{'yes' if i % 2 else 'no'}"} for i in range(60)]
    lines = "".join(f"{json.dumps(record)}\n" for record in records)
    dataset = upload(lines, "desk.jsonl", text="text", **NAMED[kind]).json()
    exported = client.get("/v1/datasets/desk/export", params={"format": form})
    again = upload(exported.content, f"desk.{form}", split_by="split")
    assert (again.status_code, again.json().get("id")) == (200, dataset["id"]), again.text


def test_texts_that_were_kept_as_they_are_need_that_again(client: TestClient, upload: Upload) -> None:
    records = [{"text": f"a  story {i}\u200b", "label": "ab"[i % 2]} for i in range(40)]
    lines = "".join(f"{json.dumps(record)}\n" for record in records)
    dataset = upload(lines, "desk.jsonl", text="text", label="label", clean=False).json()
    exported = client.get("/v1/datasets/desk/export").content
    assert upload(exported, "desk.jsonl", split_by="split", clean=False).json()["id"] == dataset["id"]
    assert upload(exported, "desk.jsonl", split_by="split").json()["id"] != dataset["id"]


def test_no_cell_of_an_exported_csv_is_a_formula(client: TestClient, upload: Upload) -> None:
    cells = ('=HYPERLINK("http://x")', "+1 555 0100 called", "@sum of it", "-2 degrees", "2 - 1 degrees")
    lines = [json.dumps({"text": f"{cells[i % 5]} {i}", "label": "=a" if i % 2 else "b"}) for i in range(40)]
    assert upload("\n".join(lines), "desk.jsonl", text="text", label="label").status_code == 201
    exported = client.get("/v1/datasets/desk/export", params={"format": "csv"}).text.splitlines()
    assert exported[1].partition(",")[2] == '"\'=HYPERLINK(""http://x"") 0",b'
    assert exported[2].partition(",")[2] == "'+1 555 0100 called 1,'=a"
    assert exported[5].partition(",")[2] == "2 - 1 degrees 4,b"
    # JSON Lines are for machines: there the texts are as they came.
    assert json.loads(client.get("/v1/datasets/desk/export").text.splitlines()[0])["text"] == '=HYPERLINK("http://x") 0'


@pytest.mark.parametrize("begin", [*"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20"])
def test_each_begin_of_a_formula_gets_an_apostrophe(begin: str) -> None:
    assert next(csv.reader(io.StringIO(csv_line([f"{begin}1", "a"]), newline=""))) == [f"'{begin}1", "a"]


def test_columns_of_a_csv_can_be_fields(client: TestClient, upload: Upload) -> None:
    lines = [f'"{WHO[i % 3]} came on day {i}",{WHO[i % 3]},{i if i % 4 else ""}' for i in range(40)]
    dataset = upload("\n".join(["text,who,day", *lines]), text="text", fields="who, day").json()
    assert (dataset["kind"], dataset["label_column"]) == ("extraction", "who,day")
    assert dataset["report"]["fields"] == {"who": {"filled": 40, "in_text": 40}, "day": {"filled": 30, "in_text": 30}}
    rows = client.get("/v1/datasets/desk/rows").json()["data"]
    assert [row["fields"] for row in rows[:2]] == [{"who": "Ann", "day": None}, {"who": "Bö", "day": "1"}]


def test_what_is_no_object_among_objects_is_named(upload: Upload) -> None:
    lines = [f'"story {i}","{{""who"": ""Ann""}}"' for i in range(30)] + ['"story 30","{""who"": "']
    answer = upload("\n".join(["text,fields", *lines]), text="text", fields="fields")
    assert "line 32, column 'fields': it begins as a JSON object and is none" in answer.json()["error"]["message"]


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("VERSUS_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("VERSUS_MODELS_DIR", str(tmp_path / "models"))
    make_tiny_general(tmp_path / "models")
    settings = Settings()
    upgrade(settings.database)
    with TestClient(create_app(settings)) as client:
        yield client


def test_what_cannot_use_a_kind_says_what_to_do(service: TestClient) -> None:
    for kind in ("extraction", "text_to_text", "text"):
        data = {"text": "text", "name": kind.replace("_", "-"), **NAMED[kind]}
        assert service.post("/v1/datasets", files={"file": ("desk.jsonl", jsonl(kind))}, data=data).status_code == 201
        tasks = [{"name": "desk", "dataset": data["name"]}]
        recipe = {"name": "desk", "method": "lora", "tasks": tasks}
        asked: list[tuple[str, dict[str, Any]]] = [(f"/v1/benchmarks/{data['name']}/runs", {"models": ["general"]})]
        for path, body in asked:
            answer = service.post(path, json=body)
            assert answer.status_code == 400, (path, answer.text)
            message = answer.json()["error"]["message"]
            assert f"{data['name']!r} is of the kind {kind} (" in message
            assert "Name one with labels, or upload the file again with label=..." in message
        for path in ("/v1/training-runs", "/v1/training-runs/estimate") if kind == "text" else ():
            answer = service.post(path, json=recipe)
            assert answer.status_code == 400, (path, answer.text)
            assert "'text' holds texts alone, to read" in answer.json()["error"]["message"]
        with pytest.raises(InvalidRequest, match=f"A comparison of trainings takes .* is of the kind {kind} "):
            asyncio.run(read_study(Settings().database, str(data["name"]), task=None, sizes="all", seeds=1, limit=None))
    assert service.get("/v1/training-runs").json()["data"] == []
