"""A preview tells what an upload would make, guesses and all, or why it would be refused; nothing of it is stored."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

WORDS = ["the", "hand", "was", "caught", "between", "rock", "and", "belt", "while", "he", "cleaned", "under", "a", "conveyor"]


def tickets(count: int = 120) -> str:
    """Two columns that could be the label, one that is surely the text."""
    lines = [f"{' '.join(WORDS[i % 7 :])} {i},{'abc'[i % 3]},{'xyz'[i // 3 % 3]},2026-01-{i % 28 + 1:02}" for i in range(count)]
    return "\n".join(["story,first,second,day", *lines])


@pytest.fixture
def preview(client: TestClient) -> Callable[..., dict[str, Any]]:
    def send(content: str, name: str = "desk.csv", /, **fields: Any) -> dict[str, Any]:
        answer: httpx.Response = client.post("/v1/datasets/preview", files={"file": (name, content.encode())}, data=fields)
        assert answer.status_code == 200, answer.text
        assert client.get("/v1/datasets").json()["data"] == []
        return dict(answer.json())

    return send


Preview = Callable[..., dict[str, Any]]


def test_columns_rows_and_report_are_told(preview: Preview) -> None:
    found = preview(tickets(), label="first", split_by="day")
    assert (found["problem"], found["source"]) == (None, "desk.csv")
    assert [(column["name"], column["looks"], column["distinct"]) for column in found["columns"]] == [
        ("story", "words", 120),
        ("first", "words", 3),
        ("second", "words", 3),
        ("day", "date", 28),
    ]
    dataset = found["dataset"]
    assert (dataset["kind"], dataset["text_column"], dataset["label_column"], dataset["rows"]) == (
        "classification",
        "story",
        "first",
        120,
    )
    assert dataset["split"]["strategy"] == "time"
    assert len(found["rows"]) == 10
    assert found["rows"][0] == {
        "position": 0,
        "split": "train",
        "text": f"{' '.join(WORDS)} 0",
        "columns": None,
        "label": "a",
        "answer": None,
        "fields": None,
    }


def test_a_guess_that_would_not_be_trusted_is_shown_with_the_reason(preview: Preview, client: TestClient) -> None:
    found = preview(tickets())
    assert found["problem"].startswith("It is not clear which column of desk.csv is the label: ")
    choices = {choice["role"]: choice for choice in found["dataset"]["report"]["columns"]}
    assert choices["text"]["confidence"] > 0.9
    assert choices["label"]["confidence"] < 0.6
    refused = client.post("/v1/datasets", files={"file": ("desk.csv", tickets().encode())})
    assert (refused.status_code, refused.json()["error"]["message"]) == (422, found["problem"])
    assert (refused.json()["error"]["code"], refused.json()["error"]["param"]) == ("unclear_columns", "label")


def test_what_cannot_be_made_tells_why_beside_the_columns(preview: Preview) -> None:
    found = preview(tickets(), label="first", split_by="second", split="time")
    assert "Line 2: 'x' in column 'second' is not a date" in found["problem"]
    assert (found["dataset"], found["rows"], len(found["columns"])) == (None, [], 4)


def test_a_file_that_cannot_be_read_is_refused(client: TestClient) -> None:
    answer = client.post("/v1/datasets/preview", files={"file": ("desk.csv", b"PK\x03\x04\0")})
    assert answer.status_code == 422


def test_the_report_tells_lengths_language_and_texts_with_two_labels(preview: Preview) -> None:
    lines = [f"the story that was told of a claim with number {i},{'ab'[i % 2]}" for i in range(98)]
    lines += ["the same story,a", "the same story,b"]
    dataset = preview("\n".join(["text,label", *lines]))["dataset"]
    report = dataset["report"]
    assert report["language"] == {"language": "en", "shares": report["language"]["shares"], "sampled": 100}
    assert report["lengths"]["text"]["words"]["max"] == 11
    assert report["lengths"]["text"]["words"]["min"] == 3
    assert report["contradictions"] == 1
    assert "Texts that come with more than one label: 1. No model can be right on all of their rows." in dataset["notes"]
    note = "Rows that repeat the text of an earlier row word for word: 1; each is in that row's split."
    assert note in dataset["notes"]
