"""Texts lose what nobody sees and keep all else; labels that look alike are told and never changed."""

import csv
import io
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.datasets.cleaning import alike, clean, note

Upload = Callable[..., httpx.Response]


@pytest.mark.parametrize(
    ("text", "cleaned", "change"),
    [
        ("  a cut on the hand\n", "a cut on the hand", "spaces_around"),
        ("first\r\nsecond\rthird", "first\nsecond\nthird", "line_ends"),
        ("a\u200bcut\ufeff on\u00ad the\x07 hand", "acut on the hand", "invisible"),
        ("5\u00a0kg of\u2009coal", "5 kg of coal", "spaces"),
        ("cafe\u0301", "café", "composed"),
    ],
)
def test_each_change_is_made_and_counted(text: str, cleaned: str, change: str) -> None:
    changed: Counter[str] = Counter()
    assert clean(text, changed) == cleaned
    assert +changed == {change: 1}


@pytest.mark.parametrize(
    "text", ["tab\there", "two\n\nlines", "👩‍👩‍👧 family", "می‌خواهم", "naïve 5 € “quoted”", "ｆｕｌｌ width"]
)
def test_what_means_something_stays(text: str) -> None:
    changed: Counter[str] = Counter()
    assert clean(text, changed) == text
    assert note(changed) == []


@given(st.text())
def test_a_clean_text_is_not_changed_again(text: str) -> None:
    once = clean(text, Counter())
    changed: Counter[str] = Counter()
    assert clean(once, changed) == once
    assert not +changed


def test_labels_alike_are_grouped_by_case_space_and_form() -> None:
    assert alike(["Fire", "fire ", "water", "FI RE", "ｆire", "theft"]) == [["Fire", "fire ", "FI RE", "ｆire"]]


def test_labels_that_differ_by_case_or_space_are_told_and_stay_as_they_came(client: TestClient, upload: Upload) -> None:
    labels = ("Fire", "fire ", "wa\u00a0ter", "theft")
    content = io.StringIO()
    csv.writer(content).writerows([("text", "label"), *((f" story {i} of the desk ", labels[i % 4]) for i in range(80))])
    dataset = upload(content.getvalue()).json()
    assert set(dataset["labels"]) == set(labels)
    assert dataset["report"]["labels_alike"] == [["Fire", "fire "]]
    warning = "Labels that differ only by case or space count as different: 'Fire' (20) and 'fire ' (20). Write them alike if"
    assert any(line.startswith(warning) for line in dataset["notes"])
    rows = client.get("/v1/datasets/desk/rows").json()["data"]
    assert [(row["text"], row["label"]) for row in rows[:2]] == [
        ("story 0 of the desk", "Fire"),
        ("story 1 of the desk", "fire "),
    ]


def test_texts_can_be_kept_as_they_came(client: TestClient, upload: Upload) -> None:
    dataset: dict[str, Any] = upload(
        "text,label\n" + "\n".join(f" story {i}  ,{'ab'[i % 2]}" for i in range(40)), clean=False
    ).json()
    assert dataset["report"]["cleaned"] == {}
    assert client.get("/v1/datasets/desk/rows").json()["data"][0]["text"] == " story 0  "
