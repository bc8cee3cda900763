"""Files and fields that cannot become a dataset: each is told what to do instead, and leaves nothing behind."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from app.database.migrations import upgrade

Upload = Callable[..., httpx.Response]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: what is refused here never comes to a database."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'versus.db'}"
    upgrade(url)
    return url


GOOD = "text,label\n" + "\n".join(f"claim {i},{'ab'[i % 2]}" for i in range(40))
DAYS = "text,label,day\n" + "\n".join(f"claim {i},{'ab'[i % 2]},2026-02-{i + 1:02}" for i in range(28))

BAD_FILES = {
    "empty file": ("", {}, "desk.csv is empty."),
    "header only": ("text,label\n", {}, "desk.csv has no rows."),
    "empty rows only": ("text,label\n,\n ,a\nb,\n", {"text": "text", "label": "label"}, "No row of desk.csv has both"),
    "semicolons": (GOOD.replace(",", ";"), {}, "looks separated by semicolons, not by commas; send it again with delimiter=;"),
    "tabs": (GOOD.replace(",", "\t"), {}, "send it again with delimiter=tab"),
    "commas, said to be bars": (GOOD, {"delimiter": "|"}, "looks separated by commas, not by vertical bars"),
    "missing column": (GOOD, {"label": "lable"}, "no column 'lable'. Did you mean 'label'? Its columns: text, label."),
    "missing date column": (GOOD, {"split_by": "day"}, "no column 'day'. Its columns: text, label."),
    "column twice": (GOOD.replace("text,label", "text,text"), {"text": "text"}, "2 columns named 'text'"),
    "text is label": (GOOD, {"text": "text", "label": "text"}, "cannot be both text and label"),
    "one class": (GOOD.replace(",b", ",a"), {"label": "label"}, "All 40 rows have the label 'a' in 'label'; at least 2 labels"),
    "one class, guessed": (GOOD.replace(",b", ",a"), {}, "Name the column that belongs to the text: label=..."),
    "ragged": (GOOD + "\nclaim 40, a comma,a", {}, "desk.csv, line 42: it has 3 cells and the header has 2"),
    "ragged after a cell of two lines": (GOOD + '\n"claim\n40",a\nshort', {}, "line 44: it has 1 cells and the header has 2"),
    "quote never closed": (GOOD + '\n"claim 40,a', {}, "line 42: it cannot be read as CSV"),
    "quote inside a cell": (GOOD + '\n"claim "40"",a', {}, "line 42: it cannot be read as CSV"),
    "long text": (GOOD + "\n" + "x" * 20_001 + ",a", {}, "line 42, column 'text': 20,001 characters, and at most 20,000 fit"),
    "long label": (GOOD + "\nclaim," + "x" * 300, {"label": "label"}, "line 42, column 'label': 300 characters"),
    "long line": (GOOD + "\n" + "x" * 1_000_001 + ",a", {}, "line 42: it is longer than 1,000,000 characters"),
    "labels as many as rows": (
        "text,label\n" + "\n".join(f"claim {i},{i}" for i in range(1500)),
        {"text": "text", "label": "label"},
        "Column 'label' has 1,500 distinct values and at most 1,000 labels are taken",
    ),
    "2,000 classes": (
        "text,label\n" + "\n".join(f"claim {i},kind {i % 2000}" for i in range(4000)),
        {"text": "text", "label": "label"},
        "Column 'label' has 2,000 distinct values and at most 1,000 labels are taken (VERSUS_MAX_LABELS). Name the label "
        "column with label=..., or keep the most frequent with top=...",
    ),
    "five rows": (
        "text,label\na,1\nb,2\nc,1\nd,2\ne,1",
        {"label": "label", "text": "text"},
        "5 rows are too few to split: no row is left for validation. Send more rows",
    ),
    "few rows": ("text,label\na,1\nb,2\nc,1", {"label": "label", "text": "text"}, "3 rows are too few"),
    "bad date": (DAYS.replace("2026-02-09", "09.02."), {"split_by": "day"}, "Line 10: '09.02.' in column 'day' is not a date"),
    "no date": (DAYS.replace("2026-02-09", ""), {"split_by": "day"}, "Line 10: '' in column 'day' is not a date"),
    "impossible date": (DAYS.replace("2026-02-28", "2026-02-30"), {"split_by": "day"}, "Line 29: '2026-02-30'"),
    "ambiguous dates": (DAYS.replace("2026-02-", "02/").replace("02/", "01/02/20"), {"split_by": "day"}, "month/day/year or"),
    "two groups": (
        GOOD.replace("label", "label,g").replace(",b", ",b,x").replace(",a", ",a,y"),
        {"split_by": "g"},
        "2 group(s)",
    ),
    "time without column": (GOOD, {"split": "time"}, "split=time needs the name of its column as split_by."),
    "random by column": (DAYS, {"split": "random", "split_by": "day"}, "split=random takes no split_by column."),
    "no fractions": (GOOD, {"fractions": "0.7,0.3"}, "three positive numbers that sum to 1, like 0.7,0.1,0.2"),
    "fractions over 1": (GOOD, {"fractions": "0.7,0.3,0.3"}, "three positive numbers"),
    "fractions are words": (GOOD, {"fractions": "most,some,nan"}, "three positive numbers"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_file_that_cannot_be_read_is_explained(client: TestClient, upload: Upload, case: str) -> None:
    content, fields, message = BAD_FILES[case]
    answer = upload(content, **fields)
    assert answer.status_code == 422, answer.text
    assert message in answer.json()["error"]["message"]
    assert client.get("/v1/datasets").json()["data"] == []


BAD_LINES = {
    "not JSON": ('{"text": "a", "label": "b"}\n{"text": "a"', "line 2: it is not JSON"),
    "an array": ('[{"text": "a", "label": "b"},\n{"text": "a"}]', "line 1: it is not JSON"),
    "array in one line": ('[{"text": "a", "label": "b"}]', "line 1: it is not a JSON object"),
    "not an object": ('{"text": "a", "label": "b"}\n7', "line 2: it is not a JSON object"),
    "too deep": ("[" * 100_000, "line 1: it is not JSON"),
    "a number of 5,000 digits": ('{"text": "a", "label": %s}' % ("9" * 5000), "line 1: it is not JSON"),
    "NaN": ('{"text": "a", "label": "b"}\n{"text": "b", "label": "c", "n": NaN}', "line 2: it is not JSON (NaN is no JSON"),
    "infinity": ('{"text": "a", "label": "b", "n": {"a": -Infinity}}', "line 1: it is not JSON (-Infinity is no JSON"),
    "a number that is too large": ('{"text": "a", "label": 1e999}', "line 1: 'label' is a number that is too large"),
    "NUL": ('{"text": "a\\u0000", "label": "b"}\n{"text": "b", "label": "c"}', "line 1, column 'text': it holds a NUL"),
    "half a character": ('{"text": "a\\ud800", "label": "b"}\n{"text": "b", "label": "c"}', "line 1, column 'text'"),
    "nested": ('{"text": ["a"], "label": "b"}', "no column 'text'"),
    "a name that cannot be shown": ('{"\\ud800": "a", "label": "b"}', "no column 'text'. Its columns: label."),
}


@pytest.mark.parametrize("case", BAD_LINES)
def test_json_lines_that_cannot_be_read_are_explained(upload: Upload, case: str) -> None:
    content, message = BAD_LINES[case]
    answer = upload(content, "desk.jsonl", text="text", label="label")
    assert answer.status_code == 422, answer.text
    assert message in answer.json()["error"]["message"]


def test_a_nested_value_far_down_is_named(upload: Upload) -> None:
    lines = [json.dumps({"text": f"claim {i}", "label": "ab"[i % 2]}) for i in range(1200)]
    lines.append('{"text": {"a": 1}, "label": "a"}')
    assert "line 1201: 'text' is not a text or number" in upload("\n".join(lines), "desk.jsonl").text


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"PK\x03\x04\x00\x00\x00", "desk.csv", "binary file"),
        (GOOD.encode("utf-16-le"), "desk.csv", "binary file"),
        (b"\xff\xfet", "desk.csv", "begins as UTF-16 and cannot be read as such"),
        (GOOD.encode() + b"\x81", "desk.csv", "line 41: it is text in none of UTF-8, UTF-16 and Windows-1252"),
        (GOOD.encode(), "desk.xlsx", "desk.xlsx is none of .csv, .tsv, .jsonl"),
        (GOOD.encode(), "desk", "is none of .csv, .tsv, .jsonl"),
        (b"", "a\\b/desk.csv", "desk.csv is empty."),
    ],
)
def test_files_that_are_no_text(upload: Upload, content: bytes, name: str, message: str) -> None:
    answer = upload(content, name)
    assert answer.status_code == 422
    assert message in answer.json()["error"]["message"]


def test_more_rows_than_the_setting_allows(upload: Upload) -> None:
    answer = upload("text,label\n" + "some claim,a\n" * 30_001, text="text", label="label")
    assert answer.status_code == 413
    assert "more than 30,000 rows" in answer.json()["error"]["message"]
    assert "VERSUS_MAX_UPLOAD_ROWS" in answer.json()["error"]["message"]


def test_more_bytes_than_the_setting_allows(upload: Upload) -> None:
    answer = upload(b"x" * 9_000_000)
    assert answer.status_code == 413
    assert answer.json()["error"]["message"] == (
        "The upload is larger than 8,000,000 bytes. Send a smaller file, or raise the limit with VERSUS_MAX_UPLOAD_BYTES."
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lable", "x"),
        ("name", "No Spaces"),
        ("name", "../up"),
        ("top", "1"),
        ("seed", "-1"),
        ("split", "alphabet"),
        ("delimiter", "#"),
    ],
)
def test_a_wrong_field_is_named(upload: Upload, field: str, value: str) -> None:
    answer = upload(GOOD, **{field: value})
    assert answer.status_code == 422
    assert field in answer.json()["error"]["message"]


WIDE = {
    "desk.csv": ",".join(f"c{i}" for i in range(2001)) + "\n" + ",".join("a" for _ in range(2001)),
    "desk.jsonl": "\n".join(json.dumps({f"c{i}": "a", f"d{i}": "a", f"e{i}": {}}) for i in range(700)),
}


@pytest.mark.parametrize("name", WIDE)
def test_more_columns_than_may_be_are_refused(upload: Upload, name: str) -> None:
    answer = upload(WIDE[name], name)
    assert answer.status_code == 422
    assert answer.json()["error"]["message"] == f"{name} has more than 2,000 columns; keep at most so many."


def nested(levels: int) -> str:
    return '{"a": ' * levels + "1" + "}" * levels


@pytest.mark.parametrize("levels", [65, 300, 900, 5000])
@pytest.mark.parametrize("name", ["desk.jsonl", "desk.csv"])
def test_fields_that_nest_too_deep_are_refused(client: TestClient, upload: Upload, name: str, levels: int) -> None:
    rows = [(f"claim {i}", nested(levels if i == 30 else 1)) for i in range(40)]
    if name == "desk.csv":
        content = "\n".join(["text,fields", *(f'{text},"{fields.replace(chr(34), chr(34) * 2)}"' for text, fields in rows)])
    else:
        content = "\n".join(f'{{"text": "{text}", "fields": {fields}}}' for text, fields in rows)
    answer = upload(content, name, text="text", fields="fields")
    assert answer.status_code == 422, answer.text
    assert f"{name}, line {32 if name == 'desk.csv' else 31}" in answer.json()["error"]["message"]
    previewed = client.post("/v1/datasets/preview", files={"file": (name, content.encode())}, data={"fields": "fields"})
    assert previewed.status_code in (200, 422), previewed.text
    assert client.get("/v1/datasets").json()["data"] == []


def test_fields_of_as_many_levels_as_may_be_are_read_and_exported(client: TestClient, upload: Upload) -> None:
    content = "\n".join(f'{{"text": "claim {i}", "fields": {nested(64)}}}' for i in range(40))
    assert upload(content, "desk.jsonl", text="text", fields="fields").status_code == 201
    assert client.get("/v1/datasets/desk/rows").json()["data"][0]["fields"] == json.loads(nested(64))
    assert client.get("/v1/datasets/desk/export").text.count('{"a": ') == 64 * 40


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("name", ["desk.jsonl", "desk.csv"])
def test_fields_with_numbers_that_json_lacks_are_refused(client: TestClient, upload: Upload, name: str, number: str) -> None:
    if name == "desk.csv":
        content = "text,fields\n" + "\n".join(f'claim {i},"{{""n"": [{number if i == 30 else i}]}}"' for i in range(40))
    else:
        content = "\n".join(f'{{"text": "claim {i}", "fields": {{"n": [{number if i == 30 else i}]}}}}' for i in range(40))
    answer = upload(content, name, text="text", fields="fields")
    assert answer.status_code == 422, answer.text
    assert f"{name}, line {32 if name == 'desk.csv' else 31}" in answer.json()["error"]["message"]
    assert client.get("/v1/datasets").json()["data"] == []


def test_a_name_in_the_form_of_an_id_is_refused(client: TestClient, upload: Upload) -> None:
    like = "ds_" + "0661" * 7
    for answer in (upload(GOOD, name=like), upload(GOOD, f"{like}.csv")):
        assert (answer.status_code, answer.json()["error"]["param"]) == (422, "name")
        assert f"The name {like!r} has the form of a dataset's id" in answer.json()["error"]["message"]
    assert client.get("/v1/datasets").json()["data"] == []
    assert upload(GOOD, name="ds_desk").status_code == 201


def test_a_request_without_a_file_is_refused(client: TestClient) -> None:
    for answer in (
        client.post("/v1/datasets", data={"name": "x"}),
        client.post("/v1/datasets", json={}),
        client.post("/v1/datasets"),
    ):
        assert answer.status_code == 422
        assert "file" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/datasets", "/v1/datasets/preview"])
def test_two_files_of_one_name_are_refused(client: TestClient, path: str) -> None:
    answer = client.post(path, files=[("file", ("desk.csv", GOOD)), ("file", ("other.csv", GOOD))])
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, "file")
    assert answer.json()["error"]["message"] == "The upload has 2 parts named 'file'; send one."


def test_a_path_in_a_files_name_goes_nowhere(upload: Upload) -> None:
    dataset = upload(GOOD, "../../etc/Desk of\x1b[31m Claims.csv").json()
    assert (dataset["name"], dataset["source"]) == ("desk-of-31m-claims", "Desk of[31m Claims.csv")
