"""Finds which column of a table is the text and which the label: as told, or by how their cells look."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice

from app.datasets.reading import SAMPLE_ROWS, Table
from app.errors import Unprocessable

LABEL_NAMES = ("label", "category", "class", "intent", "target", "y")
MAX_NAME_CHARS = 200


@dataclass(frozen=True)
class Columns:
    """The names of two different columns, and a note where one was guessed."""

    text: str
    label: str
    notes: list[str]


def choose_columns(table: Table, *, text: str | None, label: str | None, split_by: str | None) -> Columns:
    """A guessed text column is the longest on average; a guessed label column has few distinct values. Raises Unprocessable."""
    for column, param in ((text, "text"), (label, "label"), (split_by, "split_by")):
        if column is not None:
            require(table, column, param)
    notes = []
    if text is None or label is None:
        sample = _sample(table)
        if text is None:
            text = _guess_text(table, sample, {label, split_by})
            notes.append(f"The text is column {text!r}: it was not named, and its cells are the longest.")
        if label is None:
            label = _guess_label(table, sample, {text, split_by})
            notes.append(f"The label is column {label!r}: it was not named, and it has few distinct values.")
    if text == label:
        raise Unprocessable(f"Column {text!r} cannot be both text and label.", param="label")
    if long := [name for name in (text, label) if len(name) > MAX_NAME_CHARS]:
        raise Unprocessable(f"The column name {long[0][:60]!r}... is longer than {MAX_NAME_CHARS} characters; shorten it.")
    return Columns(text, label, notes)


def require(table: Table, column: str, param: str) -> None:
    """Raises Unprocessable that lists the columns when there is none of this name, or several."""
    count = table.columns.count(column)
    if count == 1:
        return
    if count:
        raise Unprocessable(f"{table.name} has {count} columns named {column!r}; give each its own name.", param=param)
    names = {name.lower(): name for name in table.columns}
    near = [names[name] for name in get_close_matches(column.lower(), names, n=3, cutoff=0.5)]
    hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    raise Unprocessable(f"{table.name} has no column {column!r}. {hint}{_listed(table)}", param=param)


def _sample(table: Table) -> dict[str, Sequence[str]]:
    names = [name for name in dict.fromkeys(table.columns) if name]
    rows = [[cell[:2000] for cell in cells] for _, cells in islice(table.records(names), SAMPLE_ROWS)]
    return dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}


def _guess_text(table: Table, sample: dict[str, Sequence[str]], taken: set[str | None]) -> str:
    lengths = {name: sum(map(len, cells)) for name, cells in sample.items() if name not in taken}
    if not any(lengths.values()):
        raise Unprocessable(f"Name the column that holds the text (text=...). {_listed(table)}", param="text")
    return max(lengths, key=lengths.__getitem__)


def _guess_label(table: Table, sample: dict[str, Sequence[str]], taken: set[str | None]) -> str:
    def rank(name: str) -> tuple[bool, bool, int]:
        values = set(sample[name])
        return name.lower() not in LABEL_NAMES, all(value.strip("-.0123456789") == "" for value in values), len(values)

    # A label repeats: a column of which half the values are distinct is a name or a number.
    likely = [name for name, cells in sample.items() if name not in taken and 2 <= len(set(cells)) <= max(2, len(cells) / 2)]
    if not likely:
        raise Unprocessable(f"Name the column that holds the label (label=...). {_listed(table)}", param="label")
    return min(likely, key=rank)


def _listed(table: Table) -> str:
    shown = [name[:60] for name in table.columns if name]
    more = f" and {len(shown) - 30} more" if len(shown) > 30 else ""
    return f"Its columns: {', '.join(shown[:30])}{more}."
