"""Intervals cover, tests keep their level, and the edge cases of small and lopsided tables have answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom, norm, sem
from scipy.stats import bootstrap as scipy_bootstrap

from app.benchmarks.resampling import Resampled, resample
from app.benchmarks.scorers import macro_f1_metric
from app.benchmarks.statistics import (
    Interval,
    bootstrap,
    bootstrap_draws,
    cases_for_quantile,
    cases_needed,
    clustered_mcnemar,
    holm,
    mcnemar_midp,
    mean,
    mean_interval,
    non_inferior,
    paired_accuracy,
    paired_bootstrap_difference,
    paired_difference,
    paired_proportions,
    pass_k,
    proportion,
    quantile,
    quantile_interval,
    standard_error,
    wilson,
)

# ---- Wilson


def test_wilson_gives_the_published_interval() -> None:
    # Newcombe 1998, table I: 81 of 263 and 0 of 20.
    assert wilson(81, 263).low == pytest.approx(0.2553, abs=1e-4)
    assert wilson(81, 263).high == pytest.approx(0.3662, abs=1e-4)
    assert wilson(0, 20).high == pytest.approx(0.1611, abs=1e-4)


def test_wilson_has_a_width_even_when_all_cases_are_right() -> None:
    interval = wilson(30, 30)
    assert (interval.estimate, interval.high) == (1.0, 1.0)
    assert interval.low < 0.9


def test_wilson_covers_at_its_nominal_rate() -> None:
    """Exact, without simulation: the coverage at each true share, averaged over shares."""
    n, successes = 60, np.arange(61)
    bounds = [wilson(int(k), n) for k in successes]
    low, high = np.array([one.low for one in bounds]), np.array([one.high for one in bounds])
    covers = [binom.pmf(successes, n, p)[(low <= p) & (p <= high)].sum() for p in np.linspace(0.02, 0.98, 97)]
    assert np.mean(covers) == pytest.approx(0.95, abs=0.01)
    assert min(covers) > 0.85  # the normal approximation drops to .70 here


@given(n=st.integers(1, 2000), data=st.data())
def test_wilson_contains_its_estimate_and_stays_a_share(n: int, data: st.DataObject) -> None:
    interval = wilson(data.draw(st.integers(0, n)), n)
    assert 0 <= interval.low <= interval.estimate <= interval.high <= 1


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0 successes of 0 cases"):
        wilson(0, 0)


# ---- Bootstrap


def test_the_bootstrap_is_seeded() -> None:
    values = np.random.default_rng(1).normal(size=50)
    assert bootstrap(mean, values, seed=3) == bootstrap(mean, values, seed=3)
    assert bootstrap(mean, values, seed=3) != bootstrap(mean, values, seed=4)


def test_the_bootstrap_of_a_mean_agrees_with_its_standard_error() -> None:
    values = np.random.default_rng(2).normal(10, 3, size=500)
    interval = bootstrap(mean, values)
    assert interval.estimate == pytest.approx(values.mean())
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * 3 / np.sqrt(500), rel=0.15)


def test_whole_clusters_are_resampled_so_copies_of_a_case_are_no_evidence() -> None:
    values = np.random.default_rng(3).normal(size=40)
    copied, claims = np.repeat(values, 10), np.repeat(np.arange(40), 10)
    honest, fooled = bootstrap(mean, copied, clusters=claims.tolist()), bootstrap(mean, copied)
    assert honest.high - honest.low == pytest.approx(bootstrap(mean, values).high - bootstrap(mean, values).low, rel=0.1)
    assert fooled.high - fooled.low < 0.5 * (honest.high - honest.low)


def test_clusters_of_different_sizes_fit() -> None:
    interval = bootstrap(mean, np.array([1.0, 1.0, 1.0, 0.0]), clusters=["a", "a", "a", "b"])
    assert (interval.low, interval.high, interval.n) == (0.0, 1.0, 4)


def test_a_quantile_is_a_metric_too() -> None:
    values = np.arange(1.0, 101.0)
    assert bootstrap(quantile(0.5), values).estimate == 50
    interval = bootstrap(quantile(0.95), values)
    assert interval.estimate == 95
    assert 88 <= interval.low < 95 < interval.high <= 100


def _macro_f1_world(generator: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Four labels, lopsided, each answered right three times in four and otherwise at random."""
    gold = generator.choice(4, size=n, p=_SHARES)
    return gold, np.where(generator.random(n) < 0.75, gold, generator.integers(4, size=n))


_SHARES = np.array([0.5, 0.25, 0.15, 0.1])


def _true_macro_f1() -> float:
    hits = _SHARES * (0.75 + 0.25 / 4)
    predicted = 0.75 * _SHARES + 0.25 / 4
    return float(np.mean(2 * hits / (_SHARES + predicted)))


def test_the_bootstrap_of_macro_f1_covers_at_its_nominal_rate() -> None:
    generator, truth, tries = np.random.default_rng(4), _true_macro_f1(), 300
    covered = 0
    for _ in range(tries):
        interval = bootstrap(macro_f1_metric(4), *_macro_f1_world(generator, 200), resamples=400)
        covered += interval.low <= truth <= interval.high
    assert covered / tries == pytest.approx(0.945, abs=0.03)  # percentile intervals run a little short


def test_the_paired_bootstrap_sees_through_the_hardness_of_cases() -> None:
    generator = np.random.default_rng(5)
    gold, a = _macro_f1_world(generator, 400)
    b = np.where(generator.random(400) < 0.03, (gold + 1) % 4, a)  # the same answers but for a few made worse
    paired = paired_bootstrap_difference(macro_f1_metric(4), gold, a, b)
    alone = bootstrap(macro_f1_metric(4), gold, a)
    assert paired.low > 0
    assert paired.high - paired.low < 0.6 * (alone.high - alone.low)
    assert paired_bootstrap_difference(macro_f1_metric(4), gold, a, a) == Interval(0.0, 0.0, 0.0, 400)


def test_a_bootstrap_does_not_depend_on_the_size_of_its_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(6).normal(size=30)
    whole = bootstrap(mean, values, resamples=101)
    monkeypatch.setattr("app.benchmarks.resampling._CELLS", 300)
    chunked = bootstrap(mean, values, resamples=101)
    assert (chunked.low, chunked.high) == pytest.approx((whole.low, whole.high))


def test_the_draws_of_two_arms_are_of_the_same_cases() -> None:
    values = np.random.default_rng(7).normal(size=40)
    (low, low_draws), (high, high_draws) = bootstrap_draws(mean, values), bootstrap_draws(mean, values + 1)
    assert high - low == pytest.approx(1)
    assert high_draws - low_draws == pytest.approx(np.ones(2000))


def test_bca_agrees_with_scipy() -> None:
    values = np.random.default_rng(10).exponential(size=80)
    theirs = scipy_bootstrap((values,), np.mean, n_resamples=4000, method="BCa", rng=np.random.default_rng(0))
    ours = bootstrap(mean, values, resamples=4000, method="bca")
    expected = (theirs.confidence_interval.low, theirs.confidence_interval.high)
    assert (ours.low, ours.high) == pytest.approx(expected, rel=0.03)
    plain = bootstrap(mean, values, resamples=4000)
    assert ours.high > plain.high  # the mean of a skewed sample: percentiles end too early


def test_an_arm_without_an_error_has_an_interval_all_the_same() -> None:
    perfect = np.zeros(50, dtype=np.int64)
    found = resample({"": lambda weights: {"f1": macro_f1_metric(2)(perfect, perfect, weights)}}, 50)[""]["f1"]
    assert found.percentile().low == 1.0
    assert found.bounded().low == pytest.approx(wilson(50, 50).low, abs=0.01)


def test_a_resample_is_what_the_metric_says_of_the_cases_written_out() -> None:
    """The slow plain way is the reference: draw, write out the cases, count."""
    generator = np.random.default_rng(11)
    gold, answer = _macro_f1_world(generator, 40)
    metric = macro_f1_metric(4)
    weights = generator.multinomial(40, np.full(40, 1 / 40), size=20).astype(np.float64)
    for row, value in zip(weights, metric(gold, answer, weights), strict=True):
        drawn = np.repeat(np.arange(40), row.astype(int))
        f1 = []
        for label in range(4):
            hits = ((gold[drawn] == label) & (answer[drawn] == label)).sum()
            either = (gold[drawn] == label).sum() + (answer[drawn] == label).sum()
            f1 += [2 * hits / either] if either else []
        assert value == pytest.approx(np.mean(f1))


def test_arms_resampled_together_get_what_each_gets_alone() -> None:
    gold, answer = _macro_f1_world(np.random.default_rng(16), 50)
    arms = {
        name: (lambda weights, said=said: {"f1": macro_f1_metric(4)(gold, said, weights)})
        for name, said in (("one", answer), ("other", np.roll(answer, 1)))
    }
    together = resample(arms, 50, clusters=(np.arange(50) // 2).tolist(), resamples=100, seed=5)
    for name, measures in arms.items():
        alone = resample({name: measures}, 50, clusters=(np.arange(50) // 2).tolist(), resamples=100, seed=5)
        assert together[name]["f1"].draws.tolist() == alone[name]["f1"].draws.tolist()


def test_a_metric_that_is_sometimes_undefined_leaves_those_resamples_out() -> None:
    draws = np.array([np.nan, 0.2, 0.4, 0.6] * 100)
    found = Resampled(0.4, draws, np.array([0.3, 0.5]), 400, 400)
    assert (found.percentile().low, found.percentile().high) == (0.2, 0.6)
    assert 0.2 <= found.bca().low <= found.bca().high <= 0.6


# ---- Clusters, means, quantiles, repeats


def test_the_clustered_standard_error_by_hand() -> None:
    # Residuals -2, 0, 0, 2 about the mean 3; sums over clusters -2 and 2: sqrt(2 / 1 * (4 + 4)) / 4.
    assert standard_error(np.array([1.0, 3.0, 3.0, 5.0]), ["a", "a", "b", "b"]) == (pytest.approx(1.0), 2)
    values = np.random.default_rng(12).normal(size=30)
    assert standard_error(values)[0] == pytest.approx(sem(values))
    with pytest.raises(ValueError, match="at least two clusters"):
        standard_error(values, ["a"] * 30)


def test_a_proportion_of_copied_cases_is_as_wide_as_that_of_the_cases() -> None:
    right = (np.random.default_rng(13).random(200) < 0.7).tolist()
    copied = proportion([ok for ok in right for _ in range(5)], [i for i in range(200) for _ in range(5)])
    assert copied.high - copied.low == pytest.approx(proportion(right).high - proportion(right).low, rel=0.02)
    assert copied.n == 1000
    assert proportion([True] * 100, ["a"] * 50 + ["b"] * 50).low < 0.05  # two claims prove next to nothing
    assert proportion([True] * 100, ["a"] * 100).low < 0.3


def test_a_mean_has_students_interval() -> None:
    values = [1.0, 2.0, 4.0, 5.0]
    assert mean_interval(values).high == pytest.approx(3 + 3.182446 * sem(values))


@pytest.mark.parametrize(("q", "n"), [(0.5, 100), (0.95, 400)])
def test_a_quantile_lies_between_the_order_statistics_that_the_binomial_gives(q: float, n: int) -> None:
    interval = quantile_interval(np.arange(1.0, n + 1).tolist(), q)
    ranks = binom.ppf([0.025, 0.975], n, q)
    assert interval.low == pytest.approx(ranks[0], abs=1.01)
    assert interval.high == pytest.approx(ranks[1] + 1, abs=1.01)
    assert beta.cdf(q, interval.low, n + 1 - interval.low) == pytest.approx(0.975, abs=1e-6)


def test_a_tail_needs_its_cases() -> None:
    assert [cases_for_quantile(q) for q in (0.5, 0.95, 0.99)] == [6, 72, 368]
    assert quantile_interval([1.0, 2.0, 3.0], 0.95).high == 3.0
    assert quantile_interval([7.0], 0.5) == Interval(7.0, 7.0, 7.0, 1)


def test_a_quantile_of_copied_cases_is_as_wide_as_that_of_the_cases() -> None:
    values = np.random.default_rng(14).exponential(size=100).tolist()
    alone = quantile_interval(values, 0.5)
    copied = quantile_interval([v for v in values for _ in range(4)], 0.5, [i for i in range(100) for _ in range(4)])
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low, rel=0.15)


def test_pass_k_by_hand() -> None:
    assert pass_k(3, 5, 2) == 3 / 10  # not (3/5)^2
    assert (pass_k(5, 5, 5), pass_k(4, 5, 5), pass_k(3, 5, 1)) == (1.0, 0.0, 0.6)
    with pytest.raises(ValueError, match="needs at least 6 calls"):
        pass_k(5, 5, 6)


@given(st.integers(2, 8), st.floats(0.001, 1), st.data())
def test_pass_k_is_unbiased(n: int, chance: float, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, n))
    expected = sum(binom.pmf(c, n, chance) * pass_k(c, n, k) for c in range(n + 1))
    assert expected == pytest.approx(chance**k, abs=1e-9)


# ---- Two arms


@pytest.mark.parametrize(("b", "c", "p"), [(0, 1, 0.5), (10, 0, 2**-10), (5, 5, 1.0), (7, 3, 0.2265625)])
def test_mid_p_by_hand(b: int, c: int, p: float) -> None:
    assert mcnemar_midp(b, c) == pytest.approx(p)


def test_no_discordant_pair_is_p_one_not_a_division_by_zero() -> None:
    assert mcnemar_midp(0, 0) == 1.0


def test_ten_thousand_discordant_pairs_do_not_overflow() -> None:
    assert 0.04 < mcnemar_midp(5000, 5200) < 0.05
    assert mcnemar_midp(2000, 8000) < 1e-300 or mcnemar_midp(2000, 8000) == 0.0


@given(b=st.integers(0, 500), c=st.integers(0, 500))
def test_mid_p_is_symmetric_and_a_probability(b: int, c: int) -> None:
    assert mcnemar_midp(b, c) == mcnemar_midp(c, b)
    assert 0 <= mcnemar_midp(b, c) <= 1


@pytest.mark.parametrize("discordance", [0.1, 0.3])
def test_mid_p_keeps_its_level_and_wastes_little_of_it(discordance: float) -> None:
    """Exact type-I error at 200 pairs: over the number of discordant pairs, then over their split."""
    n, error = 200, 0.0
    for discordant in range(n + 1):
        weight = binom.pmf(discordant, n, discordance)
        if weight > 1e-9:
            split = np.arange(discordant + 1)
            rejected = np.array([mcnemar_midp(int(k), int(discordant - k)) < 0.05 for k in split])
            error += weight * binom.pmf(split, discordant, 0.5)[rejected].sum()
    assert 0.035 < error < 0.053


def test_paired_proportions_by_hand() -> None:
    # With no discordant pair the score interval is +-z^2 / (n + z^2); with all on one side its end is (n - z^2) / (n + z^2).
    assert paired_proportions(0, 0, 20).high == pytest.approx(3.8415 / 23.8415, abs=1e-4)
    assert paired_proportions(20, 0, 20).low == pytest.approx((20 - 3.8415) / (20 + 3.8415), abs=1e-4)


def test_ten_agreeing_cases_do_not_prove_two_models_equal() -> None:
    interval = paired_proportions(0, 0, 10)
    assert interval.low < -0.2
    assert interval.high > 0.2


@settings(deadline=None)
@given(n=st.integers(1, 3000), data=st.data())
def test_paired_proportions_contain_their_estimate_and_mirror(n: int, data: st.DataObject) -> None:
    b = data.draw(st.integers(0, n))
    c = data.draw(st.integers(0, n - b))
    one, other = paired_proportions(b, c, n), paired_proportions(c, b, n)
    assert -1 <= one.low <= one.estimate <= one.high <= 1
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-9)


@given(b=st.integers(0, 300), c=st.integers(0, 300))
def test_paired_proportions_exclude_0_just_when_the_score_test_of_mcnemar_rejects(b: int, c: int) -> None:
    rejects = b + c > 0 and (b - c) ** 2 / (b + c) > 1.959964**2
    assert paired_proportions(b, c, 600).excludes(0) == rejects


def test_paired_proportions_cover_at_their_nominal_rate() -> None:
    generator, tries, n = np.random.default_rng(7), 1000, 80
    tables = generator.multinomial(n, [0.15, 0.05, 0.8], size=tries)
    bounds = {(b, c): paired_proportions(b, c, n) for b, c, _ in tables.tolist()}
    covered = sum(not bounds[b, c].excludes(0.1) for b, c, _ in tables.tolist())
    assert covered / tries == pytest.approx(0.95, abs=0.02)


def test_a_paired_difference_has_millers_standard_error() -> None:
    interval = paired_difference([1, 1, 1, 0], [0, 1, 0, 0])
    # d = 1, 0, 1, 0: mean .5, sum of squares about it 1, SE = sqrt(1 / (4 * 3)).
    assert interval.estimate == 0.5
    assert interval.high - interval.low == pytest.approx(2 * 1.959964 * np.sqrt(1 / 12) * 3.182446 / 1.959964)


def test_the_clustered_standard_error_counts_claims_not_rows() -> None:
    a, b = np.random.default_rng(8).normal(size=(2, 50))
    alone = paired_difference(a, b)
    copied = paired_difference(np.repeat(a, 4), np.repeat(b, 4), clusters=np.repeat(np.arange(50), 4).tolist())
    assert (copied.low, copied.high) == pytest.approx((alone.low, alone.high))


def test_repeats_are_averaged_within_a_case_first_so_more_seeds_make_no_more_cases() -> None:
    generator = np.random.default_rng(9)
    per_repeat = generator.random((30, 5)) < generator.random((30, 1))  # 30 cases, 5 repeats
    averaged = paired_difference(per_repeat.mean(axis=1), np.full(30, 0.5))
    assert averaged.n == 30


def test_obuchowskis_test_sums_within_clusters() -> None:
    # Differences by cluster 2, 1, -1, 2: z = 4 / sqrt(4 + 1 + 1 + 4), referred to Student's t with 3 degrees of freedom.
    first = [True, True, True, False, True, True]
    second = [False, False, False, True, False, False]
    _, p = clustered_mcnemar(first, second, ["a", "a", "b", "c", "d", "d"])
    assert p == pytest.approx(0.2949, abs=1e-3)


def test_with_clusters_of_one_case_it_is_mcnemars_test() -> None:
    generator = np.random.default_rng(15)
    first, second = (generator.random((2, 600)) < [[0.8], [0.74]]).tolist()
    (plain, p), (clustered, q) = paired_accuracy(first, second), paired_accuracy(first, second, list(range(600)))
    assert q == pytest.approx(p, abs=0.01)
    assert (clustered.low, clustered.high) == pytest.approx((plain.low, plain.high), abs=0.001)


def test_agreeing_within_one_claim_proves_nothing() -> None:
    interval, p = paired_accuracy([True] * 50, [False] * 50, ["a"] * 50)
    assert (p, interval.n) == (1.0, 50)
    assert interval.low < 0
    alike, _ = paired_accuracy([True] * 50, [True] * 50, [i // 25 for i in range(50)])
    assert alike.high > 0.5


def test_non_inferiority_asks_the_whole_interval() -> None:
    assert non_inferior(Interval(-0.001, -0.009, 0.007, 900), 0.01)
    assert not non_inferior(Interval(0.004, -0.011, 0.019, 300), 0.01)
    with pytest.raises(ValueError, match="above 0"):
        non_inferior(Interval(0, 0, 0, 1), 0)


def test_connors_number_has_the_power_it_promises() -> None:
    """Exact: over the number of discordant pairs, then over their split."""
    n, psi, delta = cases_needed(0.12, 0.05), 0.12, 0.05
    discordant = np.arange(n + 1)
    critical = norm.ppf(0.975)
    power = 0.0
    for m in discordant[binom.pmf(discordant, n, psi) > 1e-9]:
        split = np.arange(m + 1)
        rejected = (2 * split - m) ** 2 > critical**2 * m
        power += binom.pmf(m, n, psi) * binom.pmf(split, m, (psi + delta) / (2 * psi))[rejected].sum()
    assert power == pytest.approx(0.8, abs=0.015)


# ---- Planning and several tests


@pytest.mark.parametrize(("delta", "pairs"), [(0.03, 1044), (0.05, 374)])
def test_cases_needed_gives_connors_numbers(delta: float, pairs: int) -> None:
    assert cases_needed(0.12, delta) == pairs
    assert cases_needed(0.12, -delta) == pairs


def test_a_difference_larger_than_the_discordance_cannot_be() -> None:
    with pytest.raises(ValueError, match="at most the share of discordant pairs"):
        cases_needed(0.02, 0.05)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_never_helps_and_keeps_the_order(pvalues: list[float]) -> None:
    adjusted = holm(pvalues)
    assert all(p <= q <= 1 for p, q in zip(pvalues, adjusted, strict=True))
    assert [q for _, q in sorted(zip(pvalues, adjusted, strict=True))] == sorted(adjusted)
