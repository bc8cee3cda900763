"""Calibration: the measures agree with their definitions, noise is not taken for error, and ties are never parted."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from app.benchmarks.measures.calibration import (
    Judged,
    calibration_measures,
    ece_interval,
    judged,
    per_token,
    reliability,
)
from app.benchmarks.resampling import Interval, resample


def _said(n: int, off: float, seed: int) -> Judged:
    """Two labels; right with the confidence said less `off`."""
    generator = np.random.default_rng(seed)
    confidence = 0.5 + 0.5 * generator.beta(4, 1.5, size=n)
    correct = generator.random(n) < confidence - off
    return Judged(confidence, correct, 2 * (confidence - correct) ** 2)


def _ece(said: Judged, resamples: int = 300) -> Interval:
    found = resample({"": calibration_measures(said)}, len(said.confidence), resamples=resamples)[""]
    return ece_interval(said, found["ece"])


def test_the_brier_score_of_two_labels_is_twice_scikit_learns() -> None:
    """Brier's own sum runs over all labels (1950); scikit-learn's of two labels counts one of them."""
    shares = [{"a": p, "b": 1 - p} for p in (0.9, 0.6, 0.2, 0.5)]
    gold = ["a", "b", "b", "a"]
    said = judged(gold, ["a", "a", "b", "a"], shares)
    ours = resample({"": calibration_measures(said)}, 4, resamples=10)[""]["brier"].estimate
    assert ours == pytest.approx(2 * brier_score_loss([g == "a" for g in gold], [s["a"] for s in shares]))


def test_the_bins_are_those_of_scikit_learns_quantile_strategy() -> None:
    said = _said(500, 0.1, 0)
    share, confidence = calibration_curve(said.correct, said.confidence, n_bins=10, strategy="quantile")
    bins = reliability(said)
    assert [one.accuracy.estimate for one in bins] == pytest.approx(share, abs=0.03)
    assert [one.confidence for one in bins] == pytest.approx(confidence, abs=0.005)
    assert _ece(said).estimate == pytest.approx(sum(one.n * abs(one.confidence - one.accuracy.estimate) for one in bins) / 500)


def test_a_calibrated_model_is_not_called_miscalibrated_and_an_overconfident_one_is() -> None:
    held = [_ece(_said(400, 0.0, seed)).low == 0 for seed in range(40)]
    assert sum(held) >= 34  # 38 expected, at least 34 in all but one of a thousand such forty
    assert all(_ece(_said(400, 0.2, seed)).low > 0.08 for seed in range(10))


def test_equal_confidences_share_a_bin() -> None:
    same = Judged(np.full(400, 0.25), np.arange(400) % 4 == 0, np.full(400, 0.75))
    (only,) = reliability(same)
    assert (only.n, only.confidence, only.accuracy.estimate) == (400, 0.25, 0.25)
    assert _ece(same).estimate == pytest.approx(0, abs=1e-9)


def test_a_case_without_probabilities_is_not_judged() -> None:
    said = judged(["a", "a", "b"], ["a", None, "b"], [{"a": 0.9, "b": 0.1}, {"a": 0.5, "b": 0.5}, None])
    assert said.known.tolist() == [True, False, False]


def test_probabilities_per_token_do_not_favour_the_short_label() -> None:
    # -2 over 1 token against -4 over 4 tokens: by whole likelihood the short one, per token the long one.
    likelihoods = {"no": np.exp(-2.0), "water damage": np.exp(-4.0)}
    mass = sum(likelihoods.values())
    shares = {label: float(one / mass) for label, one in likelihoods.items()}
    found = per_token(shares, float(mass), {"no": 1, "water damage": 4})
    assert found is not None
    assert found["water damage"] == pytest.approx(np.exp(-1) / (np.exp(-1) + np.exp(-2)))
    assert per_token({"no": 0.0, "yes": 1.0}, 0.1, {"no": 1, "yes": 1}) is None
