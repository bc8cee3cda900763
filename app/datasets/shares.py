"""Gives each row its split: as asked, the same text in one split where the split is at random."""

from collections.abc import Sequence
from typing import Any

from app.datasets import splits
from app.datasets.kinds import Kind
from app.datasets.rows import Rows
from app.datasets.schemas import DatasetIn
from app.datasets.splits import SPLITS, Fractions, LabelledRow, Split, Strategy
from app.errors import Unprocessable


def share_out(
    rows: Rows, options: DatasetIn, kind: Kind, *, has_files: bool, notes: list[str]
) -> tuple[list[LabelledRow], dict[str, Any]]:
    """The rows in their splits, and how that was done. Raises Unprocessable where the split asked for cannot be made."""
    fractions = splits.parse_fractions(options.fractions)
    strategy = _strategy(options, rows, has_files)
    used: Fractions | None = fractions
    if strategy == "given":
        made, used = _given(rows, options, kind, fractions, notes)
    elif strategy == "random":
        made = _random(rows.texts, _strata(rows.targets, kind), fractions, options.seed, notes)
    elif strategy == "time":
        made = _by_time(rows, options, fractions, notes)
    else:
        made = _by_group(rows, options, fractions, notes)
    labelled = [LabelledRow(*row) for row in zip(made, rows.texts, rows.targets, rows.kept, strict=True)]
    split = {
        "strategy": strategy,
        "column": options.split_by,
        "fractions": used and dict(used),
        "seed": None if strategy == "time" or used is None else options.seed,
    }
    return labelled, split


def _strategy(options: DatasetIn, rows: Rows, has_files: bool) -> Strategy:
    if has_files:
        if options.split_by is not None or options.split not in (None, "given"):
            raise Unprocessable(
                "Files of their own for test or validation are the split; leave out split and split_by.", param="split"
            )
        return "given"
    strategy: Strategy = "random"
    if options.split_by is not None:
        strategy = "given" if splits.is_given(rows.keys[0]) else "time" if splits.is_day(rows.keys[0]) else "group"
    if options.split is not None and (options.split == "random") != (options.split_by is None):
        need = "takes no split_by column" if options.split == "random" else "needs the name of its column as split_by"
        also = ", or a file of its own for test" if options.split == "given" else ""
        raise Unprocessable(f"split={options.split} {need}{also}.", param="split_by")
    return options.split or strategy


def _strata(targets: Sequence[str], kind: Kind) -> Sequence[str]:
    return targets if kind == "classification" else [""] * len(targets)


def _random(texts: Sequence[str], strata: Sequence[str], fractions: Fractions, seed: int, notes: list[str]) -> list[Split]:
    """Rows of one text go together, wherever the first of them goes: none leaks and none has to be left out."""
    first: dict[str, int] = {}
    for text in texts:
        first.setdefault(text, len(first))
    if len(first) == len(texts):
        return splits.random_split(strata, fractions, seed)
    stratum_of = dict(zip(reversed(texts), reversed(strata), strict=True))
    made = splits.random_split([stratum_of[text] for text in first], fractions, seed)
    notes.append(
        f"Rows that repeat the text of an earlier row word for word: {len(texts) - len(first):,}; each is in that row's split."
    )
    return [made[first[text]] for text in texts]


def _given(
    rows: Rows, options: DatasetIn, kind: Kind, fractions: Fractions, notes: list[str]
) -> tuple[list[Split], Fractions | None]:
    """As the files or the column say. Where they name no validation rows, these are taken from train, stratified by label, and
    the shares of train and validation in that are returned too."""
    made = list(rows.given)
    shares: Fractions | None = None
    how = "as the files say"
    if options.split_by is not None:
        made = splits.given_split(list(zip(rows.lines, rows.keys, strict=True)), options.split_by)
        how = f"as column {options.split_by!r} says"
    if "validation" not in made and "train" in made:
        places = [place for place, split in enumerate(made) if split == "train"]
        of_train = fractions["validation"] / (fractions["train"] + fractions["validation"])
        strata = _strata(rows.targets, kind)
        # Nothing is for test here: what `random_split` would put there stays in train.
        shares = {"train": 1 - of_train, "validation": of_train, "test": 0.0}
        part = _random(
            [rows.texts[place] for place in places], [strata[place] for place in places], shares, options.seed, notes
        )
        for place, split in zip(places, part, strict=True):
            made[place] = split
        how += f", {part.count('validation'):,} rows for validation taken from train at random"
    notes.append(f"Split {how}.")
    if "test" not in made:
        raise Unprocessable(f"Split {how}, no row is for test. Name the test rows, or split in another way.", param="split")
    return made, shares


def _by_time(rows: Rows, options: DatasetIn, fractions: Fractions, notes: list[str]) -> list[Split]:
    column = str(options.split_by)
    days = splits.parse_days(list(zip(rows.lines, rows.keys, strict=True)), column)
    made = splits.time_split(days, fractions)
    spans = []
    for name in SPLITS:
        within = [day for day, split in zip(days, made, strict=True) if split == name]
        spans.append(f"{name} {min(within)} to {max(within)}")
    notes.append(f"Split by time on {column!r}: {', '.join(spans)}.")
    return made


def _by_group(rows: Rows, options: DatasetIn, fractions: Fractions, notes: list[str]) -> list[Split]:
    column = str(options.split_by)
    for line, key in zip(rows.lines, rows.keys, strict=True):
        if not key:
            raise Unprocessable(f"Line {line} has no group in column {column!r}; fill it or split in another way.")
    notes.append(f"Split by {column!r}: the rows of each of its {len(set(rows.keys)):,} values are in one split.")
    return splits.group_split(rows.keys, fractions, options.seed)
