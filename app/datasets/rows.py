"""Reads the rows of a table by what its columns are for, each checked and its text cleaned."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from app.datasets import cleaning
from app.datasets.columns import Columns, require
from app.datasets.kinds import Kind
from app.datasets.reading import Table, refuse_constant
from app.datasets.schemas import DatasetIn
from app.datasets.splits import Split
from app.errors import TooLarge, Unprocessable

MAX_TEXT_CHARS = 20_000
MAX_DOCUMENT_CHARS = 200_000  # of a text alone
MAX_LABEL_CHARS = 200
MAX_KEPT_CHARS = 1_000  # of a cell of a column that is kept beside them
MAX_NESTED = 64  # levels of objects and lists in fields
_LABEL_HINT = "is this the column of texts? Name the label column with label=..."
_MISSING: dict[Kind, str] = {"classification": "label", "extraction": "fields", "text_to_text": "answer", "text": "text"}


@dataclass(frozen=True)
class Rows:
    """Columns of equal length. `keys`: cells of the split_by column, or empty; `given`: the split of the row's file; `kept`:
    cells of the columns to keep, by column, or None where there are none."""

    lines: Sequence[int]
    texts: Sequence[str]
    targets: Sequence[str]
    keys: Sequence[str]
    given: Sequence[Split]
    kept: Sequence[Mapping[str, str] | None]

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        if len(parts) == 1:
            return parts[0]
        columns = zip(*(vars(part).values() for part in parts), strict=True)
        return cls(*([one for part in column for one in part] for column in columns))

    def most_frequent(self, top: int | None, notes: list[str]) -> "Rows":
        """Counted in the rows of the first file: an official test has no say in what is learned."""
        count = Counter(label for label, split in zip(self.targets, self.given, strict=True) if split == "train")
        frequent = sorted(count.items(), key=lambda item: (-item[1], item[0]))
        if top is None or top >= len(frequent):
            return self
        kept = {label for label, _ in frequent[:top]}
        places = [place for place, label in enumerate(self.targets) if label in kept]
        left_out = len(self.targets) - len(places)
        notes.append(f"Kept the {top} most frequent of {len(frequent)} labels; left out {left_out:,} rows of others.")
        return Rows(*([column[place] for place in places] for column in vars(self).values()))

    def check_labels(self, column: str, most: int) -> None:
        """Raises Unprocessable for one label, or more than `most`."""
        labels = set(self.targets)
        if len(labels) < 2:
            raise Unprocessable(
                f"All {len(self.targets):,} rows have the label {self.targets[0]!r} in {column!r}; at least 2 labels are "
                "needed.",
                param="label",
            )
        if len(labels) > most:
            raise Unprocessable(
                f"Column {column!r} has {len(labels):,} distinct values and at most {most:,} labels are taken "
                "(VERSUS_MAX_LABELS). Name the label column with label=..., or keep the most frequent with top=...",
                param="label",
            )


def read_rows(
    table: Table, columns: Columns, options: DatasetIn, cleaned: Counter[str], *, most: int, split: Split, notes: list[str]
) -> Rows:
    """Raises Unprocessable for a cell that cannot be taken, with its line; TooLarge over `most` rows."""
    for choice in columns.choices:
        for column in choice.columns:
            require(table, column, choice.role)
    for column in options.kept:
        require(table, column, "keep")
    names = [columns.text, *columns.target, *options.kept]
    names += [options.split_by] if options.split_by and split == "train" else []
    first_kept, first_key = 1 + len(columns.target), 1 + len(columns.target) + len(options.kept)
    target_of = _Targets(table, columns)
    lines, texts, targets, keys = list[int](), list[str](), list[str](), list[str]()
    kept: list[Mapping[str, str] | None] = []
    without_text = without_target = 0
    shared: dict[str, str] = {}  # one object for each label and key, however many rows have it
    for count, (line, cells) in enumerate(table.records(names), 1):
        if count > most:
            raise TooLarge(
                f"{table.name} has more than {most:,} rows. Send fewer, or raise the limit with VERSUS_MAX_UPLOAD_ROWS.",
                param="file",
            )
        raw = cells[0]
        if not raw or raw.isspace():
            without_text += 1
            continue
        longest = MAX_DOCUMENT_CHARS if columns.kind == "text" else MAX_TEXT_CHARS
        check_cell(table.name, line, columns.text, raw, longest, "cut it into several rows or shorten it")
        target = target_of(line, cells[1:first_kept])
        if target is None:
            without_target += 1
            continue
        text = cleaning.clean(raw, cleaned) if options.clean else raw
        if not text:
            without_text += 1
            continue
        lines.append(line)
        texts.append(text)
        targets.append(shared.setdefault(target, target))
        key = cells[first_key].strip() if len(names) > first_key else ""
        keys.append(shared.setdefault(key, key))
        beside = dict(zip(options.kept, map(str.strip, cells[first_kept:first_key]), strict=True))
        for column, cell in beside.items():
            check_cell(table.name, line, column, cell, MAX_KEPT_CHARS, "shorten it, or leave the column out of keep")
        kept.append({column: shared.setdefault(cell, cell) for column, cell in beside.items()} or None)
    missing = _MISSING[columns.kind]
    if without_text or without_target:
        besides = "" if columns.kind == "text" else f", {without_target:,} without {missing}"
        notes.append(f"Rows left out because a cell is empty: {without_text:,} without text{besides}.")
    if not texts:
        besides = f" and a {missing} in {', '.join(map(repr, columns.target))}" if columns.target else ""
        both = "both " if columns.target else ""
        raise Unprocessable(f"No row of {table.name} has {both}a text in {columns.text!r}{besides}.")
    return Rows(lines, texts, targets, keys, [split] * len(texts), kept)


def check_cell(name: str, line: int, column: str, cell: str, most: int, hint: str) -> None:
    """Raises Unprocessable for a cell that is too long or that no database holds."""
    where = f"{name}, line {line}, column {column!r}:"
    if len(cell) > most:
        raise Unprocessable(f"{where} {len(cell):,} characters, and at most {most:,} fit; {hint}.", param="file")
    if "\0" in cell or not _is_unicode(cell):
        raise Unprocessable(f"{where} it holds a NUL or half a character (a lone surrogate); remove it.", param="file")


def _is_unicode(cell: str) -> bool:
    if cell.isascii():
        return True
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_deeper(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most + 1):
        inside = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [part for parts in inside for part in parts]
        if not level:
            return False
    return True


class _Targets:
    """Makes of the cells beside a text what is stored with it; None where there is nothing. Never changes what it says."""

    def __init__(self, table: Table, columns: Columns) -> None:
        self._name, self._kind, self._columns = table.name, columns.kind, columns.target
        self._object = len(columns.target) == 1 and columns.kind == "extraction"

    def __call__(self, line: int, cells: Sequence[str]) -> str | None:
        if self._kind == "text":
            return ""
        if self._kind == "extraction":
            return self._fields(line, cells)
        (cell,) = cells
        if not cell or cell.isspace():
            return None
        most, hint = (MAX_LABEL_CHARS, _LABEL_HINT) if self._kind == "classification" else (MAX_TEXT_CHARS, "shorten it")
        check_cell(self._name, line, self._columns[0], cell, most, hint)
        return cell

    def _fields(self, line: int, cells: Sequence[str]) -> str | None:
        for column, cell in zip(self._columns, cells, strict=True):
            check_cell(self._name, line, column, cell, MAX_TEXT_CHARS, "shorten it")
        if not any(cell.strip() for cell in cells):
            return None
        fields: Any = dict(zip(self._columns, (cell or None for cell in cells), strict=True))
        if self._object:
            fields = self._parsed(line, cells[0])
        if _is_deeper(fields, MAX_NESTED):
            raise Unprocessable(
                f"{self._name}, line {line}, column {self._columns[0]!r}: its objects and lists nest deeper than {MAX_NESTED} "
                "levels; make them flatter.",
                param="fields",
            )
        try:
            stored = json.dumps(fields, ensure_ascii=False, allow_nan=False)
        except ValueError:  # 1e999 is read as infinity
            raise Unprocessable(
                f"{self._name}, line {line}, column {self._columns[0]!r}: it holds a number that is too large; write it as a "
                "text.",
                param="fields",
            ) from None
        check_cell(self._name, line, self._columns[0], stored, MAX_TEXT_CHARS, "shorten it")
        return stored

    def _parsed(self, line: int, cell: str) -> Any:
        """Of a single column: the object that stands in it; a text that is none is the only field."""
        try:
            parsed = json.loads(cell, parse_constant=refuse_constant)
        except (ValueError, RecursionError):
            parsed = None
        if isinstance(parsed, dict):
            return parsed
        if cell.lstrip().startswith("{"):
            raise Unprocessable(
                f"{self._name}, line {line}, column {self._columns[0]!r}: it begins as a JSON object and is none; write "
                '{"field": "value", ...}.',
                param="fields",
            )
        return {self._columns[0]: cell}
