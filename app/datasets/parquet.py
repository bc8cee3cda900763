"""Reads Parquet as a table of texts, batch by batch, and refuses what unpacks to more than an upload may hold."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import types

from app.datasets.pages import unpacked_bytes
from app.datasets.reading import Record, check_width, several_of
from app.errors import TooLarge, Unprocessable

BATCH_ROWS = 500
_NOT_FINITE = {"nan", "-nan", "inf", "-inf"}  # as Arrow writes them
_METADATA_BYTES = 16 * 2**20  # of one string in the footer


class ParquetTable:
    """A Parquet file; texts, numbers, dates and truth values are its columns, structs its nested ones.

    What it unpacks to is bounded three times: by what the footer says, by what the head of each page says (which is what the
    decompressor allocates), and by what has come out so far."""

    def __init__(self, stream: BinaryIO, name: str, *, most_bytes: int, most_rows: int) -> None:
        self.name, self.notes = name, list[str]()
        self._stream, self._most_bytes = stream, most_bytes
        try:
            file = self._open([])
            schema, self._metadata = file.schema_arrow, file.metadata
        except (pa.ArrowException, OSError, ValueError) as error:
            raise Unprocessable(f"{name} cannot be read as Parquet: {_first_line(error)}.", param="file") from error
        if self._metadata.num_rows > most_rows:
            raise TooLarge(
                f"{name} has {self._metadata.num_rows:,} rows and at most {most_rows:,} are taken. Send fewer, or raise the "
                "limit with VERSUS_MAX_UPLOAD_ROWS.",
                param="file",
            )
        check_width(name, len(schema))
        for column, count in Counter(schema.names).items():
            if count > 1:
                raise Unprocessable(several_of(name, column, count), param="file")
        self.columns = [field.name for field in schema if _is_plain(field.type)]
        self.nested = [field.name for field in schema if types.is_struct(field.type) or types.is_map(field.type)]
        self._texts = [field.name for field in schema if _is_text(field.type)]
        self._checked: set[str] = set()

    def records(self, columns: Sequence[str]) -> Iterator[Record]:
        """`line` is the number of the row, the first is 1."""
        if not columns:
            yield from ((number, ()) for number in range(1, self._metadata.num_rows + 1))
            return
        self._check_pages(set(columns) - self._checked)
        self._checked |= set(columns)
        unpacked = line = 0
        try:
            file = self._open([column for column in self._texts if column in columns])
            for batch in file.iter_batches(BATCH_ROWS, columns=list(columns), use_threads=False):
                for column in batch.columns:
                    unpacked += _bytes(column)
                    if unpacked > self._most_bytes:
                        raise self._bomb()
                cells = [self._cells(batch.column(column), column) for column in columns]
                for row in zip(*cells, strict=True):
                    line += 1
                    yield line, row
        except (pa.ArrowException, OSError, ArithmeticError, RecursionError, TypeError, ValueError) as error:
            # The last four: what structs and maps hold that no JSON object can.
            raise Unprocessable(f"{self.name}, after row {line:,}: {_first_line(error)}.", param="file") from error

    def _open(self, texts: list[str]) -> pq.ParquetFile:
        """Texts stay in their dictionary: a word that stands a million times is not unpacked a million times."""
        self._stream.seek(0)
        source = pa.PythonFile(self._stream, mode="r")
        return pq.ParquetFile(
            source,
            read_dictionary=texts,
            pre_buffer=False,
            thrift_string_size_limit=_METADATA_BYTES,
            arrow_extensions_enabled=False,
        )

    def _check_pages(self, columns: set[str]) -> None:
        """Raises TooLarge before anything of these columns is unpacked."""
        said = shown = 0
        for group in map(self._metadata.row_group, range(self._metadata.num_row_groups)):
            for chunk in map(group.column, range(group.num_columns)):
                path = chunk.path_in_schema
                if path in columns or any(path.startswith(f"{column}.") for column in columns):
                    said += chunk.total_uncompressed_size
                    if said > self._most_bytes:
                        raise self._bomb()
                    shown += unpacked_bytes(self._stream, chunk, self.name)
                    if shown > self._most_bytes:
                        raise self._bomb()

    def _cells(self, column: pa.Array, name: str) -> list[str]:
        if name in self.nested:
            return ["" if value is None else _json(value) for value in column.to_pylist(maps_as_pydicts="lossy")]
        if types.is_dictionary(column.type):
            column = column.dictionary_decode()
        cells = ["" if value is None else value for value in pc.cast(column, pa.string()).to_pylist()]
        return ["" if cell in _NOT_FINITE else cell for cell in cells] if types.is_floating(column.type) else cells

    def _bomb(self) -> TooLarge:
        return TooLarge(
            f"{self.name} unpacks to more than {self._most_bytes:,} bytes. Send fewer rows or columns, or raise the limit with "
            "VERSUS_MAX_UPLOAD_BYTES.",
            param="file",
        )


def _is_text(kind: pa.DataType) -> bool:
    return (
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
        or (types.is_dictionary(kind) and _is_text(kind.value_type))
    )


def _is_plain(kind: pa.DataType) -> bool:
    simple = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal, types.is_date, types.is_timestamp)
    return _is_text(kind) or types.is_null(kind) or any(test(kind) for test in simple)


def _bytes(column: pa.Array) -> int:
    """What the cells take as texts of their own."""
    if types.is_dictionary(column.type):
        return pc.sum(pc.take(pc.binary_length(column.dictionary), column.indices)).as_py() or 0
    return int(column.nbytes)


def _json(value: Any) -> str:
    return json.dumps(_finite(value), ensure_ascii=False, default=str, allow_nan=False)


def _finite(value: Any) -> Any:
    """With null for NaN and infinities, which JSON does not have, and texts for keys."""
    match value:
        case float():
            return value if isfinite(value) else None
        case dict():
            return {key if isinstance(key, str) else str(key): _finite(part) for key, part in value.items()}
        case list():
            return [_finite(part) for part in value]
        case _:
            return value


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0].rstrip(".")[:200]
