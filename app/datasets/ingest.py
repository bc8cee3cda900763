"""Turns an uploaded file into labelled rows with splits, and says in notes what was assumed, dropped or found."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, BinaryIO

from app.datasets import splits
from app.datasets.columns import choose_columns
from app.datasets.reading import Table, open_table
from app.datasets.schemas import DatasetIn
from app.datasets.splits import SPLITS, LabelledRow, Split, Strategy
from app.errors import TooLarge, Unprocessable
from app.settings import Settings

MAX_TEXT_CHARS = 20_000
MAX_LABEL_CHARS = 200


@dataclass(frozen=True)
class Ingested:
    """What `store.create_dataset` takes."""

    name: str
    source: str
    text_column: str
    label_column: str
    split: dict[str, Any]
    rows: list[LabelledRow]
    notes: list[str]


@dataclass(frozen=True)
class _Row:
    line: int
    text: str
    label: str
    key: str  # cell of the split_by column, or empty


def ingest(stream: BinaryIO, filename: str, options: DatasetIn, settings: Settings) -> Ingested:
    """`stream` can seek and stays open. Blocks. Raises Unprocessable, or TooLarge over `max_upload_rows`."""
    # 1. The file as a table, and its columns.
    source = "".join(filter(str.isprintable, PurePath(filename.replace("\\", "/")).name))[-200:]
    table = open_table(stream, source, "\t" if options.delimiter == "tab" else options.delimiter)
    if next(table.records([]), None) is None:
        raise Unprocessable(f"{source} has no rows.", param="file")
    columns = choose_columns(table, text=options.text, label=options.label, split_by=options.split_by)
    notes = [*table.notes, *columns.notes]

    # 2. Its rows, less those without text or label and those of rare labels.
    names = [columns.text, columns.label, *([options.split_by] if options.split_by else [])]
    rows = _read(table, names, settings.max_upload_rows, notes)
    rows = _most_frequent(rows, options.top, notes)
    _check_labels(rows, columns.label, settings.max_labels)

    # 3. Each in its split, none twice.
    fractions = splits.parse_fractions(options.fractions)
    strategy = _strategy(options, rows)
    labelled = [
        LabelledRow(split, row.text, row.label)
        for split, row in zip(_split(rows, strategy, options, fractions, notes), rows, strict=True)
    ]
    labelled = _drop_repeats(labelled, notes)
    _check_splits(labelled, options.fractions)
    _note_unseen_labels(labelled, notes)
    split = {
        "strategy": strategy,
        "column": options.split_by,
        "fractions": dict(fractions),
        "seed": None if strategy == "time" else options.seed,
    }
    return Ingested(options.name or _name(source), source, columns.text, columns.label, split, labelled, notes)


def upload_too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"The upload is larger than {limit:,} bytes. Send a smaller file, or raise the limit with VERSUS_MAX_UPLOAD_BYTES.",
        param="file",
    )


def _read(table: Table, columns: Sequence[str], most: int, notes: list[str]) -> list[_Row]:
    rows: list[_Row] = []
    without_text = without_label = 0
    for count, (line, cells) in enumerate(table.records(columns), 1):
        if count > most:
            raise TooLarge(
                f"{table.name} has more than {most:,} rows. Send fewer, or raise the limit with VERSUS_MAX_UPLOAD_ROWS.",
                param="file",
            )
        text, label, *key = (cell.strip() for cell in cells)
        if not text:
            without_text += 1
        elif not label:
            without_label += 1
        else:
            _check_cell(table.name, line, columns[0], text, MAX_TEXT_CHARS, "cut it into several rows or shorten it")
            hint = "is this the column of texts? Name the label column with label=..."
            _check_cell(table.name, line, columns[1], label, MAX_LABEL_CHARS, hint)
            rows.append(_Row(line, text, label, *(key or [""])))
    if without_text or without_label:
        notes.append(f"Rows left out because a cell is empty: {without_text:,} without text, {without_label:,} without label.")
    if not rows:
        raise Unprocessable(f"No row of {table.name} has both a text in {columns[0]!r} and a label in {columns[1]!r}.")
    return rows


def _check_cell(name: str, line: int, column: str, cell: str, most: int, hint: str) -> None:
    where = f"{name}, line {line}, column {column!r}:"
    if len(cell) > most:
        raise Unprocessable(f"{where} {len(cell):,} characters, and at most {most:,} fit; {hint}.", param="file")
    if "\0" in cell or not _is_unicode(cell):
        raise Unprocessable(f"{where} it holds a NUL or half a character (a lone surrogate); remove it.", param="file")


def _is_unicode(cell: str) -> bool:
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True


def _most_frequent(rows: list[_Row], top: int | None, notes: list[str]) -> list[_Row]:
    frequent = sorted(Counter(row.label for row in rows).items(), key=lambda item: (-item[1], item[0]))
    if top is None or top >= len(frequent):
        return rows
    kept = {label for label, _ in frequent[:top]}
    left = [row for row in rows if row.label in kept]
    notes.append(f"Kept the {top} most frequent of {len(frequent)} labels; left out {len(rows) - len(left):,} rows of others.")
    return left


def _check_labels(rows: Sequence[_Row], column: str, most: int) -> None:
    labels = {row.label for row in rows}
    if len(labels) < 2:
        raise Unprocessable(
            f"All {len(rows):,} rows have the label {rows[0].label!r} in {column!r}; at least 2 labels are needed.",
            param="label",
        )
    if len(labels) > most:
        raise Unprocessable(
            f"Column {column!r} has {len(labels):,} distinct values and at most {most:,} labels are taken. Name the label "
            "column with label=..., or keep the most frequent with top=...",
            param="label",
        )


def _strategy(options: DatasetIn, rows: Sequence[_Row]) -> Strategy:
    strategy: Strategy = "random"
    if options.split_by is not None:
        strategy = "time" if splits.is_day(rows[0].key) else "group"
    if options.split is not None and (options.split == "random") != (options.split_by is None):
        need = "takes no split_by column" if options.split == "random" else "needs the name of its column as split_by"
        raise Unprocessable(f"split={options.split} {need}.", param="split_by")
    return options.split or strategy


def _split(
    rows: Sequence[_Row], strategy: Strategy, options: DatasetIn, fractions: splits.Fractions, notes: list[str]
) -> list[Split]:
    if strategy == "random":
        return splits.random_split([row.label for row in rows], fractions, options.seed)
    column = str(options.split_by)
    if strategy == "time":
        days = splits.parse_days([(row.line, row.key) for row in rows], column)
        made = splits.time_split(days, fractions)
        spans = []
        for name in SPLITS:
            within = [day for day, split in zip(days, made, strict=True) if split == name]
            spans.append(f"{name} {min(within)} to {max(within)}")
        notes.append(f"Split by time on {column!r}: {', '.join(spans)}.")
        return made
    for row in rows:
        if not row.key:
            raise Unprocessable(f"Line {row.line} has no group in column {column!r}; fill it or split in another way.")
    notes.append(f"Split by {column!r}: the rows of each of its {len({row.key for row in rows}):,} values are in one split.")
    return splits.group_split([row.key for row in rows], fractions, options.seed)


def _drop_repeats(rows: list[LabelledRow], notes: list[str]) -> list[LabelledRow]:
    """Without the validation texts that train has, and the test texts that train or validation have, word for word."""
    seen: set[str] = set()
    dropped: set[LabelledRow] = set()
    for split in SPLITS:
        here = [row for row in rows if row.split == split]
        dropped.update(row for row in here if row.text in seen)
        seen.update(row.text for row in here)
    left = [row for row in rows if row not in dropped]
    if dropped:
        count = Counter(row.split for row in rows if row in dropped)
        notes.append(
            "Rows left out because an earlier split has their text word for word: "
            f"{count['validation']:,} of validation, {count['test']:,} of test."
        )
    return left


def _check_splits(rows: Sequence[LabelledRow], fractions: str) -> None:
    sizes = Counter(row.split for row in rows)
    for split in SPLITS:
        if not sizes[split]:
            raise Unprocessable(
                f"{len(rows):,} rows are too few for a split of {fractions}: no row is left for {split}. Send more rows, or "
                "change the fractions.",
                param="file",
            )
    if len(labels := {row.label for row in rows if row.split == "train"}) < 2:
        raise Unprocessable(
            f"All rows of train have the label {labels.pop()!r}; at least 2 labels are needed. Split in another way.",
            param="split",
        )


def _note_unseen_labels(rows: Sequence[LabelledRow], notes: list[str]) -> None:
    known = {row.label for row in rows if row.split == "train"}
    unseen = Counter(row.label for row in rows if row.label not in known)
    if unseen:
        names = ", ".join(repr(label) for label, _ in unseen.most_common(5))
        more = ", ..." if len(unseen) > 5 else ""
        notes.append(f"Rows of validation and test whose label train never has: {unseen.total():,} ({names}{more}).")


def _name(source: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", PurePath(source).stem.lower()).strip("-._")[:100] or "dataset"
