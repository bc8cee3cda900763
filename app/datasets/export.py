"""Datasets as files: JSON Lines that become the same version when they are uploaded again, or CSV for a spreadsheet."""

import csv
import io
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal, get_args

from app.database.tables import DatasetRow
from app.datasets.kinds import target

Format = Literal["jsonl", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)
MEDIA_TYPES: dict[Format, str] = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}
# How a cell begins that spreadsheets compute, full-width signs too (OWASP, "CSV Injection").
FORMULA = (*"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20")


async def lines(
    kind: str, kept: Sequence[str], chunks: AsyncIterator[Sequence[DatasetRow]], form: Format
) -> AsyncIterator[str]:
    """The file in parts; `kind` and `kept` are the dataset's. Columns: split, text, and label, answer or fields, then `kept`.

    In CSV, an apostrophe stands before a text that a spreadsheet would compute, and fields are JSON in their cell."""
    if form == "csv":
        yield csv_line(["split", "text", *target(kind, "{}"), *kept])
    async for rows in chunks:
        records = [{"split": row.split, "text": row.text, **target(kind, row.label), **(row.columns or {})} for row in rows]
        if form == "jsonl":
            yield "".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in records)
        else:
            yield "".join(csv_line(map(_cell, record.values())) for record in records)


def csv_line(cells: Any) -> str:
    """With its line end; no cell of it is run as a formula by the spreadsheet that opens the file."""
    line = io.StringIO()
    csv.writer(line).writerow(map(_harmless, cells))
    return line.getvalue()


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _harmless(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
