"""Parquet: texts, numbers, dates and structs are read; what unpacks to more than it may is refused before it is unpacked."""

import io
import json
import struct
import tracemalloc
from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from app.datasets.pages import unpacked_bytes
from app.datasets.parquet import ParquetTable
from app.errors import TooLarge, Unprocessable

Upload = Callable[..., httpx.Response]
LIMITS = {"most_bytes": 10_000_000, "most_rows": 1_000_000}


def packed(columns: dict[str, Any], **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, **options)
    return file.getvalue()


def opened(data: bytes, **limits: int) -> ParquetTable:
    return ParquetTable(io.BytesIO(data), "desk.parquet", **(LIMITS | limits))


@pytest.mark.parametrize("options", [{}, {"compression": "zstd", "data_page_version": "2.0"}, {"use_dictionary": False}])
def test_a_parquet_file_becomes_a_dataset(client: TestClient, upload: Upload, options: dict[str, Any]) -> None:
    stories = [f"the story of claim {number}" for number in range(60)]
    data = packed(
        {
            "story": stories,
            "kind": pa.array([("water", "fire")[number % 2] for number in range(60)]).dictionary_encode(),
            "day": [date(2026, 1, number // 3 + 1) for number in range(60)],
            "amount": [number / 4 for number in range(60)],
            "tags": [["a", "b"]] * 60,
        },
        **options,
    )
    answer = upload(data, "desk.parquet", label="kind", split_by="day")
    assert answer.status_code == 201, answer.text
    dataset = answer.json()
    assert (dataset["rows"], dataset["labels"], dataset["split"]["strategy"]) == (60, ["fire", "water"], "time")
    rows = client.get("/v1/datasets/desk/rows", params={"limit": 100}).json()["data"]
    assert [row["text"] for row in rows] == stories


def test_cells_of_every_plain_type_are_texts() -> None:
    table = opened(
        packed(
            {
                "text": ["a", None, "ü€"],
                "number": [1, None, -3],
                "truth": [True, False, None],
                "day": [date(2026, 8, 31), None, date(2026, 9, 1)],
                "fields": [{"who": "Ann", "when": None}, None, {"who": "Bö", "when": date(2026, 1, 1)}],
                "bytes": [b"x", b"y", b"z"],
            }
        )
    )
    assert (table.columns, table.nested) == (["text", "number", "truth", "day"], ["fields"])
    assert list(table.records(["fields", "text", "number", "truth", "day"])) == [
        (1, ('{"who": "Ann", "when": null}', "a", "1", "true", "2026-08-31")),
        (2, ("", "", "", "false", "")),
        (3, ('{"who": "Bö", "when": "2026-01-01"}', "ü€", "-3", "", "2026-09-01")),
    ]


def test_what_pages_say_they_unpack_to_is_what_the_footer_says() -> None:
    texts = [f"text {number} " * 20 for number in range(5000)]
    for options in ({}, {"data_page_version": "2.0"}, {"data_page_size": 2000, "write_page_checksum": True}):
        data = packed({"text": texts, "label": ["a", "b"] * 2500}, **options)
        stream = io.BytesIO(data)
        group = pq.ParquetFile(stream).metadata.row_group(0)
        for chunk in map(group.column, range(group.num_columns)):
            # The footer counts the heads of pages too.
            assert 0.7 < unpacked_bytes(stream, chunk, "desk.parquet") / chunk.total_uncompressed_size <= 1


def test_a_bomb_by_compression_is_refused_before_it_unpacks(upload: Upload) -> None:
    data = packed({"text": ["0" * 19_000] * 2000, "label": ["a", "b"] * 1000}, use_dictionary=False, compression="zstd")
    assert len(data) < 100_000  # of 38 MB
    tracemalloc.start()
    answer = upload(data, "desk.parquet", text="text", label="label")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status_code == 413, answer.text
    assert answer.json()["error"]["message"].startswith("desk.parquet unpacks to more than 8,000,000 bytes.")
    assert peak < 10_000_000


def test_a_bomb_by_dictionary_is_refused_as_it_comes_out() -> None:
    """One text that a million rows refer to: the pages are small, the rows are not."""
    data = packed({"text": pa.array(["0" * 20_000] * 100_000).dictionary_encode()})
    assert len(data) < 100_000  # of 2 GB
    before = pa.total_allocated_bytes()
    with pytest.raises(TooLarge, match="unpacks to more than 10,000,000 bytes"):
        list(opened(data).records(["text"]))
    assert pa.total_allocated_bytes() - before < 20_000_000


def test_a_bomb_whose_footer_lies_is_refused() -> None:
    """The footer's total is made small; the pages still say what they unpack to."""
    data = packed({"text": ["0" * 19_000] * 2000}, use_dictionary=False, compression="zstd", write_statistics=False)
    said = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0).column(0).total_uncompressed_size
    lied = data.replace(varint(said), short(said))
    chunk = pq.ParquetFile(io.BytesIO(lied)).metadata.row_group(0).column(0)
    assert chunk.total_uncompressed_size < 10_000
    with pytest.raises(TooLarge):
        list(opened(lied).records(["text"]))


def varint(number: int) -> bytes:
    """As Thrift's compact protocol writes it: zigzag, 7 bits a byte."""
    number, out = number << 1, b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def short(number: int) -> bytes:
    """A small number in as many bytes: zeros that the encoding carries along."""
    size = len(varint(number))
    return bytes([0x80 | 8] + [0x80] * (size - 2) + [0])


def test_columns_that_are_not_read_are_no_bomb(upload: Upload) -> None:
    data = packed({"text": [f"claim {i}" for i in range(500)], "label": ["a", "b"] * 250, "scan": ["0" * 19_000] * 500})
    assert upload(data, "desk.parquet", text="text", label="label").status_code == 201


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "cannot be read as Parquet"),
        (b"PAR1" + b"x" * 50 + b"PAR1", "cannot be read as Parquet"),
        (b"text,label\na,b\n", "cannot be read as Parquet"),
        (packed({"text": ["a"] * 50})[:-20], "cannot be read as Parquet"),
    ],
)
def test_what_is_no_parquet_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(Unprocessable, match=message):
        opened(data)


@pytest.mark.parametrize("place", range(4, 44, 4))
def test_a_damaged_page_is_refused_and_nothing_else_happens(place: int) -> None:
    data = bytearray(packed({"text": [f"text {number}" for number in range(1000)]}, use_dictionary=False))
    data[place : place + 4] = struct.pack("<I", 0xFFFFFFFF)
    try:
        rows = list(opened(bytes(data)).records(["text"]))
    except (Unprocessable, TooLarge):
        return
    assert len(rows) == 1000


def test_more_rows_than_may_be_are_refused_by_the_footer_alone() -> None:
    with pytest.raises(TooLarge, match="has 1,000 rows and at most 999 are taken"):
        opened(packed({"text": ["a"] * 1000}), most_rows=999)


def test_numbers_that_json_lacks_are_null_and_the_export_is_json(client: TestClient, upload: Upload) -> None:
    odd = [float("nan"), float("inf"), float("-inf"), 1.5]
    fields = [{"n": odd[number % 4], "all": [odd[number % 4]]} for number in range(40)]
    data = packed({"text": [f"claim {number}" for number in range(40)], "fields": fields, "n": odd * 10})
    assert [cells for _, cells in opened(data).records(["n"])][:4] == [("",), ("",), ("",), ("1.5",)]
    assert upload(data, "desk.parquet", text="text", fields="fields").status_code == 201

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    exported = client.get("/v1/datasets/desk/export").text.splitlines()
    read = [json.loads(line, parse_constant=refuse)["fields"] for line in exported]
    assert read[:4] == [{"n": None, "all": [None]}] * 3 + [{"n": 1.5, "all": [1.5]}]


def test_maps_with_other_keys_than_texts_are_objects() -> None:
    keys = pa.array([[(date(2026, 1, 1), "a")]], pa.map_(pa.date32(), pa.string()))
    assert list(opened(packed({"fields": keys})).records(["fields"])) == [(1, ('{"2026-01-01": "a"}',))]


def test_two_columns_of_one_name_are_refused_as_in_csv(client: TestClient, upload: Upload) -> None:
    texts, labels = [f"claim {number}" for number in range(40)], ["a", "b"] * 20
    file = io.BytesIO()
    pq.write_table(pa.Table.from_arrays([pa.array(texts), pa.array(labels), pa.array(texts)], ["text", "label", "text"]), file)
    refused = upload("text,label,text\n" + "claim,a,claim\n" * 40, "desk.csv", text="text")
    in_csv = refused.json()["error"]["message"]
    files = {"file": ("desk.parquet", file.getvalue())}
    for path in ("/v1/datasets", "/v1/datasets/preview"):
        answer = client.post(path, files=files)
        assert answer.status_code == 422, answer.text
        assert answer.json()["error"]["message"] == in_csv.replace("desk.csv", "desk.parquet")


NO_JSON = {
    "two fields of one name": pa.StructArray.from_arrays([pa.array(["a"]), pa.array(["b"])], ["who", "who"]),
    "a day that Python lacks": pa.StructArray.from_arrays([pa.array([10**7], pa.int32()).cast(pa.date32())], ["day"]),
    "objects as keys": pa.array([[({"a": 1}, "b")]], pa.map_(pa.struct([("a", pa.int64())]), pa.string())),
}


@pytest.mark.parametrize("case", NO_JSON)
def test_structs_that_are_no_objects_are_refused(case: str) -> None:
    with pytest.raises(Unprocessable, match=r"desk.parquet, after row 0: "):
        list(opened(packed({"text": ["a"], "fields": NO_JSON[case]})).records(["text", "fields"]))


def test_a_delimiter_is_refused(upload: Upload) -> None:
    answer = upload(packed({"text": ["a"]}), "desk.parquet", delimiter=";")
    assert "Parquet, which has no delimiter" in answer.json()["error"]["message"]
