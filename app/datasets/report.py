"""Measures rows in their splits (lengths, language, leakage), leaves out of train what test has, and reports both."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from app.datasets import leakage
from app.datasets.cleaning import alike
from app.datasets.columns import Columns
from app.datasets.language import language_of
from app.datasets.leakage import Leakage
from app.datasets.schemas import (
    ChoiceOut,
    DatasetIn,
    FieldOut,
    LanguageOut,
    LeakageOut,
    LeakExampleOut,
    LeakPairOut,
    LengthsOut,
    QuantilesOut,
    ReportOut,
)
from app.datasets.splits import SPLITS, LabelledRow
from app.errors import Unprocessable

_SHOWN_CHARS = 200
_SHOWN_GROUPS = 5


def measure(
    rows: list[LabelledRow], columns: Columns, options: DatasetIn, cleaned: Counter[str], notes: list[str]
) -> tuple[list[LabelledRow], ReportOut]:
    """The rows that stay, and the report. Raises Unprocessable where a split is left without rows, or train with one label."""
    found = leakage.find_leakage(rows, options.similarity)
    drop = {"none": set[int](), "exact": found.exact, "near": found.exact | found.near}[options.drop]
    left = [row for place, row in enumerate(rows) if place not in drop] if drop else rows
    dropped = Counter(rows[place].split for place in drop)
    _note_leaks(found, dropped, options, notes)
    _check_splits(left, len(rows), columns)
    classes = columns.kind == "classification"
    groups = alike(sorted({row.label for row in left})) if classes else []
    _note_alike(groups, left, notes)
    contradictions = _contradictions(left) if classes else 0
    if contradictions:
        notes.append(
            f"Texts that come with more than one label: {contradictions:,}. No model can be right on all of their rows."
        )
    lengths = {"text": _lengths([row.text for row in left])}
    if columns.kind == "text_to_text":
        lengths["answer"] = _lengths([row.label for row in left])
    return left, ReportOut(
        kind_confidence=round(columns.kind_confidence, 3),
        columns=[
            ChoiceOut(
                role=choice.role,
                columns=list(choice.columns),
                named=choice.named,
                confidence=round(choice.confidence, 3),
                reasons=list(choice.reasons),
            )
            for choice in columns.choices
        ],
        cleaned={name: count for name, count in cleaned.items() if count},
        lengths=lengths,
        language=LanguageOut(**vars(language_of([row.text for row in left]))),
        labels_alike=groups,
        contradictions=contradictions,
        fields=_fields(left) if columns.kind == "extraction" else {},
        leakage=_leakage(found, rows, dropped),
    )


def _check_splits(rows: Sequence[LabelledRow], before: int, columns: Columns) -> None:
    sizes = Counter(row.split for row in rows)
    dropped = f" ({before - len(rows):,} were left out because a later split has their text; drop=none keeps them)"
    for split in SPLITS:
        if not sizes[split]:
            raise Unprocessable(
                f"{len(rows):,} rows are too few to split: no row is left for {split}{dropped if before > len(rows) else ''}. "
                "Send more rows, or split in another way (fractions, split).",
                param="file",
            )
    if columns.kind == "classification" and len(labels := {row.label for row in rows if row.split == "train"}) < 2:
        raise Unprocessable(
            f"All rows of train have the label {labels.pop()!r}; at least 2 labels are needed. Split in another way.",
            param="split",
        )


def _note_leaks(found: Leakage, dropped: Counter[Any], options: DatasetIn, notes: list[str]) -> None:
    if dropped:
        how = "word for word" if options.drop == "exact" else f"word for word or nearly (similarity {found.threshold:g})"
        parts = ", ".join(f"{dropped[split]:,} of {split}" for split in SPLITS[:2])
        notes.append(f"Rows left out because a later split has their text {how}: {parts}; of test none.")
    left = [
        f"{pair.near[pair.second]:,} of {pair.second} in {pair.first}"
        for pair in found.pairs
        if options.drop != "near" and pair.near[pair.second]
    ]
    if left:
        notes.append(
            f"Rows that another split has nearly (similarity {found.threshold:g} or more): {', '.join(left)}; examples are in "
            "the report. drop=near leaves them out of train and validation."
        )
    if options.drop == "none" and (words := [p for p in found.pairs if p.exact[p.second]]):
        parts = ", ".join(f"{pair.exact[pair.second]:,} of {pair.second} in {pair.first}" for pair in words)
        notes.append(f"Rows that another split has word for word: {parts}; they were kept, as drop=none says.")
    if not found.complete:
        notes.append("So many texts are alike that not all pairs were compared: counts of near copies are the least there are.")


def _note_alike(groups: Sequence[Sequence[str]], rows: Sequence[LabelledRow], notes: list[str]) -> None:
    if not groups:
        return
    count = Counter(row.label for row in rows)
    shown = "; ".join(" and ".join(f"{label!r} ({count[label]:,})" for label in group) for group in groups[:_SHOWN_GROUPS])
    more = f"; and {len(groups) - _SHOWN_GROUPS} more groups" if len(groups) > _SHOWN_GROUPS else ""
    notes.append(
        f"Labels that differ only by case or space count as different: {shown}{more}. Write them alike if they are one."
    )


def _contradictions(rows: Sequence[LabelledRow]) -> int:
    first: dict[str, str] = {}
    return len({row.text for row in rows if first.setdefault(row.text, row.label) != row.label})


def _lengths(texts: Sequence[str]) -> LengthsOut:
    return LengthsOut(
        characters=_quantiles([len(text) for text in texts]), words=_quantiles([len(text.split()) for text in texts])
    )


def _quantiles(numbers: Sequence[int]) -> QuantilesOut:
    p5, median, p95 = np.quantile(numbers, [0.05, 0.5, 0.95]).tolist()
    mean = round(sum(numbers) / len(numbers), 1)
    return QuantilesOut(mean=mean, min=min(numbers), p5=round(p5, 1), median=median, p95=round(p95, 1), max=max(numbers))


def _fields(rows: Sequence[LabelledRow]) -> dict[str, FieldOut]:
    filled, in_text = Counter[str](), Counter[str]()
    for row in rows:
        for name, value in json.loads(row.label).items():
            words = list(_words(value))
            filled[name] += bool(words)
            in_text[name] += any(word in row.text for word in words)
    return {name: FieldOut(filled=count, in_text=in_text[name]) for name, count in filled.items()}


def _words(value: Any) -> Iterator[str]:
    """The texts and numbers in a field, however deep; truth values say nothing by themselves."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _words(part)
    elif value not in (None, "") and not isinstance(value, bool):
        yield str(value)


def _leakage(found: Leakage, rows: Sequence[LabelledRow], dropped: Counter[Any]) -> LeakageOut:
    return LeakageOut(
        method=(
            f"exact: the same text after cleaning; near: Jaccard similarity of {leakage.SHINGLE_CHARS}-character pieces of the "
            "text in lower case, signs and spaces as one space; candidates by MinHash, each compared piece by piece"
        ),
        similarity=found.threshold,
        pairs=[
            LeakPairOut(
                splits=(pair.first, pair.second),
                exact=dict(pair.exact),
                near=dict(pair.near),
                examples=[
                    LeakExampleOut(
                        exact=rows[example.first].text == rows[example.second].text,
                        similarity=round(example.similarity, 3),
                        texts=(rows[example.first].text[:_SHOWN_CHARS], rows[example.second].text[:_SHOWN_CHARS]),
                        targets=(rows[example.first].label[:_SHOWN_CHARS], rows[example.second].label[:_SHOWN_CHARS]),
                    )
                    for example in pair.examples
                ],
            )
            for pair in found.pairs
        ],
        complete=found.complete,
        dropped={split: dropped[split] for split in SPLITS},
    )
