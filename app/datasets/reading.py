"""Reads an uploaded file as a table of texts, row by row: CSV, TSV and JSON Lines here, Parquet beside."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import islice
from math import isfinite
from pathlib import PurePath
from typing import BinaryIO, Protocol

from app.datasets.encodings import MAX_LINE_CHARS, find_encoding
from app.errors import Unprocessable

SAMPLE_ROWS = 1000  # read to find the columns of JSON Lines

MAX_COLUMNS = 2000

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}

Record = tuple[int, tuple[str, ...]]  # line where it starts, cells


class Table(Protocol):
    """A file whose columns are known and whose rows are read from its start, as often as asked."""

    name: str
    columns: list[str]  # whose cells are texts, numbers, dates
    nested: list[str]  # whose cells are objects; read as JSON
    notes: list[str]

    def records(self, columns: Sequence[str]) -> Iterator[Record]:
        """The cells of these columns, row by row. Raises Unprocessable that names the line."""


def open_table(
    stream: BinaryIO, name: str, delimiter: str | None = None, *, most_bytes: int = 2**63 - 1, most_rows: int = 2**63 - 1
) -> Table:
    """`stream` can seek and stays open; `name` tells the format by its ending. Raises Unprocessable, or TooLarge for a Parquet
    file that says or shows that it unpacks to more than `most_bytes`, or has more than `most_rows`."""
    ending = PurePath(name).suffix.lower()
    if ending == ".parquet":
        from app.datasets.parquet import ParquetTable

        if delimiter is not None:
            raise Unprocessable(f"{name} is Parquet, which has no delimiter; leave it out.", param="delimiter")
        return ParquetTable(stream, name, most_bytes=most_bytes, most_rows=most_rows)
    if ending not in FORMATS:
        known = ", ".join([*FORMATS, ".parquet"])
        raise Unprocessable(f"{name or 'The file'} is none of {known}; name the file by its format.", param="file")
    encoding = find_encoding(stream, name)
    notes = [] if encoding != "cp1252" else [f"{name} is not UTF-8; it was read as Windows-1252. Check accents and quotes."]
    return FORMATS[ending](_Lines(stream, encoding, name), notes, delimiter)


def refuse_constant(constant: str) -> None:
    """Of `json.loads`, which would take NaN and Infinity."""
    raise ValueError(f"{constant} is no JSON; write null")


def check_width(table: str, columns: int) -> None:
    """Raises Unprocessable over MAX_COLUMNS."""
    if columns > MAX_COLUMNS:
        raise Unprocessable(f"{table} has more than {MAX_COLUMNS:,} columns; keep at most so many.", param="file")


def several_of(table: str, column: str, count: int) -> str:
    return f"{table} has {count} columns named {column!r}; give each its own name."


@dataclass(frozen=True)
class _Lines:
    """The text of a file, one line at a time, from its start at each iteration."""

    stream: BinaryIO
    encoding: str
    name: str

    def __iter__(self) -> Iterator[str]:
        self.stream.seek(0)
        text = TextIOWrapper(self.stream, self.encoding, newline="")
        try:
            number = 0
            while line := text.readline(MAX_LINE_CHARS + 1):
                number += 1
                if len(line) > MAX_LINE_CHARS:
                    raise self.error(number, f"it is longer than {MAX_LINE_CHARS:,} characters")
                yield line
        finally:
            text.detach()  # or it would close the stream

    def error(self, number: int, reason: str) -> Unprocessable:
        return Unprocessable(f"{self.name}, line {number}: {reason}.", param="file")


class CsvTable:
    """Delimited text with a header."""

    def __init__(self, lines: _Lines, notes: list[str], delimiter: str | None, default: str = ",") -> None:
        self.name, self.notes, self._lines = lines.name, notes, lines
        self._delimiter = delimiter or default
        self._refuse_other_delimiter()
        _, header = next(self._all(), (0, []))
        check_width(self.name, len(header))
        self.columns = [cell.strip() for cell in header]
        self.nested: list[str] = []

    def records(self, columns: Sequence[str]) -> Iterator[Record]:
        places = [self.columns.index(column) for column in columns]
        rows = self._all()
        next(rows)
        for line, cells in rows:
            if len(cells) != len(self.columns):
                raise self._lines.error(
                    line,
                    f"it has {len(cells)} cells and the header has {len(self.columns)}; a cell that holds the delimiter or a "
                    "line break needs double quotes around it",
                )
            yield line, tuple(cells[place] for place in places)

    def _all(self) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(self._lines, delimiter=self._delimiter, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                if "field limit" in str(error):
                    raise self._lines.error(
                        line, f"a cell is longer than {csv.field_size_limit():,} characters; shorten it, or close its quote"
                    ) from error
                raise self._lines.error(
                    line, f"it cannot be read as CSV ({error}); close each quote, and write a quote inside a cell twice"
                ) from error
            if cells is None:
                return
            if len(cells) > 1 or (cells and cells[0].strip()):  # not an empty line
                yield line, cells

    def _refuse_other_delimiter(self) -> None:
        if self._width(self._delimiter) >= 2:
            return
        for delimiter, noun in DELIMITERS.items():
            if self._width(delimiter) >= 2:
                shown = "tab" if delimiter == "\t" else delimiter
                raise Unprocessable(
                    f"{self.name} looks separated by {noun}, not by {DELIMITERS[self._delimiter]}; send it again with "
                    f"delimiter={shown}",
                    param="delimiter",
                )

    def _width(self, delimiter: str) -> int:
        """Cells in each of the first rows; 0 where they differ."""
        try:
            rows = islice(csv.reader(self._lines, delimiter=delimiter), 20)
            widths = {len(cells) for cells in rows if cells}
        except csv.Error:
            return 0
        return widths.pop() if len(widths) == 1 else 0


class JsonLinesTable:
    """One JSON object per line; its columns are the keys whose values are plain."""

    def __init__(self, lines: _Lines, notes: list[str], delimiter: str | None) -> None:
        if delimiter is not None:
            raise Unprocessable(f"{lines.name} is JSON Lines, which has no delimiter; leave it out.", param="delimiter")
        self.name, self.notes, self._lines = lines.name, notes, lines
        plain: dict[str, bool] = {}
        objects: dict[str, bool] = {}
        for _, record in islice(self._all(), SAMPLE_ROWS):
            for key, value in record.items():
                plain[key] = plain.get(key, True) and not isinstance(value, dict | list)
                objects[key] = objects.get(key, True) and isinstance(value, dict | None)
            check_width(self.name, len(plain))
        self.columns = [key for key, is_plain in plain.items() if is_plain and key.isprintable()]
        self.nested = [key for key, is_object in objects.items() if is_object and not plain[key] and key.isprintable()]

    def records(self, columns: Sequence[str]) -> Iterator[Record]:
        for line, record in self._all():
            yield line, tuple(self._cell(line, column, record.get(column)) for column in columns)

    def _all(self) -> Iterator[tuple[int, dict[str, object]]]:
        for line, text in enumerate(self._lines, 1):
            if not text.strip():
                continue
            try:
                record = json.loads(text, parse_constant=refuse_constant)
            except (ValueError, RecursionError) as error:
                hint = "; write one object per line, not one array" if line == 1 and text.startswith("[") else ""
                raise self._lines.error(line, f"it is not JSON ({error}){hint}") from error
            if not isinstance(record, dict):
                raise self._lines.error(line, "it is not a JSON object; write one object with the same keys per line")
            yield line, record

    def _cell(self, line: int, column: str, value: object) -> str:
        if isinstance(value, dict | list):
            if column not in self.nested:
                raise self._lines.error(line, f"{column!r} is not a text or number")
            try:
                return json.dumps(value, ensure_ascii=False, allow_nan=False)
            except RecursionError:
                raise self._lines.error(line, f"{column!r} nests too deep; make it flatter") from None
            except ValueError:
                raise self._lines.error(line, f"{column!r} holds a number that is too large; write it as a text") from None
        if value is None:
            return ""
        if isinstance(value, float) and not isfinite(value):
            raise self._lines.error(line, f"{column!r} is a number that is too large; write it as a text")
        return value if isinstance(value, str) else json.dumps(value)


# A new format of lines is one more line here: a function that takes the lines, notes and delimiter.
FORMATS: dict[str, Callable[[_Lines, list[str], str | None], Table]] = {
    ".csv": CsvTable,
    ".tsv": lambda lines, notes, delimiter: CsvTable(lines, notes, delimiter, default="\t"),
    ".jsonl": JsonLinesTable,
}
