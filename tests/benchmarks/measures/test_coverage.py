"""Risk and coverage: the area is the mean over all orders of equals, and a case without a confidence is answered last."""

from itertools import permutations

import numpy as np
import pytest

from app.benchmarks.measures.coverage import coverage_measures, risk_coverage
from app.benchmarks.resampling import Resampled, resample


def _aurc(confidence: list[float], correct: list[bool], resamples: int = 10) -> Resampled:
    measures = coverage_measures(np.array(confidence), np.array(correct))
    return resample({"": measures}, len(correct), resamples=resamples)[""]["aurc"]


def test_an_arm_that_knows_when_it_is_wrong_has_a_small_area() -> None:
    correct = [True] * 6 + [False] * 2
    knows = _aurc([8, 7, 6, 5, 4, 3, 2, 1], correct).estimate
    deluded = _aurc([1, 2, 3, 4, 5, 6, 7, 8], correct).estimate
    unsure = _aurc([0.5] * 8, correct).estimate
    assert unsure == pytest.approx(0.25)
    assert knows < unsure < deluded


def test_with_all_confidences_different_the_area_is_the_mean_risk_at_each_case() -> None:
    generator = np.random.default_rng(0)
    confidence, correct = generator.random(500), generator.random(500) < 0.7
    wrong = ~correct[np.argsort(-confidence)]
    plain = float(np.mean(np.cumsum(wrong) / np.arange(1, 501)))
    assert _aurc(confidence.tolist(), correct.tolist()).estimate == pytest.approx(plain, abs=0.01)


def test_equals_are_taken_in_no_order_of_the_file() -> None:
    areas = {round(_aurc([0.5] * 4, list(order)).estimate, 12) for order in permutations([True, True, False, False])}
    assert areas == {0.5}


def test_the_curve_ends_with_every_case_and_the_overall_risk() -> None:
    confidence = np.array([0.9, 0.8, np.nan, 0.7, 0.6, 0.5, 0.4, 0.3])
    correct = np.array([True, True, False, True, True, False, True, False])
    curve = risk_coverage(confidence, correct)
    assert (curve[0].coverage, curve[0].threshold, curve[0].risk.estimate) == (1 / 8, 0.9, 0.0)
    assert (curve[-1].coverage, curve[-1].threshold, curve[-1].risk.estimate) == (1.0, None, 3 / 8)
    assert [point.risk.n for point in curve] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_resample_scores_its_cases_as_often_as_they_were_drawn() -> None:
    """The fast way over weights gives what the plain way gives on the cases written out."""
    generator = np.random.default_rng(1)
    confidence, correct = generator.integers(5, size=60) / 5, generator.random(60) < 0.6
    weights = generator.multinomial(60, np.full(60, 1 / 60), size=5).astype(float)
    fast = coverage_measures(confidence, correct)(weights)["aurc"]
    for row, area in zip(weights, fast, strict=True):
        drawn = np.repeat(np.arange(60), row.astype(int))
        assert coverage_measures(confidence[drawn], correct[drawn])(np.ones((1, 60)))["aurc"][0] == pytest.approx(area)
