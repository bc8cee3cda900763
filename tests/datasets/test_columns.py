"""What columns are for is guessed with a confidence, told with its reasons, and refused where it is not sure enough."""

import csv
import io
import random
from typing import Any

import pytest

from app.datasets.columns import MIN_CONFIDENCE, Columns, choose_columns
from app.datasets.looks import look_at
from app.datasets.reading import open_table
from app.errors import Unprocessable

RNG = random.Random(3)
WORDS = [
    "the",
    "hand",
    "was",
    "caught",
    "between",
    "a",
    "rock",
    "and",
    "belt",
    "while",
    "he",
    "cleaned",
    "under",
    "conveyor",
    "with",
    "shovel",
    "then",
    "pain",
    "in",
    "back",
]


def sentence(words: int = 15) -> str:
    return " ".join(RNG.choices(WORDS, k=words))


def guess(columns: dict[str, list[Any]], **options: Any) -> Columns:
    content = io.StringIO()
    csv.writer(content).writerows([list(columns), *zip(*columns.values(), strict=True)])
    table = open_table(io.BytesIO(content.getvalue().encode()), "desk.csv")
    return choose_columns(table, look_at(table), **({"named": {}} | options))


TICKETS: dict[str, dict[str, list[Any]]] = {
    "tickets": {
        "id": list(range(200)),
        "created_at": [f"2026-01-{i % 28 + 1:02}" for i in range(200)],
        "body": [sentence() for _ in range(200)],
        "queue": [("billing", "outage", "other")[i % 3] for i in range(200)],
        "priority": [i % 4 for i in range(200)],
    },
    "reviews": {
        "review_text": [sentence(40) for _ in range(200)],
        "stars": [i % 5 + 1 for i in range(200)],
        "helpful": [i % 17 for i in range(200)],
    },
    "codes": {
        "narrative": [sentence() for _ in range(200)],
        "body_part_code": [100 + i % 12 for i in range(200)],
        "body_part": [f"PART {i % 12}" for i in range(200)],
    },
}


@pytest.mark.parametrize(
    ("name", "text", "label"),
    [("tickets", "body", "queue"), ("reviews", "review_text", "stars"), ("codes", "narrative", "body_part")],
)
def test_files_as_teams_have_them(name: str, text: str, label: str) -> None:
    found = guess(TICKETS[name])
    assert (found.kind, found.text, found.target) == ("classification", text, (label,))
    assert found.unclear is None
    assert all(choice.confidence >= MIN_CONFIDENCE and not choice.named for choice in found.choices)
    assert found.notes[-2].startswith(f"The text is column {text!r}: not named, guessed (")


def test_summaries_are_text_to_text() -> None:
    found = guess({"dialogue": [sentence(60) for _ in range(100)], "summary": [sentence(12) for _ in range(100)]})
    assert (found.kind, found.text, found.target, found.unclear) == ("text_to_text", "dialogue", ("summary",), None)
    assert found.notes[0].startswith("The kind is text_to_text: not named, guessed (confidence ")


def test_objects_are_fields() -> None:
    objects = [f'{{"who": "{RNG.choice(WORDS)}"}}' for _ in range(100)]
    found = guess({"text": [sentence() for _ in range(100)], "fields": objects})
    assert (found.kind, found.target, found.unclear) == ("extraction", ("fields",), None)


def test_a_single_column_is_texts_alone() -> None:
    found = guess({"sentence": [sentence() for _ in range(100)], "empty": [""] * 100}, kind="text")
    assert (found.kind, found.text, found.target) == ("text", "sentence", ())


def test_two_columns_that_could_both_be_the_text_are_not_chosen_between() -> None:
    columns = {name: [sentence() for _ in range(100)] for name in ("before", "after")} | {"label": ["a", "b"] * 50}
    found = guess(columns)
    assert found.unclear is not None
    assert found.unclear.param == "text"
    assert set(found.unclear.choices[:2]) == {"before", "after"}
    assert "'before' 0." in found.unclear.message
    named = guess(columns, named={"text": ("after",)})
    assert (named.text, named.unclear) == ("after", None)
    assert (named.choices[0].named, named.choices[0].confidence) == (True, 1.0)


def test_two_columns_that_could_both_be_the_label_are_not_chosen_between() -> None:
    columns = {"text": [sentence() for _ in range(100)], "first": ["a", "b"] * 50, "second": ["x", "x", "y", "z"] * 25}
    unclear = guess(columns).unclear
    assert unclear is not None
    assert (unclear.param, set(unclear.choices)) == ("label", {"first", "second"})


def test_other_columns_without_a_likely_use_need_a_word() -> None:
    unclear = guess({"text": [sentence() for _ in range(100)], "reference": [f"R{i}" for i in range(100)]}).unclear
    assert unclear is not None
    assert unclear.param == "kind"
    assert "or kind=text for texts alone" in unclear.message


def test_a_second_likely_kind_is_told() -> None:
    columns = {
        "dialogue": [sentence(60) for _ in range(200)],
        "remarks": [sentence(30) for _ in range(200)],
        "section": [f"S{i % 10}" for i in range(200)],
    }
    notes = guess(columns).notes
    assert any(note.startswith("It could also be text_to_text with answer=remarks (confidence 0.") for note in notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"named": {"label": ("queue",), "answer": ("body",)}}, "label=... and answer=... do not fit together"),
        ({"named": {"answer": ("queue",)}, "kind": "classification"}, "answer=... does not fit kind=classification"),
        ({"named": {"label": ("queue",)}, "kind": "text"}, "label=... does not fit kind=text"),
        ({"named": {"text": ("bdy",)}}, "no column 'bdy'. Did you mean 'body'?"),
        ({"named": {"fields": ("queue", "nothing")}}, "no column 'nothing'"),
        ({"named": {}, "kind": "extraction"}, "No column of desk.csv looks like the fields"),
    ],
)
def test_roles_that_do_not_fit_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        guess(TICKETS["tickets"], **options)
    assert message in refused.value.message


def test_columns_named_as_in_an_export_are_what_they_are_called() -> None:
    columns = {"split": ["train", "test"] * 20, "text": [str(i) for i in range(40)], "answer": ["yes", "no"] * 20}
    found = guess(columns, not_these=["split"])
    assert (found.kind, found.text, found.target, found.unclear, found.notes) == ("text_to_text", "text", ("answer",), None, [])
    named = guess(columns, not_these=["split"], named={"label": ("answer",), "text": ("text",)})
    assert (named.kind, named.target) == ("classification", ("answer",))
    more = guess(columns | {"day": ["2026-01-01"] * 40}, not_these=["split"], named={"text": ("text",)})
    assert more.kind_confidence < 1
