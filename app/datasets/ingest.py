"""Turns uploaded files into rows with splits, and says in notes and a report what was assumed, cleaned, dropped or found."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, BinaryIO

from app.datasets import cleaning, looks
from app.datasets.columns import Columns, choose_columns, require
from app.datasets.kinds import Kind, Role, count_labels, count_sizes
from app.datasets.reading import Table, open_table
from app.datasets.report import measure
from app.datasets.rows import Rows, read_rows
from app.datasets.schemas import ContentOut, DatasetIn, DatasetRowOut, PreviewOut, ReportOut
from app.datasets.shares import share_out
from app.datasets.splits import LabelledRow, Split
from app.errors import TooLarge, Unprocessable, VersusError
from app.settings import Settings

PREVIEW_ROWS = 10
_LIKE_AN_ID = re.compile(r"ds_[0-9a-f]{28}")


@dataclass(frozen=True)
class Upload:
    """A file: it can seek and stays open. `split`: which split all of it is, where it was given as such."""

    stream: BinaryIO
    name: str
    split: Split = "train"


@dataclass(frozen=True)
class Ingested:
    """What `store.create_dataset` takes."""

    name: str
    source: str
    kind: Kind
    text_column: str
    label_column: str
    split: Mapping[str, Any]
    rows: Sequence[LabelledRow]
    columns: Sequence[str]
    notes: Sequence[str]
    report: Mapping[str, Any]


def ingest(uploads: Sequence[Upload], options: DatasetIn, settings: Settings) -> Ingested:
    """The first upload is the one whose columns are looked at; others are its official validation and test rows. Blocks.

    Raises Unprocessable (UnclearColumns where a guess is not sure enough), or TooLarge over the limits of the settings."""
    tables = _open(uploads, options, settings)
    seen = [] if _all_named(options) else looks.look_at(tables[0])
    return _ingest(uploads, tables, seen, options, settings, trust=False)


def preview(uploads: Sequence[Upload], options: DatasetIn, settings: Settings) -> PreviewOut:
    """What `ingest` would make, guesses and all, or why it would not. Blocks. Raises as `ingest` for unreadable files."""
    tables = _open(uploads, options, settings)
    seen = looks.look_at(tables[0])
    made, problem = None, None
    try:
        made = _ingest(uploads, tables, seen, options, settings, trust=True)
        _choose(tables[0], seen, options, trust=False)
    except VersusError as error:
        problem = error.message
    first = (
        [DatasetRowOut.of(made.kind, position, row) for position, row in enumerate(made.rows[:PREVIEW_ROWS])] if made else []
    )
    return PreviewOut.model_validate(
        {"source": _source(uploads), "columns": seen, "problem": problem, "dataset": made and _content(made), "rows": first}
    )


def upload_too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"The upload is larger than {limit:,} bytes. Send a smaller file, or raise the limit with VERSUS_MAX_UPLOAD_BYTES.",
        param="file",
    )


def _ingest(
    uploads: Sequence[Upload],
    tables: Sequence[Table],
    seen: Sequence[looks.Looks],
    options: DatasetIn,
    settings: Settings,
    *,
    trust: bool,
) -> Ingested:
    name = options.name or _name(_source(uploads[:1]))
    if _LIKE_AN_ID.fullmatch(name):
        raise Unprocessable(f"The name {name!r} has the form of a dataset's id; give another with name=...", param="name")

    # 1. Which column is what.
    columns = _choose(tables[0], seen, options, trust=trust)
    notes = [*(note for table in tables for note in table.notes), *columns.notes]

    # 2. The rows, less those that lack something and those of rare labels.
    cleaned: Counter[str] = Counter()
    read = Rows.joined(
        [
            read_rows(table, columns, options, cleaned, most=settings.max_upload_rows, split=upload.split, notes=notes)
            for table, upload in zip(tables, uploads, strict=True)
        ]
    )
    if len(read.texts) > settings.max_upload_rows:
        raise TooLarge(
            f"The files have more than {settings.max_upload_rows:,} rows together. Send fewer, or raise the limit with "
            "VERSUS_MAX_UPLOAD_ROWS.",
            param="file",
        )
    notes += cleaning.note(cleaned)
    if columns.kind == "classification":
        read = read.most_frequent(options.top, notes)
        read.check_labels(columns.target[0], settings.max_labels)

    # 3. Each in its split, none in train that test has.
    labelled, split = share_out(read, options, columns.kind, has_files=len(uploads) > 1, notes=notes)
    labelled, report = measure(labelled, columns, options, cleaned, notes)
    if columns.kind == "classification":
        _note_unseen_labels(labelled, notes)
    return Ingested(
        name=name,
        source=_source(uploads),
        kind=columns.kind,
        text_column=columns.text,
        label_column=",".join(columns.target),
        split=split,
        rows=labelled,
        columns=options.kept,
        notes=notes,
        report=report.model_dump(),
    )


def _open(uploads: Sequence[Upload], options: DatasetIn, settings: Settings) -> list[Table]:
    delimiter = "\t" if options.delimiter == "tab" else options.delimiter
    limits = {"most_bytes": settings.max_upload_bytes, "most_rows": settings.max_upload_rows}
    tables = []
    for upload in uploads:
        table = open_table(upload.stream, _file_name(upload.name), delimiter, **limits)
        if next(iter(table.records([])), None) is None:
            raise Unprocessable(f"{table.name} has no rows.", param="file")
        tables.append(table)
    return tables


def _named(options: DatasetIn) -> dict[Role, tuple[str, ...]]:
    given: dict[Role, str | None] = {"text": options.text, "label": options.label, "answer": options.answer}
    named: dict[Role, tuple[str, ...]] = {role: (column,) for role, column in given.items() if column is not None}
    if options.fields is not None:
        named["fields"] = tuple(name.strip() for name in options.fields.split(",") if name.strip())
    return named


def _all_named(options: DatasetIn) -> bool:
    return options.text is not None and (len(_named(options)) > 1 or options.kind == "text")


def _choose(table: Table, seen: Sequence[looks.Looks], options: DatasetIn, *, trust: bool) -> Columns:
    if options.split_by is not None:
        require(table, options.split_by, "split_by")
    for column in options.kept:
        require(table, column, "keep")
    not_these = [*options.kept, *([] if options.split_by is None else [options.split_by])]
    columns = choose_columns(table, seen, named=_named(options), kind=options.kind, not_these=not_these)
    if columns.unclear is not None and not trust:
        raise columns.unclear
    return columns


def _content(made: Ingested) -> ContentOut:
    labels, counts = count_labels(made.kind, made.rows)
    plain = {name: getattr(made, name) for name in ("name", "kind", "source", "text_column", "split", "columns", "notes")}
    return ContentOut(
        **plain,
        label_column=made.label_column or None,
        rows=len(made.rows),
        sizes=count_sizes(made.rows),
        labels=labels,
        counts=counts,
        report=ReportOut.model_validate(made.report),
    )


def _note_unseen_labels(rows: Sequence[LabelledRow], notes: list[str]) -> None:
    known = {row.label for row in rows if row.split == "train"}
    unseen = Counter(row.label for row in rows if row.label not in known)
    if unseen:
        names = ", ".join(repr(label) for label, _ in unseen.most_common(5))
        more = ", ..." if len(unseen) > 5 else ""
        notes.append(f"Rows of validation and test whose label train never has: {unseen.total():,} ({names}{more}).")


def _file_name(name: str) -> str:
    return "".join(filter(str.isprintable, PurePath(name.replace("\\", "/")).name))[-200:]


def _source(uploads: Sequence[Upload]) -> str:
    return " + ".join(_file_name(upload.name) for upload in uploads)


def _name(source: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", PurePath(source).stem.lower()).strip("-._")[:100] or "dataset"
