"""What one stored answer to one case is worth: a score per metric, and the decision in it that should come again."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.benchmarks.measures.fields import Record, field_scores
from app.benchmarks.measures.text import (
    exact_match,
    fact_coverage,
    length_ratio,
    normalised,
    rouge_l,
    rouge_n,
    token_f1,
)
from app.benchmarks.runner import Case
from app.database.tables import Prediction

Scores = Mapping[str, float | None]  # by metric; None where the metric has no meaning for the case

_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True)
class Gold:
    """What is right: the dataset's own answer first, then further ones; fields are of an extraction alone."""

    case: Case
    references: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()

    @property
    def answers(self) -> list[str]:
        return [self.case.gold, *(one for one in self.references if one.strip())]


@dataclass(frozen=True)
class Scored:
    """`decision`: the answer in the form in which two are the same; None: none. `right`: the decision that is right."""

    scores: Scores
    decision: str | None
    right: str
    record: Record = None


def scored(kind: str, gold: Gold, answer: Prediction) -> Scored:
    """An answer that is none, because of an error or because it says nothing, is worth 0. Of a text that could not be read
    nothing is known: 0 would be the best."""
    if kind == "perplexity":
        size = len(gold.case.text.encode())
        unread = answer.bits is None
        return Scored({"bits_per_byte": None if answer.bits is None else answer.bits / size}, None if unread else "", "")
    text = (answer.text or "").strip()
    if kind == "extraction":
        return _extraction(gold, text)
    if kind == "qa":
        return _qa(gold, text)
    return _summary(gold, text)


def record_of(text: str) -> dict[str, Any] | None:
    """The JSON object that an answer is, or that stands in it as its first one; None for an answer without any."""
    start = text.find("{")
    if start < 0:
        return None
    try:
        found, _ = json.JSONDecoder(parse_constant=_no_number).raw_decode(text[start:])
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _extraction(gold: Gold, text: str) -> Scored:
    said, truth = record_of(text), json.loads(gold.case.gold)
    fields = gold.fields or tuple(truth)
    each = field_scores([truth], [said], fields)
    # Of one case a field's F1 is 1, 0, or None where neither has a value.
    known = [one for one in each if one.f1 is not None]
    exact = said is not None and all(one.exact.estimate == 1 for one in each)
    present, given = sum(one.recall is not None for one in known), sum(one.precision is not None for one in known)
    found = sum(one.f1 == 1 for one in known)
    f1 = 0.0 if said is None else 2 * found / (present + given) if known else 1.0
    right = _form(truth, fields)
    decision = None if said is None else right if exact else _form(said, fields)
    return Scored({"field_f1": f1, "fields_exact": float(exact)}, decision, right, said)


def _form(record: Mapping[str, Any], fields: Sequence[str]) -> str:
    return json.dumps([record.get(field) for field in fields], sort_keys=True, ensure_ascii=False).casefold()


def _qa(gold: Gold, text: str) -> Scored:
    right = normalised(gold.case.gold)
    exact = bool(text) and exact_match(text, gold.answers)
    scores = {"token_f1": token_f1(text, gold.answers) if text else 0.0, "exact_match": float(exact)}
    return Scored(scores, right if exact else _said(text), right)


def _summary(gold: Gold, text: str) -> Scored:
    own = gold.case.gold
    scores = {
        "rouge_l": max(rouge_l(text, one).f1 for one in gold.answers),
        "rouge_1": max(rouge_n(text, one, 1).f1 for one in gold.answers),
        "rouge_2": max(rouge_n(text, one, 2).f1 for one in gold.answers),
        "figures_named": fact_coverage(text, list(dict.fromkeys(_FIGURE.findall(own)))),
        "length_ratio": length_ratio(text, own),
    }
    return Scored(scores, _said(text), normalised(own))


def _said(text: str) -> str | None:
    """An answer of articles or punctuation alone is one still."""
    return normalised(text) or text or None
