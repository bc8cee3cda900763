"""The bootstrap: cases, or whole clusters, drawn again and again; one set of draws serves every arm and every metric.

A metric for `bootstrap` is a function `(*arrays, weights) -> values`: `arrays` hold one entry per case (length n), `weights`
is (resamples, n) and says how often each case was drawn, `values` is (resamples,). So a resample is never materialised, and
whole clusters of different sizes fit into one rectangle. `Measures` are several such metrics with their arrays bound, by name:
what they share, such as a confusion matrix, is computed once.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit, logit
from scipy.stats import norm, t

Floats = NDArray[np.float64]
Metric = Callable[..., Floats]
Measures = Callable[[Floats], Mapping[Hashable, Floats]]
Method = Literal["percentile", "bca"]
Name = TypeVar("Name", bound=Hashable)

_CELLS = 500_000  # weights held at once: 4 MB of float64
_FEW = 60  # cases or clusters below which one method alone falls short
_LEFT_OUT = 200  # groups of units that the jackknife leaves out in turn, at most


@dataclass(frozen=True)
class Interval:
    """A number with its confidence interval and the number of cases it stands on."""

    estimate: float
    low: float
    high: float
    n: int

    def excludes(self, value: float) -> bool:
        return value < self.low or value > self.high


@dataclass(frozen=True)
class Resampled:
    """A metric of all `n` cases, of each resample (resamples,), and with each group of cases left out (groups,).

    `units`: what was drawn, cases or clusters. nan where the metric is undefined; the intervals leave such resamples out.
    """

    estimate: float
    draws: Floats
    left_out: Floats
    n: int
    units: int

    def percentile(self, confidence: float = 0.95) -> Interval:
        return percentile_interval(self.estimate, self.draws, self.n, confidence)

    def bca(self, confidence: float = 0.95) -> Interval:
        """Bias-corrected and accelerated (Efron 1987, JASA 82:171), the acceleration from a grouped jackknife."""
        draws = self.draws[~np.isnan(self.draws)]
        below = (np.sum(draws < self.estimate) + np.sum(draws == self.estimate) / 2) / len(draws)
        bias = float(norm.ppf(np.clip(below, 1 / len(draws), 1 - 1 / len(draws))))
        away = np.nanmean(self.left_out) - self.left_out
        spread = float(np.nansum(away**2))
        acceleration = float(np.nansum(away**3)) / (6 * spread**1.5) if spread > 1e-18 else 0.0
        z = norm.ppf([(1 - confidence) / 2, (1 + confidence) / 2])
        low, high = np.quantile(draws, norm.cdf(bias + (bias + z) / (1 - acceleration * (bias + z))))
        return Interval(self.estimate, min(float(low), self.estimate), max(float(high), self.estimate), self.n)

    def bounded(self, lowest: float = 0.0, highest: float = 1.0, confidence: float = 0.95) -> Interval:
        """For a metric that cannot leave [lowest, highest]: the bootstrap's standard error and Student's t on the logit scale.

        Near an end of the range, where quantiles of the draws are far too short, it keeps its coverage (docs/decisions/0021).
        At the end itself every resample is without an error as the sample is: Wilson's interval for as many cases. Below 60
        cases or clusters each bound is the wider one of this and of BCa. The whole range where hardly a resample is defined.
        """
        if np.sum(~np.isnan(self.draws)) < 2:
            return Interval(self.estimate, lowest, highest, self.n)
        span, quantile = highest - lowest, float(t.ppf((1 + confidence) / 2, max(1, self.units - 1)))
        share = (self.estimate - lowest) / span
        slope, error = share * (1 - share), float(np.nanstd(self.draws, ddof=1)) / span
        if error < 1e-9 or slope < 1e-12:
            low, high = score_bounds(min(1.0, max(0.0, share)), self.units, quantile)
            return Interval(self.estimate, lowest + span * low, lowest + span * high, self.n)
        low, high = (float(expit(logit(share) + side * quantile * error / slope)) for side in (-1, 1))
        low, high = lowest + span * low, lowest + span * high
        if self.units < _FEW:
            other = self.bca(confidence)
            low, high = min(low, other.low), max(high, other.high)
        return Interval(self.estimate, low, high, self.n)


def score_bounds(share: float, n: float, z: float) -> tuple[float, float]:
    """Wilson 1927, for `n` cases that may be no whole number. At 0 and 1 the bound is exact, rounding or not."""
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    return (0.0 if share == 0 else centre - half), (1.0 if share == 1 else centre + half)


def bootstrap(
    metric: Metric,
    *arrays: Any,
    clusters: Sequence[Hashable] | None = None,
    resamples: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
    method: Method = "percentile",
) -> Interval:
    """Interval of `metric` over resampled cases, or over whole resampled clusters (Efron & Tibshirani 1993, ch. 13 and 14).

    Resamples on which the metric is undefined (nan) are left out.
    """
    found = resampled(metric, *arrays, clusters=clusters, resamples=resamples, seed=seed)
    return found.bca(confidence) if method == "bca" else found.percentile(confidence)


def bootstrap_draws(
    metric: Metric, *arrays: Any, clusters: Sequence[Hashable] | None = None, resamples: int = 2000, seed: int = 0
) -> tuple[float, Floats]:
    """`metric` of all cases, and of each resample (resamples,). Which cases a resample holds depends on their number, the
    clusters and the seed only: the draws of two arms on the same cases are paired."""
    found = resampled(metric, *arrays, clusters=clusters, resamples=resamples, seed=seed)
    return found.estimate, found.draws


def resampled(
    metric: Metric, *arrays: Any, clusters: Sequence[Hashable] | None = None, resamples: int = 2000, seed: int = 0
) -> Resampled:
    """One metric alone, by draws that depend on the number of cases, the clusters and the seed only."""
    columns = [np.asarray(array) for array in arrays]
    n = len(columns[0])
    if n == 0 or any(len(column) != n for column in columns):
        raise ValueError("a bootstrap needs at least one case and arrays of one length")
    measures: dict[str, Measures] = {"": lambda weights: {"": metric(*columns, weights)}}
    return resample(measures, n, clusters=clusters, resamples=resamples, seed=seed)[""][""]


def resample(
    measures: Mapping[Name, Measures],
    n: int,
    *,
    clusters: Sequence[Hashable] | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[Name, dict[Hashable, Resampled]]:
    """Each one's measures, by name, over the same draws of `n` cases; each draw is made once for all of them."""
    drawn: dict[Name, list[Mapping[Hashable, Floats]]] = {name: [] for name in measures}
    for weights in _drawn_weights(n, clusters, resamples, seed):
        for name, measure in measures.items():
            drawn[name].append(measure(weights))
    units = n if clusters is None else len(set(clusters))
    ones, without = np.ones((1, n)), _left_out_weights(n, clusters, seed)
    found: dict[Name, dict[Hashable, Resampled]] = {}
    for name, measure in measures.items():
        estimates, left_out = measure(ones), measure(without)
        found[name] = {
            key: Resampled(float(at[0]), np.concatenate([chunk[key] for chunk in drawn[name]]), left_out[key], n, units)
            for key, at in estimates.items()
        }
    return found


def percentile_interval(estimate: float, draws: Floats, n: int, confidence: float = 0.95) -> Interval:
    """Between the outer quantiles of `draws`, widened to hold the estimate."""
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    # A percentile interval may miss its own estimate by a little where the metric is biased in resamples: widen, never hide.
    return Interval(estimate, min(float(low), estimate), max(float(high), estimate), n)


# ---- Weights


def totals(weights: Floats, codes: NDArray[np.int64], k: int, values: Floats | None = None) -> Floats:
    """(resamples, k): the weights, or weights times `values`, added up by code 0..k-1; codes of k and above are left out.

    A sparse product: n x resamples additions, however many codes there are.
    """
    inside = codes < k
    places = np.flatnonzero(inside)
    entries = np.ones(len(places)) if values is None else np.asarray(values, dtype=np.float64)[places]
    member = csr_array((entries, (codes[places], places)), shape=(k, len(codes)))
    return np.asarray((member @ weights.T).T)


def _drawn_weights(n: int, clusters: Sequence[Hashable] | None, resamples: int, seed: int) -> Iterator[Floats]:
    """Chunks of (rows, n) case counts; the draws do not depend on the size of the chunks."""
    generator = np.random.default_rng(seed)
    of_case = None if clusters is None else cluster_codes(clusters, n)
    units = n if of_case is None else int(of_case.max()) + 1
    rows = max(1, _CELLS // max(n, units))
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        drawn = generator.integers(units, size=(count, units)) + units * np.arange(count)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=count * units).reshape(count, units)
        # In memory case by case: `totals` adds up whole rows of it.
        by_unit = np.ascontiguousarray(counts.T, dtype=np.float64)
        yield (by_unit if of_case is None else by_unit[of_case]).T


def _left_out_weights(n: int, clusters: Sequence[Hashable] | None, seed: int) -> Floats:
    """(groups, n): 1 but for one group of cases or clusters each. The groups are drawn: neighbours may be alike."""
    of_case = np.arange(n) if clusters is None else cluster_codes(clusters, n)
    units = int(of_case.max()) + 1
    groups = min(units, _LEFT_OUT)
    if groups < 2:
        return np.ones((1, n))
    of_unit = np.random.default_rng(seed).permutation(units) % groups
    weights = np.ones((n, groups))
    weights[np.arange(n), of_unit[of_case]] = 0
    return weights.T


def cluster_codes(clusters: Sequence[Hashable], n: int) -> NDArray[np.int64]:
    """Clusters as numbers 0..C-1, in order of first appearance."""
    if len(clusters) != n:
        raise ValueError(f"{len(clusters)} clusters for {n} cases")
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(cluster, len(numbers)) for cluster in clusters], dtype=np.int64)


# ---- Metrics


def mean(values: Floats, weights: Floats) -> Floats:
    """Metric: the mean over cases."""
    return np.asarray(weights @ values / weights.sum(axis=1))


def weighted_mean(values: Floats, sizes: Floats, weights: Floats) -> Floats:
    """Metric: the mean over cases of different sizes; of bits per byte, all bits over all bytes."""
    return np.asarray(weights @ (values * sizes) / (weights @ sizes))


def quantile(q: float) -> Metric:
    """Metric: the q-th quantile over cases (the smallest value with at least a share q of the cases at or below it)."""

    def metric(values: Floats, weights: Floats) -> Floats:
        order = np.argsort(values, kind="stable")
        reached = np.cumsum(weights[:, order], axis=1)
        return np.asarray(values[order][np.argmax(reached >= q * reached[:, -1:] - 1e-9, axis=1)], dtype=np.float64)

    return metric
