"""How the columns of a table look, in a sample of its rows: what a guess of their roles starts from."""

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from app.datasets.reading import Table
from app.datasets.splits import is_day

SAMPLE_ROWS = 2000
_SAMPLE_CHARS = 20_000_000  # read to find the sample, so that a big file does not take long
_CELL_CHARS = 2000  # of each cell in the sample


@dataclass(frozen=True)
class Looks:
    """How a column looks in a sample of the rows."""

    name: str
    looks: Literal["empty", "number", "date", "words", "object"]
    rows: int
    empty: int
    distinct: int
    mean_chars: float
    mean_words: float
    examples: list[str]


def look_at(table: Table) -> list[Looks]:
    """How each column looks, by its name, in a sample over the file; the first of columns that share a name."""
    names = [name for name in dict.fromkeys(table.columns) if name]
    sample = _sample(table.records([*names, *table.nested]))
    columns = list(zip(*sample, strict=True)) or [()] * (len(names) + len(table.nested))
    return [_looks(name, cells, name in table.nested) for name, cells in zip([*names, *table.nested], columns, strict=True)]


def _sample(records: Iterable[tuple[int, tuple[str, ...]]]) -> list[list[str]]:
    """Rows from all over the file (reservoir sampling), since files are often sorted by label."""
    rng = random.Random(0)
    sample: list[list[str]] = []
    chars = 0
    for number, (_, cells) in enumerate(records):
        if number < SAMPLE_ROWS:
            sample.append([cell[:_CELL_CHARS] for cell in cells])
        elif (place := rng.randrange(number + 1)) < SAMPLE_ROWS:
            sample[place] = [cell[:_CELL_CHARS] for cell in cells]
        chars += sum(map(len, cells))
        if chars > _SAMPLE_CHARS:
            break
    return sample


def _looks(name: str, cells: Sequence[str], nested: bool) -> Looks:
    filled = [cell.strip() for cell in cells if cell.strip()]
    looks: Literal["empty", "number", "date", "words", "object"] = "words"
    if not filled:
        looks = "empty"
    elif nested or all(cell.startswith("{") and cell.endswith("}") for cell in filled):
        looks = "object"
    elif all(re.fullmatch(r"[-+]?[\d.,]+%?", cell) for cell in filled):
        looks = "number"
    elif all(is_day(cell) for cell in filled[:50]):
        looks = "date"
    count = max(1, len(filled))
    return Looks(
        name=name,
        looks=looks,
        rows=len(cells),
        empty=len(cells) - len(filled),
        distinct=len(set(filled)),
        mean_chars=sum(map(len, filled)) / count,
        mean_words=sum(len(cell.split()) for cell in filled) / count,
        examples=[cell[:80] for cell in list(dict.fromkeys(filled))[:3]],
    )
