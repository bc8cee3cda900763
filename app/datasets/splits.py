"""Splits rows into train, validation and test: at random by label, by time, by group, or as a column of the file says."""

import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import accumulate
from typing import Literal, NamedTuple, get_args

from app.errors import Unprocessable

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
Strategy = Literal["random", "time", "group", "given"]
WORDS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}

DATE_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y-%m", "%Y")


class LabelledRow(NamedTuple):
    """One text in its split; `label` is what belongs to it: the label, the fields as JSON, the answer, or nothing. `columns`:
    cells of other columns that were kept, by column."""

    split: Split
    text: str
    label: str
    columns: Mapping[str, str] | None = None


Fractions = Mapping[Split, float]


def parse_fractions(text: str) -> Fractions:
    """`0.7,0.1,0.2`: the shares of train, validation and test. Raises Unprocessable."""
    try:
        shares = [float(part) for part in text.split(",")]
    except ValueError:
        shares = []
    if len(shares) != 3 or not all(share > 0 for share in shares) or abs(sum(shares) - 1) > 1e-6:
        raise Unprocessable(
            "fractions are the shares of train, validation and test: three positive numbers that sum to 1, like 0.7,0.1,0.2.",
            param="fractions",
        )
    return dict(zip(SPLITS, shares, strict=True))


def random_split(labels: Sequence[str], fractions: Fractions, seed: int) -> list[Split]:
    """Stratified: each label is shared out by itself, within a row of its share, and rounding errors even out over labels.

    At least one row of each label is for training. The same labels in the same order and seed give the same split."""
    rng = random.Random(seed)
    places: dict[str, list[int]] = {}
    for place, label in enumerate(labels):
        places.setdefault(label, []).append(place)
    split: list[Split] = ["train"] * len(labels)
    owed = dict.fromkeys(SPLITS, 0.0)
    for label in sorted(places):
        left = places[label]
        size = len(left)
        rng.shuffle(left)
        for name in ("test", "validation"):
            owed[name] += size * fractions[name]
            take = max(0, min(round(owed[name]), len(left) - 1))
            owed[name] = min(owed[name] - take, 0.5)  # what a rare label could not give, no other has to
            for place in left[:take]:
                split[place] = name
            left = left[take:]
    return split


def time_split(days: Sequence[date], fractions: Fractions) -> list[Split]:
    """Earlier days train, later days test; a day is never in two splits. Raises Unprocessable for fewer than 3 days."""
    rows = Counter(days)
    order = sorted(rows)
    if len(order) < 3:
        raise Unprocessable(
            f"All rows are of {len(order)} day(s); a split by time needs at least 3, one for each of {', '.join(SPLITS)}.",
            param="split_by",
        )
    until = list(accumulate(rows[day] for day in order))  # rows up to and with each day
    last_train = _nearest(until, len(days) * fractions["train"], 0, len(order) - 3)
    share = fractions["train"] + fractions["validation"]
    last_validation = _nearest(until, len(days) * share, last_train + 1, len(order) - 2)
    return ["train" if day <= order[last_train] else "validation" if day <= order[last_validation] else "test" for day in days]


def group_split(groups: Sequence[str], fractions: Fractions, seed: int) -> list[Split]:
    """A group is never in two splits; groups in random order each go where most is missing. Raises Unprocessable for fewer
    than 3 groups."""
    rows = Counter(groups)
    if len(rows) < 3:
        raise Unprocessable(
            f"There are {len(rows)} group(s); a split by group needs at least 3, one for each of {', '.join(SPLITS)}.",
            param="split_by",
        )
    order = sorted(rows)
    random.Random(seed).shuffle(order)
    missing: dict[Split, float] = {name: fractions[name] * len(groups) for name in SPLITS}
    taken: dict[str, Split] = {}
    for group in order:
        name = max(SPLITS, key=lambda name: missing[name] / fractions[name])
        missing[name] -= rows[group]
        taken[group] = name
    return [taken[group] for group in groups]


def given_split(words: Sequence[tuple[int, str]], column: str) -> list[Split]:
    """Of (line, word) cells. Raises Unprocessable that names the line of a word that is no split."""
    for line, word in words:
        if word.strip().lower() not in WORDS:
            raise Unprocessable(
                f"Line {line}: {word[:40]!r} in column {column!r} is no split; write {', '.join(SPLITS)}.", param="split_by"
            )
    return [WORDS[word.strip().lower()] for _, word in words]


def is_given(word: str) -> bool:
    """Whether a cell names a split."""
    return word.strip().lower() in WORDS


def parse_days(values: Sequence[tuple[int, str]], column: str) -> list[date]:
    """The days of (line, value) cells, all written in one way; a time of day is left out.

    Raises Unprocessable that names the row and value that is no date, or that day and month cannot be told apart."""
    first: dict[str, int] = {}
    for line, value in values:
        first.setdefault(value, line)
    readings, failures = [], []
    for form in DATE_FORMATS:
        reading: dict[str, date] = {}
        for value, line in first.items():
            day = _day(value, form)
            if day is None:
                failures.append((line, value))
                break
            reading[value] = day
        else:
            readings.append(reading)
    if not readings:
        line, value = max(failures)  # by the format that got furthest
        raise Unprocessable(
            f"Line {line}: {value!r} in column {column!r} is not a date like those before it. Write all dates as 2026-08-31 "
            "(or 2026/08/31, 31.08.2026, 08/31/2026, 2026-08, 2026), or split in another way.",
            param="split_by",
        )
    if any(reading != readings[0] for reading in readings[1:]):
        raise Unprocessable(
            f"The dates in column {column!r} can be month/day/year or day/month/year; write them as 2026-08-31.",
            param="split_by",
        )
    return [readings[0][value] for _, value in values]


def is_day(value: str) -> bool:
    """Whether a cell looks like a date of our time; the number of a shop or a file does not."""
    days = (_day(value, form) for form in DATE_FORMATS)
    return any(day is not None and 1900 <= day.year <= 2100 for day in days)


def _day(value: str, form: str) -> date | None:
    try:
        return datetime.strptime(value.replace("T", " ", 1).split(" ", 1)[0], form).date()
    except ValueError:
        return None


def _nearest(until: Sequence[int], rows: float, low: int, high: int) -> int:
    """The place in low..high whose count is nearest to `rows`."""
    at = min(max(bisect_left(until, rows), low), high)
    return at - 1 if at > low and rows - until[at - 1] < until[at] - rows else at
