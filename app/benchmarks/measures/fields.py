"""Extraction field by field: an answer that names a wrong value, none, or one that is not there is told apart."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.benchmarks.resampling import Interval
from app.benchmarks.statistics import wilson

Record = Mapping[str, Any] | None  # None: the answer was no JSON object


@dataclass(frozen=True)
class FieldScore:
    """One field over all cases. `exact`: cases where answer and gold agree, both without a value included.

    `precision`: of the cases where a value was given, those where it is right; `recall`: of the cases that have a value, those
    where it was found. None where there is no such case.
    """

    field: str
    exact: Interval
    precision: Interval | None
    recall: Interval | None
    f1: float | None
    wrong: int  # another value than the gold one
    missing: int  # no value where there is one
    invented: int  # a value where there is none


def field_scores(gold: Sequence[Mapping[str, Any]], answers: Sequence[Record], fields: Sequence[str]) -> list[FieldScore]:
    """Each field of `fields`. An answer that was no object has no field: it stays in every denominator."""
    pairs = _paired(gold, answers)
    return [_field_score(field, [(value_of(truth, field), value_of(said, field)) for truth, said in pairs]) for field in fields]


def records_exact(gold: Sequence[Mapping[str, Any]], answers: Sequence[Record], fields: Sequence[str]) -> Interval:
    """Share of cases where every field is right at once."""
    pairs = _paired(gold, answers)
    right = sum(
        said is not None and all(value_of(truth, field) == value_of(said, field) for field in fields) for truth, said in pairs
    )
    return wilson(right, len(pairs))


def _paired(gold: Sequence[Mapping[str, Any]], answers: Sequence[Record]) -> list[tuple[Mapping[str, Any], Record]]:
    if not gold:
        raise ValueError("there is no case to score")
    return list(zip(gold, answers, strict=True))


def _field_score(field: str, pairs: Sequence[tuple[str | None, str | None]]) -> FieldScore:
    present = sum(truth is not None for truth, _ in pairs)
    given = sum(said is not None for _, said in pairs)
    found = sum(truth is not None and truth == said for truth, said in pairs)
    return FieldScore(
        field,
        exact=wilson(sum(truth == said for truth, said in pairs), len(pairs)),
        precision=wilson(found, given) if given else None,
        recall=wilson(found, present) if present else None,
        f1=2 * found / (present + given) if present + given else None,
        wrong=sum(truth is not None and said is not None and truth != said for truth, said in pairs),
        missing=sum(truth is not None and said is None for truth, said in pairs),
        invented=sum(truth is None and said is not None for truth, said in pairs),
    )


def value_of(record: Record, field: str) -> str | None:
    """One form for values that mean the same: 3 and 3.0, "Fire " and "fire"; None for null, "" and an absent field."""
    value = None if record is None else record.get(field)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return " ".join(value.split()).casefold()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value
