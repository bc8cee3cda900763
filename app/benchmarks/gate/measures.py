"""A gate's metric on an arm, or its difference to a baseline, as a function of the confidence."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.benchmarks.arms import ArmResult
from app.benchmarks.gate import intervals
from app.benchmarks.gate.grammar import METRICS, Gate
from app.benchmarks.gate.intervals import Clusters, Measure
from app.benchmarks.scorers import Codes, encode, macro_f1_metric
from app.benchmarks.statistics import Floats, Interval, Metric, mean, paired_proportions, quantile, wilson
from app.errors import InvalidRequest

QUANTILES = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}


class Undefined(Exception):
    """The metric has no value on these cases; the message says why."""


@dataclass(frozen=True)
class Table:
    """The rows of two arms that a gate is about, as arrays of one entry per case. Labels are 0..K-1, K is none of them."""

    labels: tuple[str, ...]
    arm: ArmResult
    baseline: ArmResult | None
    rows: tuple[int, ...]
    seed: int

    @property
    def clusters(self) -> Clusters:
        return [self.arm.clusters[row] for row in self.rows] if self.arm.clusters else None

    def codes(self, arm: ArmResult) -> tuple[Codes, Codes]:
        truth, answer = encode(arm.gold, arm.predicted, self.labels)
        return truth[list(self.rows)], answer[list(self.rows)]

    def numbers(self, arm: ArmResult, column: str) -> Floats:
        """Of the cases that have one; raises InvalidRequest where none was measured."""
        values = getattr(arm, column)
        found = [values[row] for row in self.rows if values[row] is not None] if values else []
        if not found:
            raise InvalidRequest(
                f"{arm.arm} has no {column.replace('_', ' ')} here: baselines count no tokens, and only the first cases of a "
                "run are timed alone (all of them with --concurrency 1)."
            )
        return np.asarray(found, dtype=np.float64)


def table(gate: Gate, arm: ArmResult, baseline: ArmResult | None, labels: tuple[str, ...], seed: int) -> Table:
    """The cases that the gate's brackets name. Raises InvalidRequest for a label or slice that is not there, for a difference
    without a baseline, for a metric that labels do not have, and for a right answer that is no label."""
    if strangers := sorted(set(arm.gold) - set(labels)):
        raise InvalidRequest(f"These gates are for classification: {strangers[0][:80]!r} is a right answer, and no label.")
    if gate.metric.name not in METRICS:
        raise InvalidRequest(f"{gate.text!r}: answers are labels here, which have no {gate.metric.name}; {', '.join(METRICS)}.")
    need_baseline(gate, baseline)
    return Table(labels, arm, baseline, rows_of(gate, arm, labels), seed)


def need_baseline(gate: Gate, baseline: ArmResult | None) -> None:
    """Raises InvalidRequest for a difference without one."""
    if baseline is None and (gate.relative or gate.metric.name == "regressed"):
        raise InvalidRequest(
            f"{gate.text!r} compares with a baseline, and there is none; name a run or an arm with --baseline, or write a "
            "level without a sign."
        )


def rows_of(gate: Gate, arm: ArmResult, labels: tuple[str, ...]) -> tuple[int, ...]:
    every = tuple(range(len(arm.cases)))
    if gate.of is None:
        return every
    if gate.metric.brackets != "slice" and gate.of in labels:
        # Of recall, precision and F1 the label is part of the metric, not a choice of cases.
        return every if gate.metric.brackets == "label" else tuple(row for row in every if arm.gold[row] == gate.of)
    known = [] if gate.metric.brackets == "slice" or not labels else [f"labels: {', '.join(labels)}"]
    if gate.metric.brackets != "label":
        column, _, value = (part.strip() for part in gate.of.partition("="))
        values = arm.slices.get(column)
        if values is not None and value in values:
            return tuple(row for row in every if values[row] == value)
        known += [f"{name}: {', '.join(sorted(set(entries))[:20])}" for name, entries in arm.slices.items()]
        known += [] if arm.slices else ["no slices"]
    raise InvalidRequest(f"{gate.text!r} names {gate.of!r}, which this run does not have; it has {'; '.join(known)}.")


def exact(gate: Gate, at: Table) -> tuple[list[int], int]:
    """The ids of the cases that count, and of how many. Raises Undefined, or InvalidRequest where no case was repeated."""
    arm, rows = at.arm, at.rows
    if not rows:
        raise Undefined(f"No test case has the label {gate.of}.")
    if gate.metric.name == "regressed":
        assert at.baseline is not None
        before, now = at.baseline.correct, arm.correct
        return [arm.cases[row] for row in rows if before[row] and not now[row]], len(rows)
    answers = {arm.cases[row]: [arm.predicted[row]] for row in rows}
    gold = {arm.cases[row]: arm.gold[row] for row in rows}
    for case, reruns in arm.reruns.items():
        if case in answers:
            answers[case].extend(reruns)
    for reworded in arm.rewordings.values():
        for case, label in reworded.items():
            if case in answers:
                answers[case].append(label)
    repeated = [case for case, given in answers.items() if len(given) > 1]
    if not repeated:
        raise InvalidRequest(
            f"{gate.text!r} is about repeated cases, and none of these was; repeat the run with --repeats 5 "
            f"--consistency-cases {len(arm.cases)}."
        )
    return [case for case in repeated if gold[case] not in answers[case]], len(repeated)


def measure(gate: Gate, at: Table) -> Measure:
    """Raises Undefined, or InvalidRequest for what the run did not measure."""
    name = gate.metric.name
    if not at.rows:
        raise Undefined(f"No test case has the label {gate.of}.")
    if name in QUANTILES:
        return _latency(gate, at, QUANTILES[name])
    if name in ("tokens", "answer_tokens"):
        return _tokens(gate, at, name)
    if name in ("precision", "f1", "macro_f1"):
        return _of_labels(gate, at, name)
    return _share(gate, at, name)


def _share(gate: Gate, at: Table, name: str) -> Measure:
    """accuracy, recall, invalid: a 0 or 1 per case."""

    def hits(arm: ArmResult) -> Floats:
        truth, answer = at.codes(arm)
        wanted = answer == len(at.labels) if name == "invalid" else truth == answer
        return np.asarray(wanted[chosen], dtype=np.float64)

    truth, _ = at.codes(at.arm)
    chosen = truth == at.labels.index(gate.of or "") if name == "recall" else np.ones(len(truth), dtype=bool)
    if not chosen.any():
        raise Undefined(f"No test case has the label {gate.of}.")
    clusters = None if at.clusters is None else [one for one, kept in zip(at.clusters, chosen, strict=True) if kept]
    if gate.relative and at.baseline is not None:
        return intervals.share_difference(hits(at.arm), hits(at.baseline), clusters, at.seed)
    return intervals.share(hits(at.arm), clusters, at.seed)


def _of_labels(gate: Gate, at: Table, name: str) -> Measure:
    """precision, f1, macro_f1: ratios whose denominator depends on the answers."""
    truth, answer = at.codes(at.arm)
    k = len(at.labels)
    label = at.labels.index(gate.of) if name != "macro_f1" and gate.of is not None else None
    if gate.relative and at.baseline is not None:
        _, before = at.codes(at.baseline)
        metric = macro_f1_metric(k) if label is None else _label_metric(name, label)

        def difference(truth: Codes, a: Codes, b: Codes, weights: Floats) -> Floats:
            return metric(truth, a, weights) - metric(truth, b, weights)

        if math.isnan(float(difference(truth, answer, before, np.ones((1, len(truth))))[0])):
            raise Undefined(f"One of the two arms never answered {gate.of}, so its {name} is undefined.")
        touched = [
            _either(truth, answer, one) | _either(truth, before, one) for one in (range(k) if label is None else [label])
        ]
        agreeing = intervals.average([_agreement(int(cases.sum())) for cases in touched if cases.any()])
        return intervals.resampled(difference, truth, answer, before, clusters=at.clusters, seed=at.seed, still=agreeing)
    if label is None:
        each = [_f1(truth, answer, one) for one in range(k) if _either(truth, answer, one).any()]
        return intervals.resampled(
            macro_f1_metric(k), truth, answer, clusters=at.clusters, seed=at.seed, still=intervals.average(each)
        )
    if not _either(truth, answer, label).any():
        raise Undefined(f"No test case has the label {gate.of}, and none was answered with it.")
    answered = answer == label
    if name == "precision" and not answered.any():
        raise Undefined(f"No case was answered with {gate.of}, so its precision is undefined.")
    hits, n = int((answered & (truth == label)).sum()), int(answered.sum())
    alone = _f1(truth, answer, label) if name == "f1" else lambda confidence: wilson(hits, n, confidence)
    if at.clusters is None:
        return alone
    return intervals.resampled(_label_metric(name, label), truth, answer, clusters=at.clusters, seed=at.seed, still=alone)


def _agreement(n: int) -> Measure:
    """Of a difference between arms that answered `n` cases alike."""
    return lambda confidence: paired_proportions(0, 0, n, confidence)


def _either(truth: Codes, answer: Codes, label: int) -> NDArray[np.bool_]:
    return np.asarray((truth == label) | (answer == label))


def _f1(truth: Codes, answer: Codes, label: int) -> Measure:
    return intervals.f1(int(((truth == label) & (answer == label)).sum()), int(_either(truth, answer, label).sum()))


def _label_metric(name: str, label: int) -> Metric:
    """Precision or F1 of one label over weighted cases; nan where it is 0/0."""

    def metric(truth: Codes, answer: Codes, weights: Floats) -> Floats:
        hits = weights @ ((truth == label) & (answer == label))
        answered, gold = weights @ (answer == label), weights @ (truth == label)
        above, below = (hits, answered) if name == "precision" else (2 * hits, answered + gold)
        return np.asarray(above / np.where(below == 0, np.nan, below))

    return metric


def _latency(gate: Gate, at: Table, q: float) -> Measure:
    own = at.numbers(at.arm, "latencies_ms")
    if not gate.relative or at.baseline is None:
        return intervals.quantile_of(own, q)
    pairs = [(at.arm.latencies_ms[row], (at.baseline.latencies_ms or at.arm.latencies_ms)[row]) for row in at.rows]
    timed = [(a, b) for a, b in pairs if a is not None and b is not None]
    if not timed or not at.baseline.latencies_ms:
        raise InvalidRequest(f"{gate.text!r}: no case was timed in both runs; repeat both with --concurrency 1.")
    of = quantile(q)

    def difference(a: Floats, b: Floats, weights: Floats) -> Floats:
        return of(a, weights) - of(b, weights)

    a, b = np.asarray(timed, dtype=np.float64).T
    found = intervals.resampled(difference, a, b, clusters=None, seed=at.seed, still=_known(len(timed)))

    def at_confidence(confidence: float) -> Interval:
        interval = found(confidence)
        # No resample reaches above the slowest case, which is then too likely to be below the quantile.
        few = len(timed) < intervals.least_for_quantile(q, confidence)
        return replace(interval, low=-math.inf, high=math.inf) if few else interval

    return at_confidence


def _tokens(gate: Gate, at: Table, column: str) -> Measure:
    values = at.numbers(at.arm, column)
    if gate.relative and at.baseline is not None:
        values = values - at.numbers(at.baseline, column)
    # One case tells nothing of the others.
    still = _known(len(values)) if len(values) > 1 else lambda confidence: Interval(0.0, -math.inf, math.inf, 1)
    return intervals.resampled(mean, values, clusters=at.clusters, seed=at.seed, still=still)


def _known(n: int) -> Measure:
    """Of a number that was measured, not drawn, and never varied."""
    return lambda confidence: Interval(0.0, 0.0, 0.0, n)
