"""How much of right and wrong comes from asking again, and how much from the wording.

The variance of "right" within a case, mean over cases: over its reruns (sampled anew) and over its wordings. Beside them stands
the variance between cases: some are harder than others. Shares of a case's chance to be right squared, so 0.25 is the most.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.benchmarks.resampling import Floats, Interval
from app.benchmarks.scorers import Label
from app.benchmarks.statistics import mean_interval, pass_k

Clusters = Mapping[int, Hashable] | None  # case -> what it belongs to


@dataclass(frozen=True)
class Variation:
    """Each with its 95 % interval over cases; None where it was not measured. `between`: of the cases, without the part that
    the reruns explain."""

    rerun: Interval | None
    wording: Interval | None
    between: float | None


def variation(
    gold: Mapping[int, str],
    reruns: Mapping[int, Sequence[Label]],
    wordings: Mapping[int, Sequence[Label]],
    clusters: Clusters = None,
) -> Variation:
    """`gold`, `reruns`, `wordings` by case; every case of one kind has as many answers, at least two, and there are at least
    two cases (else None). A part of an analysis of variance: unbiased, so `between` may come out a little below 0 and then
    is 0."""
    rerun, wording = _right(gold, reruns), _right(gold, wordings)
    return Variation(
        rerun=_within(rerun, list(reruns), clusters),
        wording=_within(wording, list(wordings), clusters),
        between=_between(rerun) if rerun is not None else None,
    )


def pass_power(
    gold: Mapping[int, str], reruns: Mapping[int, Sequence[Label]], clusters: Clusters = None
) -> list[tuple[int, Interval]]:
    """pass^k for k = 1..N: the chance that k fresh calls on a case are all right, mean over cases."""
    right = _right(gold, reruns)
    if right is None:
        return []
    n = right.shape[1]
    inside = _inside(list(reruns), clusters)
    if inside is not None and len(set(inside)) < 2:
        return []
    found = []
    for k in range(1, n + 1):
        whole = mean_interval([pass_k(int(c), n, k) for c in right.sum(axis=1)], inside)
        found.append((k, Interval(whole.estimate, max(0.0, whole.low), min(1.0, whole.high), whole.n)))
    return found


def _right(gold: Mapping[int, str], answers: Mapping[int, Sequence[Label]]) -> Floats | None:
    """(cases, answers) of 0 and 1; None for fewer than two cases or answers."""
    if len(answers) < 2 or min(map(len, answers.values())) < 2:
        return None
    return np.array([[said == gold[case] for said in each] for case, each in answers.items()], dtype=np.float64)


def _within(right: Floats | None, cases: Sequence[int], clusters: Clusters) -> Interval | None:
    inside = _inside(cases, clusters)
    if right is None or (inside is not None and len(set(inside)) < 2):
        return None
    whole = mean_interval(right.var(axis=1, ddof=1).tolist(), inside)
    return Interval(whole.estimate, max(0.0, whole.low), whole.high, whole.n)


def _between(right: Floats) -> float:
    explained = float(right.var(axis=1, ddof=1).mean()) / right.shape[1]
    between: float = right.mean(axis=1).var(ddof=1).item() - explained
    return max(0.0, between)


def _inside(cases: Sequence[int], clusters: Clusters) -> list[Hashable] | None:
    return None if clusters is None else [clusters[case] for case in cases]
