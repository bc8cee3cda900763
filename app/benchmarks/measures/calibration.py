"""Are probabilities what they say: adaptive calibration error, Brier score, reliability diagram; probabilities per token."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from app.benchmarks.resampling import Floats, Interval, Measures, Resampled, totals
from app.benchmarks.statistics import proportion

BINS = 10
FEWEST = 300  # cases for a calibration error: below, what is left of noise in ten bins is most of it


@dataclass(frozen=True)
class Bin:
    """Cases of about the same confidence: the mean of it, and how many of them were right."""

    n: int
    lowest: float
    highest: float
    confidence: float
    accuracy: Interval


@dataclass(frozen=True)
class Judged:
    """What a model said of its own answers. `confidence` (cases,): the probability of the label that it answered; `correct`
    (cases,); `squares` (cases,): sum over the labels of (probability - 1 or 0)^2. nan where there are no probabilities."""

    confidence: Floats
    correct: NDArray[np.bool_]
    squares: Floats

    @property
    def known(self) -> NDArray[np.bool_]:
        return ~np.isnan(self.confidence)


Shares = Mapping[str, float] | None  # label -> share of 1


def judged(
    gold: Sequence[str],
    predicted: Sequence[str | None],
    probabilities: Sequence[Shares],
    squared: Sequence[Shares] | None = None,
) -> Judged:
    """A case without an answer among the labels, or without probabilities, is not judged. `squared`: what the squares are of,
    where that is not `probabilities` (per token instead of as served)."""
    brier = probabilities if squared is None else squared
    confidence, squares = np.full(len(gold), np.nan), np.full(len(gold), np.nan)
    for case, (truth, said, shares, of) in enumerate(zip(gold, predicted, probabilities, brier, strict=True)):
        if shares and said is not None and said in shares:
            confidence[case] = shares[said]
            if of:
                every = np.fromiter(of.values(), dtype=np.float64)
                squares[case] = max(
                    0.0, every @ every - 2 * of.get(truth, 0.0) + 1
                )  # the square of share - 1 or 0, written out
    correct = np.array([truth == said for truth, said in zip(gold, predicted, strict=True)])
    return Judged(confidence, correct, squares)


def per_token(shares: Mapping[str, float], label_mass: float, tokens: Mapping[str, int]) -> dict[str, float] | None:
    """Probabilities of the labels with their log-likelihoods divided by their tokens, out of those by whole likelihoods (as
    they are: divided by no temperature).

    `label_mass` is the sum of the labels' likelihoods; `tokens` counts each label's, the end of the answer included. A softmax
    over whole log-likelihoods favours labels of few tokens. None where a likelihood is too small for a float.
    """
    likelihoods = {label: share * label_mass for label, share in shares.items()}
    if not likelihoods or min(likelihoods.values()) <= 0:
        return None
    values = {label: math.log(likely) / tokens[label] for label, likely in likelihoods.items()}
    best = max(values.values())
    weights = {label: math.exp(value - best) for label, value in values.items()}
    total = math.fsum(weights.values())
    return {label: weight / total for label, weight in weights.items()}


def calibration_measures(of: Judged) -> Measures:
    """`ece` and `brier` for `resample`; the bins stay those of the whole sample."""
    codes, bins = _bins(of)
    gaps = np.where(of.known, of.confidence - of.correct, 0.0)
    squared = ~np.isnan(of.squares)
    squares = np.where(squared, of.squares, 0.0)

    def measures(weights: Floats) -> dict[Hashable, Floats]:
        return {
            "ece": np.abs(totals(weights, codes, bins, gaps)).sum(axis=1) / _count(weights, of.known),
            "brier": (weights @ squares) / _count(weights, squared),
        }

    return measures


def _count(weights: Floats, which: NDArray[np.bool_]) -> Floats:
    """nan where a resample has none of them."""
    drawn = weights @ which.astype(np.float64)
    return np.asarray(np.where(drawn > 0, drawn, np.nan))


def ece_interval(of: Judged, found: Resampled) -> Interval:
    """Adaptive calibration error: |mean confidence - share right| over ten bins of equally many cases (Nguyen & O'Connor 2015,
    arXiv 1508.05154), weighted by their cases.

    Noise alone makes it larger than it is, and once more in resamples: percentiles never hold the 0 of a calibrated model. So
    the upper bound is the percentile; the lower one lies as far below the estimate without the noise of its bins (each gap
    squared less its variance: Kumar, Liang & Ma 2019, arXiv 1909.10155, section 4.1); and it is 0 where the gaps are no larger
    than those of a calibrated model (Hosmer & Lemeshow's chi-square, one degree of freedom a bin). Simulated: 95 % or more.
    """
    codes, bins = _bins(of)
    known, n = of.known, int(of.known.sum())

    def by_bin(values: Floats) -> Floats:
        return np.asarray(np.bincount(codes[known], weights=values[known], minlength=bins), dtype=np.float64)

    away = of.confidence - of.correct
    gaps = by_bin(away)
    noise = by_bin(away**2) - gaps**2 / by_bin(np.ones(len(codes)))
    expected = by_bin(of.confidence * (1 - of.confidence))
    calibrated = float((gaps**2 / np.maximum(expected, 1e-12)).sum()) < float(chi2.ppf(0.95, bins))
    without_noise = float(np.sqrt(np.maximum(gaps**2 - noise, 0)).sum()) / n
    high = found.percentile().high
    low = 0.0 if calibrated else max(0.0, without_noise - (high - found.estimate))
    return Interval(found.estimate, low, high, n)


def reliability(of: Judged, clusters: Sequence[Hashable] | None = None) -> list[Bin]:
    """The bins of the calibration error, the least sure first; fewer than ten where many confidences are equal."""
    codes, bins = _bins(of)
    found = []
    for code in range(bins):
        at = np.flatnonzero(codes == code)
        if len(at):
            sure = of.confidence[at]
            inside = None if clusters is None else [clusters[case] for case in at.tolist()]
            accuracy = proportion(of.correct[at].tolist(), inside)
            found.append(Bin(len(at), float(sure.min()), float(sure.max()), float(sure.mean()), accuracy))
    return found


def _bins(of: Judged) -> tuple[NDArray[np.int64], int]:
    """Each case's bin, and how many there are; an unjudged case is in none (its code is that number). Equal confidences are
    never parted."""
    sure = of.confidence[of.known]
    edges = np.quantile(sure, np.arange(1, BINS) / BINS, method="higher") if len(sure) else sure
    used, codes = np.unique(np.searchsorted(edges, sure, side="right"), return_inverse=True)
    found = np.full(len(of.confidence), len(used), dtype=np.int64)
    found[of.known] = codes
    return found, len(used)
