"""The log of comparisons: pages newest first, one by its id, and everything as a file."""

import csv
import io
import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.comparisons import store
from app.datasets.export import csv_line
from tests.inference.conftest import Start

Made = list[Any]


@pytest.fixture
def logged(start: Start, database_url: str) -> tuple[TestClient, Made]:
    """A service with five comparisons, oldest first."""
    client = start(database_url=database_url)
    made = [
        client.post(
            "/v1/compare", json={"models": ["general", "nobody", "claims"], "prompt": f'{at}: "größer",\nthe ', "seed": at}
        ).json()
        for at in range(4)
    ]
    made.append(client.post("/v1/compare", json={"models": ["general", "claims"], "input": "x", "labels": ["a", "b"]}).json())
    return client, made


def test_pages_hold_every_comparison_once_newest_first(logged: tuple[TestClient, Made]) -> None:
    client, made = logged
    seen: list[Any] = []
    page = client.get("/v1/comparisons", params={"limit": 2}).json()
    while True:
        seen += page["data"]
        if page["next_cursor"] is None:
            break
        page = client.get("/v1/comparisons", params={"limit": 2, "cursor": page["next_cursor"]}).json()

    assert seen == made[::-1]


def test_what_is_not_there_is_not_found_and_a_strange_cursor_is_refused(logged: tuple[TestClient, Made]) -> None:
    client, _ = logged

    for strange in ("cmp_0", "%00", "%F0%9F%98%80"):
        assert client.get(f"/v1/comparisons/{strange}").status_code == 404
        answer = client.get(f"/v1/comparisons?cursor={strange}")
        wrong = 422 if strange == "%00" else 400  # no query value may hold a NUL
        assert (answer.status_code, answer.json()["error"]["param"]) == (wrong, "cursor")
    for limit in ("0", "101", "many"):
        assert client.get("/v1/comparisons", params={"limit": limit}).status_code == 422


def test_json_lines_hold_each_comparison_as_it_was_answered(
    logged: tuple[TestClient, Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, made = logged
    monkeypatch.setattr(store, "_PAGE", 2)

    answer = client.get("/v1/comparisons/export", params={"format": "jsonl"})

    assert answer.headers["content-type"] == "application/jsonl"
    assert answer.headers["content-disposition"] == 'attachment; filename="comparisons.jsonl"'
    assert [json.loads(line) for line in answer.text.splitlines()] == made


def test_csv_has_one_line_per_output_with_texts_whole(logged: tuple[TestClient, Made]) -> None:
    client, made = logged

    answer = client.get("/v1/comparisons/export", params={"format": "csv"})

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    outputs = [(one, output) for one in made for output in one["outputs"]]
    assert len(lines) == len(outputs) == 14
    for line, (one, output) in zip(lines, outputs, strict=True):
        assert line["id"] == one["id"]
        assert json.loads(line["input"]) == one["input"]
        assert line["model"] == output["model"]
        assert (line["text"], line["label"]) == (output["text"] or "", output["label"] or "")
        assert line["error"] == (output["error"]["message"] if output["error"] else "")
        assert line["digest"] == (output["digest"] or "")
        assert line["prompt_tokens"] == (str(output["usage"]["prompt_tokens"]) if output["usage"] else "")
    assert lines[-1]["label_mass"] == str(made[-1]["outputs"][-1]["label_mass"])


def test_an_empty_log_is_an_empty_file_or_a_header(start: Start) -> None:
    client = start()

    assert client.get("/v1/comparisons").json() == {"data": [], "next_cursor": None}
    assert client.get("/v1/comparisons/export").text == ""
    assert client.get("/v1/comparisons/export?format=csv").text.startswith("id,created_at,kind,")
    assert client.get("/v1/comparisons/export?format=xls").status_code == 422


def test_what_a_model_said_is_no_formula_in_a_spreadsheet() -> None:
    line = next(csv.reader(io.StringIO(csv_line(["=1+1", "@x", "-2", -2, "a=b", None, "2 - 1"]))))
    assert line == ["'=1+1", "'@x", "'-2", "-2", "a=b", "", "2 - 1"]
