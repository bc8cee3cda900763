"""What a gate says: a metric, perhaps of one label or slice, a comparison, a number, and how sure to be.

accuracy >= 0.9                 a level
accuracy >= -0.01 @95%          signed: the difference to the baseline, case by case
recall[fraud] >= 0.9 @99%       of one label
accuracy[country=US] >= +0      of the cases whose column has this value
always_wrong <= 0               a count, which has no interval
recall[amount] >= 0.9           of one field, in a run of extraction
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, cast

from app.errors import InvalidRequest

Comparison = Literal[">=", "<=", ">", "<"]
Unit = Literal["share", "ms", "tokens", "cases", "bits", "words"]
Brackets = Literal["label", "label or slice", "slice"]

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Metric:
    """What can be asked of an arm. `brackets`: what may stand in them; `label` (a field, in extraction) must."""

    name: str
    unit: Unit
    brackets: Brackets
    meaning: str


METRICS = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "share", "label or slice", "share of cases answered with the gold label"),
        Metric("macro_f1", "share", "slice", "mean of the labels' F1"),
        Metric("recall", "share", "label", "share of the label's cases that were found"),
        Metric("precision", "share", "label", "share of the answers with this label that were right"),
        Metric("f1", "share", "label", "harmonic mean of the label's precision and recall"),
        Metric("invalid", "share", "label or slice", "share of answers that were none of the labels"),
        Metric("latency_p50", "ms", "slice", "median latency of the cases that were asked alone"),
        Metric("latency_p95", "ms", "slice", "their 95th percentile"),
        Metric("latency_p99", "ms", "slice", "their 99th percentile"),
        Metric("tokens", "tokens", "label or slice", "mean tokens of prompt and answer"),
        Metric("answer_tokens", "tokens", "label or slice", "mean tokens of the answer"),
        Metric("always_wrong", "cases", "label or slice", "repeated cases that were wrong each time and in every wording"),
        Metric("regressed", "cases", "label or slice", "cases that the baseline got right and this arm did not"),
    )
}
STEP = 0.1  # of the main metric: a smaller change of a case is none

# Of runs whose cases get scores: recall, precision, f1 and exact are of one field there, and these stand beside them.
SCORES = {
    metric.name: metric
    for metric in (
        Metric("field_f1", "share", "slice", "extraction: mean over cases of F1 of the fields"),
        Metric("fields_exact", "share", "slice", "extraction: share of cases with every field right"),
        Metric("exact", "share", "label", "extraction: share of cases where this field is right, or rightly without a value"),
        Metric("token_f1", "share", "slice", "qa: mean F1 of the words of answer and right answer"),
        Metric("exact_match", "share", "slice", "qa: share of right answers, word for word"),
        Metric("rouge_l", "share", "slice", "summarisation: F1 of the longest common subsequence of words"),
        Metric("rouge_1", "share", "slice", "summarisation: F1 of words"),
        Metric("rouge_2", "share", "slice", "summarisation: F1 of word pairs"),
        Metric("figures_named", "share", "slice", "summarisation: share of the reference's numbers that are named"),
        Metric("length_ratio", "words", "slice", "summarisation: words per word of the reference"),
        Metric("bits_per_byte", "bits", "slice", "perplexity: all bits over all bytes"),
    )
}

_GATE = re.compile(
    r"\s*(?P<metric>\w+)\s*(?:\[(?P<of>.+)\])?\s*(?P<comparison>>=|<=|>|<)"
    r"\s*(?P<number>[+-]?(?:\d+\.?\d*|\.\d+))\s*(?:@\s*(?P<confidence>\d+(?:\.\d+)?)\s*%)?\s*"
)


@dataclass(frozen=True)
class Gate:
    """One condition. `relative`: `threshold` is a difference to the baseline, in the metric's unit."""

    text: str
    metric: Metric
    of: str | None
    comparison: Comparison
    threshold: float
    relative: bool
    confidence: float = CONFIDENCE

    def holds(self, value: float) -> bool:
        """Whether this value is on the right side of the threshold."""
        if self.comparison in (">=", ">"):
            return value > self.threshold or (self.comparison == ">=" and value == self.threshold)
        return value < self.threshold or (self.comparison == "<=" and value == self.threshold)


def parse(text: str) -> Gate:
    """Raises InvalidRequest that says what is wrong with a gate and how it is written."""
    match = _GATE.fullmatch(text)
    if match is None:
        raise InvalidRequest(
            f"{text!r} is no gate; write a metric, a comparison, a number and, if you like, a confidence: "
            '"accuracy >= -0.01 @95%" or "recall[fraud] >= 0.9".'
        )
    known = METRICS | SCORES
    metric = known.get(match["metric"])
    if metric is None:
        near = get_close_matches(match["metric"], known, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise InvalidRequest(f"{text!r} names the metric {match['metric']!r}, which is not known. {hint}{_listed()}")
    number, of = match["number"], match["of"]
    confidence = float(match["confidence"]) / 100 if match["confidence"] else CONFIDENCE
    gate = Gate(
        text=" ".join(text.split()),
        metric=metric,
        of=of and of.strip(),
        comparison=cast("Comparison", match["comparison"]),
        threshold=float(number),
        relative=number[0] in "+-",
        confidence=confidence,
    )
    _check(gate)
    return gate


def parse_all(texts: Sequence[str]) -> list[Gate]:
    """Raises InvalidRequest also when there is none, or one twice."""
    gates = [parse(text) for text in texts]
    if not gates:
        raise InvalidRequest('There is no gate; give at least one, such as --gate "accuracy >= 0.9".')
    if len({gate.text for gate in gates}) < len(gates):
        raise InvalidRequest("One gate is given twice; give each once.")
    return gates


def _check(gate: Gate) -> None:
    metric, value = gate.metric, gate.threshold
    if not 0.5 <= gate.confidence < 1:
        raise InvalidRequest(f"{gate.text!r}: a confidence is at least 50 % and below 100 %.")
    if gate.of is None and metric.brackets == "label":
        raise InvalidRequest(f"{gate.text!r}: {metric.name} is of one label or field; name it, as in {metric.name}[fraud].")
    if metric.unit == "cases" and gate.relative:
        raise InvalidRequest(f"{gate.text!r}: {metric.name} is a count of cases; write the number without a sign.")
    if metric.unit == "share" and not abs(value) <= 1:
        raise InvalidRequest(f"{gate.text!r}: {metric.name} is a share between 0 and 1; write 0.9 for 90 %.")
    if metric.unit == "share" and not gate.relative and value == 0 and gate.comparison == ">=":
        raise InvalidRequest(
            f'{gate.text!r} always holds. Write "+0" for "not below the baseline": a number with a sign is a difference.'
        )


def _listed() -> str:
    return f"Metrics: {', '.join(METRICS)}; where cases get scores: {', '.join(SCORES)}."
