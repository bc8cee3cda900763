"""Variation: luck within a case, the wording and the cases themselves are told apart."""

import numpy as np
import pytest

from app.benchmarks.measures.variation import pass_power, variation


def _answers(chances: np.ndarray, n: int, seed: int) -> dict[int, list[str | None]]:
    right = np.random.default_rng(seed).random((len(chances), n)) < chances[:, None]
    return {case: ["a" if ok else None for ok in row] for case, row in enumerate(right)}


def test_a_coin_varies_within_a_case_and_a_fixed_mind_between_cases() -> None:
    gold = dict.fromkeys(range(400), "a")
    coin = variation(gold, _answers(np.full(400, 0.5), 5, 2), {})
    assert coin.rerun is not None
    assert coin.rerun.low < 0.25 < coin.rerun.high
    assert coin.between == pytest.approx(0, abs=0.02)
    assert coin.wording is None
    fixed = variation(gold, _answers(np.arange(400) % 2, 5, 0), {})
    assert fixed.rerun is not None
    assert (fixed.rerun.estimate, fixed.between) == (0.0, pytest.approx(0.25, abs=0.01))


def test_pass_k_is_unbiased_and_lower_than_the_power_of_the_mean() -> None:
    gold = dict.fromkeys(range(2000), "a")
    powers = pass_power(gold, _answers(np.where(np.arange(2000) % 2, 0.9, 0.5), 5, 1))
    truth = [(0.9**k + 0.5**k) / 2 for k in range(1, 6)]
    assert [k for k, _ in powers] == [1, 2, 3, 4, 5]
    assert [one.estimate for _, one in powers] == pytest.approx(truth, abs=0.025)


def test_one_case_or_one_cluster_tells_no_interval() -> None:
    assert variation({0: "a"}, {0: ["a", None]}, {}).rerun is None
    both = {0: ["a", None], 1: ["a", "a"]}
    assert variation({0: "a", 1: "a"}, both, {}, {0: "x", 1: "x"}).rerun is None
    assert pass_power({0: "a", 1: "a"}, both, {0: "x", 1: "x"}) == []
