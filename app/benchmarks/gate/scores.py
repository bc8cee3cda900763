"""A gate's metric on a run whose cases get scores: means of scores, single fields, and cases that got worse."""

import math
from collections.abc import Sequence

import numpy as np

from app.benchmarks.arms import ArmResult, part
from app.benchmarks.gate import intervals, measures
from app.benchmarks.gate.grammar import METRICS, STEP, Gate
from app.benchmarks.gate.intervals import Measure
from app.benchmarks.gate.measures import Table, Undefined
from app.benchmarks.measures.fields import value_of
from app.benchmarks.resampling import resampled, weighted_mean
from app.benchmarks.scored.cases import record_of
from app.benchmarks.scored.scales import Scale
from app.benchmarks.statistics import Floats, Interval
from app.benchmarks.verdict.differences import paired_scores
from app.errors import InvalidRequest

FIELD = ("exact", "precision", "recall", "f1")
_OF_ANY = ("invalid", "latency_p50", "latency_p95", "latency_p99", "tokens", "answer_tokens", "regressed")


def known(scale: Scale) -> list[str]:
    """Names of the metrics that a run of this kind has."""
    fields = FIELD if scale.kind == "extraction" else ()
    return [*(one.name for one in scale.metrics), *fields, *_OF_ANY, *(["always_wrong"] if scale.asked_again else [])]


def table(gate: Gate, arm: ArmResult, baseline: ArmResult | None, scale: Scale, fields: tuple[str, ...], seed: int) -> Table:
    """The cases that the gate's brackets name. Raises InvalidRequest for a metric, a field or a slice that this run does not
    have, and for a difference without a baseline."""
    name = gate.metric.name
    if name not in known(scale):
        raise InvalidRequest(
            f"{gate.text!r}: a run of the kind {scale.kind} has no {name}; there are {', '.join(known(scale))}."
        )
    measures.need_baseline(gate, baseline)
    if name in FIELD:
        if gate.of not in fields:
            raise InvalidRequest(f"{gate.text!r} names {gate.of!r}, which is no field here; there are {', '.join(fields)}.")
        return Table((), arm, baseline, tuple(range(len(arm.cases))), seed)
    return Table((), arm, baseline, measures.rows_of(gate, arm, ()), seed)


def exact(gate: Gate, at: Table, scale: Scale) -> tuple[list[int], int]:
    """As `measures.exact`; a case regressed when its main metric got worse by more than STEP."""
    if gate.metric.name != "regressed" or at.baseline is None:
        return measures.exact(gate, at)
    gained = gains(scale, at.arm, at.baseline)
    worse = [at.arm.cases[row] for row in at.rows if (gain := gained[row]) is not None and gain < -STEP]
    return worse, sum(gained[row] is not None for row in at.rows)


def gains(scale: Scale, now: ArmResult, before: ArmResult) -> list[float | None]:
    """By how much the main metric of each case got better; None where either has none."""
    name, sign = scale.main.name, -1 if scale.main.lower else 1
    return [
        None if a is None or b is None else sign * (a - b) for a, b in zip(now.scores[name], before.scores[name], strict=True)
    ]


def measure(gate: Gate, at: Table, scale: Scale) -> Measure:
    """Raises Undefined, or InvalidRequest for what the run did not measure."""
    name = gate.metric.name
    if name == "invalid":
        return _invalid(gate, at)
    if name in FIELD:
        return _field(gate, at)
    if name in METRICS:
        return measures.measure(gate, at)
    return _score(gate, at, share=not scale.metric(name).unit)


def _score(gate: Gate, at: Table, *, share: bool) -> Measure:
    """The mean of a score; of bits, all bits over all bytes."""
    name, arm = gate.metric.name, part(at.arm, at.rows)
    values = np.array([math.nan if one is None else one for one in arm.scores[name]], dtype=np.float64)
    if gate.relative and at.baseline is not None:
        paired = paired_scores(name, arm, part(at.baseline, at.rows), share=share, seed=at.seed)
        alone = not share and paired.difference.units < 2
        return lambda confidence: _unbounded(paired.gap(confidence)) if alone else paired.gap(confidence)
    kept = [place for place, value in enumerate(values) if not math.isnan(value)]
    if not kept:
        raise Undefined(f"{name} has no meaning for any of these cases.")
    x, sizes = values[kept], (np.array(arm.sizes)[kept] if arm.sizes else np.ones(len(kept)))

    clusters = [arm.clusters[place] for place in kept] if arm.clusters else None
    found = resampled(weighted_mean, x, sizes, clusters=clusters, seed=at.seed)
    if share:
        return lambda confidence: found.bounded(confidence=confidence)
    return lambda confidence: found.bca(confidence) if found.units > 1 else _unbounded(found.bca(confidence))


def _unbounded(interval: Interval) -> Interval:
    """One case tells nothing of the others."""
    return Interval(interval.estimate, -math.inf, math.inf, interval.n)


def _invalid(gate: Gate, at: Table) -> Measure:
    def hits(arm: ArmResult) -> Floats:
        return np.array([arm.predicted[row] is None for row in at.rows], dtype=np.float64)

    if gate.relative and at.baseline is not None:
        return intervals.share_difference(hits(at.arm), hits(at.baseline), at.clusters, at.seed)
    return intervals.share(hits(at.arm), at.clusters, at.seed)


# ---- One field


def _field(gate: Gate, at: Table) -> Measure:
    """A ratio of sums over cases: Wilson's or Tango's interval where each case is one of a fixed number, else the bootstrap."""
    name, field = gate.metric.name, gate.of or ""
    hits, of = _counts(at.arm, field, name)
    if not of.any():
        raise Undefined(f"{name} of {field} is 0/0: no case {'has a value' if name == 'recall' else 'got one'}.")
    fixed = name in ("exact", "recall")  # the same cases count for both arms
    if gate.relative and at.baseline is not None:
        before, before_of = _counts(at.baseline, field, name)
        if not before_of.any():
            raise Undefined(f"{name} of {field} is 0/0 for the baseline: it never gave a value.")
        if fixed:
            chosen = [place for place, count in enumerate(of) if count]
            return intervals.share_difference(hits[chosen], before[chosen], _of(at, chosen), at.seed)

        def difference(a: Floats, m: Floats, b: Floats, n: Floats, weights: Floats) -> Floats:
            return _ratio(a, m, weights) - _ratio(b, n, weights)

        touched = int(((of > 0) | (before_of > 0)).sum())
        still = intervals.share_difference(np.zeros(touched), np.zeros(touched), None, at.seed)
        return intervals.resampled(difference, hits, of, before, before_of, clusters=at.clusters, seed=at.seed, still=still)
    chosen = [place for place, count in enumerate(of) if count]
    if name != "f1":
        return intervals.share(hits[chosen], _of(at, chosen), at.seed)
    ratio = resampled(_ratio, hits, of, clusters=at.clusters, seed=at.seed)
    return lambda confidence: ratio.bounded(confidence=confidence)


def _counts(arm: ArmResult, field: str, name: str) -> tuple[Floats, Floats]:
    """Per case what counts above and below the line of the field's metric, each (n,)."""
    gold = [value_of(record_of(right), field) for right, _ in arm.records]
    said = [value_of(record, field) for _, record in arm.records]
    found = np.array([a is not None and a == b for a, b in zip(gold, said, strict=True)], dtype=np.float64)
    present, given = (np.array([one is not None for one in values], dtype=np.float64) for values in (gold, said))
    if name == "exact":
        return np.array([a == b for a, b in zip(gold, said, strict=True)], dtype=np.float64), np.ones(len(gold))
    if name == "f1":
        return 2 * found, present + given
    return found, present if name == "recall" else given


def _ratio(above: Floats, below: Floats, weights: Floats) -> Floats:
    """nan where it is 0/0."""
    total = weights @ below
    return np.asarray((weights @ above) / np.where(total == 0, np.nan, total))


def _of(at: Table, chosen: Sequence[int]) -> intervals.Clusters:
    return None if at.clusters is None else [at.clusters[place] for place in chosen]
