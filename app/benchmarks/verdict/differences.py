"""By how much two arms differ on the same cases, metric by metric, each with its interval and its test.

An interval that is bootstrapped collapses when hardly any answer differs. Ten agreeing cases prove nothing, so such an
interval is widened by what the cases that were not seen could still change.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.benchmarks.arms import ArmResult, aligned
from app.benchmarks.economics import PER
from app.benchmarks.resampling import Resampled, resample, weighted_mean
from app.benchmarks.scorers import Codes, encode, macro_f1_metric
from app.benchmarks.statistics import (
    Floats,
    Interval,
    mean,
    paired_accuracy,
    proportion,
    wilson,
)
from app.benchmarks.verdict.costs import case_costs
from app.errors import InvalidRequest

MetricName = Literal[
    "accuracy", "macro_f1", "cost", "field_f1", "fields_exact", "token_f1", "exact_match", "rouge_l", "rouge_1", "rouge_2",
    "figures_named", "bits_per_byte",
]  # fmt: skip
LABEL_METRICS: tuple[MetricName, ...] = ("accuracy", "macro_f1", "cost")  # the others are of kinds without labels
LOWER: tuple[MetricName, ...] = ("cost", "bits_per_byte")  # less is better

RESAMPLES = 2000
_FEW = 10  # fewer differing units than this tell too little about how many more there are
_CELLS = 2_000_000  # random signs held at once


@dataclass(frozen=True)
class Difference:
    """`first` minus `second`: shares; money per 1,000 cases for cost, and bits per byte, where less is better."""

    metric: MetricName
    first: Interval
    second: Interval
    difference: Interval
    p_value: float  # that both are equal
    adjusted: float  # the same after Holm, over all tests of the verdict
    currency: str | None = None  # of cost

    @property
    def gain(self) -> Interval:
        """The difference with its sign turned so that above 0 the first arm is better."""
        d = self.difference
        return Interval(-d.estimate, -d.high, -d.low, d.n) if self.metric in LOWER else d


def accuracy_difference(first: ArmResult, second: ArmResult) -> Difference:
    """McNemar mid-p with Tango's interval; where cases belong together, of as many pairs as they are worth."""
    second = aligned(second, first)
    clusters = first.clusters or None
    difference, p_value = paired_accuracy(first.correct, second.correct, clusters)
    return _plain("accuracy", proportion(first.correct, clusters), proportion(second.correct, clusters), difference, p_value)


def cost_difference(
    first: ArmResult, second: ArmResult, labels: Sequence[str], table: Floats, currency: str, *, seed: int = 0
) -> Difference:
    """Expected cost of mistakes per 1,000 cases, from a (K, K + 1) table of money per case: bootstrap, and signs at random."""
    second = aligned(second, first)
    a, b = (PER * case_costs(arm, table, labels) for arm in (first, second))
    # Percentiles: of money, whose few large sums pull at it, BCa covered 89 to 93 % in simulations, this 92 to 96 %.
    of_a, of_b, difference = (one.percentile() for one in _bootstrapped(mean, a, b, first, seed))
    units = _units(first)
    differing = np.bincount(units, weights=a != b) > 0
    most = PER * float(table.max() - table.min()) * float(np.bincount(units).max())  # by which one unit changes the sum
    difference = widened(difference, differing, most * len(differing) / len(a))
    return replace(_plain("cost", of_a, of_b, difference, flip_test(a - b, units, seed)), currency=currency)


def macro_f1_difference(first: ArmResult, second: ArmResult, labels: Sequence[str], *, seed: int = 0) -> Difference:
    """Paired bootstrap, and approximate randomisation: the arms' answers to a case are swapped at random (Noreen 1989)."""
    second = aligned(second, first)
    gold, a = encode(first.gold, first.predicted, labels)
    _, b = encode(second.gold, second.predicted, labels)
    metric, k, units = macro_f1_metric(len(labels)), len(labels), _units(first)
    of_a, of_b, difference = _bootstrapped(lambda answers, weights: metric(gold, answers, weights), a, b, first, seed)
    differing = np.bincount(units, weights=a != b) > 0
    reach = _macro_f1_reach(gold, k) * float(np.bincount(units).max()) * len(differing)
    return _plain(
        "macro_f1",
        of_a.bounded(),
        of_b.bounded(),
        widened(difference.bca(), differing, reach),
        _swap_test(gold, a, b, k, units, seed),
    )


def score_difference(metric: MetricName, first: ArmResult, second: ArmResult, *, seed: int = 0) -> Difference:
    """Of the mean of a score per case, weighted by `sizes` where there are any: bootstrap, and signs turned at random.

    Cases for which the score has no meaning are left out. Raises InvalidRequest where none is left.
    """
    found = paired_scores(metric, first, second, share=metric not in LOWER, seed=seed)
    of_a, of_b = (one.bounded() if found.share else one.bca() for one in (found.first, found.second))
    return _plain(metric, of_a, of_b, found.gap(), found.p_value)


@dataclass(frozen=True)
class PairedScores:
    """A score of two arms and its difference over the same draws. `share`: it lies between 0 and 1. `differing`, `reach`: as
    `widened` takes them."""

    first: Resampled
    second: Resampled
    difference: Resampled
    share: bool
    differing: NDArray[np.bool_]
    reach: float
    p_value: float

    def gap(self, confidence: float = 0.95) -> Interval:
        return widened(self.difference.bca(confidence), self.differing, self.reach, confidence)


def paired_scores(metric: str, first: ArmResult, second: ArmResult, *, share: bool, seed: int = 0) -> PairedScores:
    """Raises InvalidRequest where the score has a meaning for none of the cases."""
    second = aligned(second, first)
    pairs = zip(first.scores[metric], second.scores[metric], strict=True)
    kept = [place for place, (x, y) in enumerate(pairs) if x is not None and y is not None]
    if not kept:
        raise InvalidRequest(f"{metric} has no meaning for any of the cases; decide by another metric.", param="metrics")
    a, b = (np.array([arm.scores[metric][place] for place in kept], dtype=np.float64) for arm in (first, second))
    sizes = np.array([first.sizes[place] for place in kept]) if first.sizes else np.ones(len(kept))
    own = replace_cases(first, kept)

    def weighted(values: Floats, weights: Floats) -> Floats:
        return weighted_mean(values, sizes, weights)

    of_a, of_b, difference = _bootstrapped(weighted, a, b, own, seed)
    units, shares = _units(own), sizes / sizes.sum()
    differing = np.bincount(units, weights=a != b) > 0
    most = 1.0 if share else float(np.abs(a - b).max())
    reach = most * float(np.bincount(units, weights=shares).max()) * len(differing)
    return PairedScores(of_a, of_b, difference, share, differing, reach, flip_test((a - b) * shares, units, seed))


def replace_cases(arm: ArmResult, places: Sequence[int]) -> ArmResult:
    """Of the cases at `places` only what resampling looks at: ids and clusters."""
    clusters = [arm.clusters[place] for place in places] if arm.clusters else ()
    none = [""] * len(places)
    return ArmResult(arm.arm, arm.kind, [arm.cases[place] for place in places], none, list(none), clusters=clusters)


def flip_test(d: Floats, units: Codes, seed: int, draws: int = RESAMPLES) -> float:
    """Two-sided p of a mean difference of 0: the sign of each unit's sum is turned at random (Fisher's randomisation test)."""
    sums = np.bincount(units, weights=d)
    sums = sums[sums != 0]
    if not len(sums):
        return 1.0
    seen, generator, extreme = abs(float(sums.sum())), np.random.default_rng(seed), 0
    for count in _chunks(draws, len(sums)):
        signs = generator.integers(2, size=(count, len(sums))) * 2.0 - 1
        extreme += int((np.abs(signs @ sums) >= seen * (1 - 1e-9)).sum())
    return (1 + extreme) / (1 + draws)


def widened(interval: Interval, differing: NDArray[np.bool_], reach: float, confidence: float = 0.95) -> Interval:
    """With fewer than ten differing units, each bound moves by what unseen ones could add.

    differing: per unit (a case, a cluster). reach: the most by which a share of 1 of differing units changes the metric. What
    is unseen is the upper Wilson bound of their share, less the share seen.
    """
    units, count = len(differing), int(differing.sum())
    if count >= _FEW:
        return interval
    share = wilson(count, units, confidence)
    unseen = reach * (share.high - share.estimate)
    return replace(interval, low=interval.low - unseen, high=interval.high + unseen)


# ---- Parts


def _plain(metric: MetricName, a: Interval, b: Interval, difference: Interval, p_value: float) -> Difference:
    return Difference(metric, a, b, difference, p_value, adjusted=p_value)


def _units(arm: ArmResult) -> Codes:
    """The number of each case's cluster, or of the case itself, shape (n,)."""
    numbers: dict[str, int] = {}
    return np.array(
        [numbers.setdefault(cluster, len(numbers)) for cluster in arm.clusters] or range(len(arm.cases)), dtype=np.int64
    )


def _bootstrapped(metric: Callable[..., Floats], a: object, b: object, arm: ArmResult, seed: int) -> list[Resampled]:
    """`metric` of a, of b, and a's less b's, over the same draws: their difference is paired."""

    def measures(weights: Floats) -> dict[Hashable, Floats]:
        of_a, of_b = metric(a, weights), metric(b, weights)
        return {"a": of_a, "b": of_b, "difference": of_a - of_b}

    found = resample({"": measures}, len(arm.cases), clusters=arm.clusters or None, resamples=RESAMPLES, seed=seed)[""]
    return [found[key] for key in ("a", "b", "difference")]


def _macro_f1_reach(gold: Codes, k: int) -> float:
    """The most by which one changed answer can move macro-F1.

    It costs the label that lost it at most 1/(2S - 1) of its F1 and the label that got it as much, S the cases of the rarest;
    or, where a label has no case, it brings that label's F1 of 0 into the mean.
    """
    support = np.bincount(gold, minlength=k)[:k]
    tested = support[support > 0]
    moved = 2 / (2 * int(tested.min()) - 1) / len(tested)
    return float(min(1.0, max(moved, 1 / (len(tested) + 1) if len(tested) < k else 0.0)))


def _swap_test(gold: Codes, a: Codes, b: Codes, k: int, units: Codes, seed: int) -> float:
    """p of equal macro-F1 when each unit's answers are handed to the other arm at random, from tallies by label alone."""
    eye = np.eye(k + 1)[:, :k]  # (k + 1, k): an answer that is none of the labels is a row of zeros
    size = int(units.max()) + 1

    def tallies(codes: Codes) -> Floats:
        """Hits and answers by unit and label, shape (units, 2k)."""
        rows = np.hstack([eye[codes] * eye[gold], eye[codes]])
        summed = np.zeros((size, 2 * k))
        np.add.at(summed, units, rows)
        return summed

    of_a, of_b = tallies(a), tallies(b)
    moved = of_b - of_a
    moved = moved[np.any(moved != 0, axis=1)]
    if not len(moved):
        return 1.0
    support = eye[gold].sum(axis=0)

    def f1(summed: Floats) -> Floats:
        either = support + summed[:, k:]
        scores = 2 * summed[:, :k] / np.where(either == 0, 1, either)
        return np.asarray(scores.sum(axis=1) / (either > 0).sum(axis=1))

    total_a, total_b = of_a.sum(axis=0), of_b.sum(axis=0)
    seen = abs(float((f1(total_a[None]) - f1(total_b[None]))[0]))
    generator, extreme = np.random.default_rng(seed), 0
    for count in _chunks(RESAMPLES, len(moved)):
        swapped = generator.integers(2, size=(count, len(moved))) @ moved
        extreme += int((np.abs(f1(total_a + swapped) - f1(total_b - swapped)) >= seen * (1 - 1e-9)).sum())
    return (1 + extreme) / (1 + RESAMPLES)


def _chunks(draws: int, width: int) -> list[int]:
    size = max(1, _CELLS // max(1, width))
    return [min(size, draws - start) for start in range(0, draws, size)]
