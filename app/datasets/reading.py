"""Reads an uploaded file as a table of texts, line by line: CSV, TSV and JSON Lines, in the encodings that people send."""

import codecs
import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import islice
from pathlib import PurePath
from typing import BinaryIO, Protocol

from app.errors import Unprocessable

MAX_LINE_CHARS = 1_000_000  # what one line may take of memory
SAMPLE_ROWS = 1000  # read to find the columns of JSON Lines, and to guess which are which

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}

Record = tuple[int, tuple[str, ...]]  # line where it starts, cells


class Table(Protocol):
    """A file whose columns are known and whose rows are read from its start, as often as asked."""

    name: str
    columns: list[str]
    notes: list[str]

    def records(self, columns: Sequence[str]) -> Iterator[Record]:
        """The cells of these columns, row by row. Raises Unprocessable that names the line."""


def open_table(stream: BinaryIO, name: str, delimiter: str | None = None) -> Table:
    """`stream` can seek and stays open; `name` tells the format by its ending. Raises Unprocessable."""
    ending = PurePath(name).suffix.lower()
    if ending not in FORMATS:
        raise Unprocessable(f"{name or 'The file'} is none of {', '.join(FORMATS)}; name the file by its format.", param="file")
    encoding = _encoding(stream, name)
    notes = [] if encoding != "cp1252" else [f"{name} is not UTF-8; it was read as Windows-1252. Check accents and quotes."]
    return FORMATS[ending](_Lines(stream, encoding, name), notes, delimiter)


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
        self.columns = [cell.strip() for cell in header]

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
        for _, record in islice(self._all(), SAMPLE_ROWS):
            for key, value in record.items():
                plain[key] = plain.get(key, True) and not isinstance(value, dict | list)
        self.columns = [key for key, is_plain in plain.items() if is_plain and key.isprintable()]

    def records(self, columns: Sequence[str]) -> Iterator[Record]:
        for line, record in self._all():
            yield line, tuple(self._cell(line, column, record.get(column)) for column in columns)

    def _all(self) -> Iterator[tuple[int, dict[str, object]]]:
        for line, text in enumerate(self._lines, 1):
            if not text.strip():
                continue
            try:
                record = json.loads(text)
            except (ValueError, RecursionError) as error:
                hint = "; write one object per line, not one array" if line == 1 and text.startswith("[") else ""
                raise self._lines.error(line, f"it is not JSON ({error}){hint}") from error
            if not isinstance(record, dict):
                raise self._lines.error(line, "it is not a JSON object; write one object with the same keys per line")
            yield line, record

    def _cell(self, line: int, column: str, value: object) -> str:
        if isinstance(value, dict | list):
            raise self._lines.error(line, f"{column!r} is not a text or number")
        if value is None:
            return ""
        return value if isinstance(value, str) else json.dumps(value)


def _encoding(stream: BinaryIO, name: str) -> str:
    stream.seek(0)
    start = stream.read(4)
    if not start:
        raise Unprocessable(f"{name} is empty.", param="file")
    utf16 = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if utf16 else ("utf-8-sig", "cp1252"):
        if _decodes(stream, encoding, name):
            return encoding
    raise Unprocessable(f"{name} is text in none of UTF-8, UTF-16 and Windows-1252; save it as UTF-8.", param="file")


def _decodes(stream: BinaryIO, encoding: str, name: str) -> bool:
    stream.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while chunk := stream.read(2**20):
            if "\0" in decoder.decode(chunk):
                raise Unprocessable(
                    f"{name} holds NUL bytes: it is a binary file (a spreadsheet, an archive), not text. "
                    "Export it as CSV in UTF-8.",
                    param="file",
                )
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


# A new format is one more line: a function that takes the lines (or their stream), notes and delimiter.
FORMATS: dict[str, Callable[[_Lines, list[str], str | None], Table]] = {
    ".csv": CsvTable,
    ".tsv": lambda lines, notes, delimiter: CsvTable(lines, notes, delimiter, default="\t"),
    ".jsonl": JsonLinesTable,
}
