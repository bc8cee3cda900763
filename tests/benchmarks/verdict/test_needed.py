"""How many cases a decision still needs, against published values and against what the interval then does."""

import pytest

from app.benchmarks.statistics import paired_proportions
from app.benchmarks.verdict.needed import non_inferiority_cases


def test_equal_arms_need_what_the_textbook_says() -> None:
    """(1.96 + .8416)^2 * .12 / .03^2 = 1,047 pairs at 12 % discordance, a margin of 3 points and no true difference."""
    assert non_inferiority_cases(0.12, 0.0, 0.03) == 1047
    assert non_inferiority_cases(0.12, 0.02, 0.03) == pytest.approx(1047 * 9 / 25, abs=2)  # truly better by 2 points
    assert non_inferiority_cases(0.12, -0.03, 0.03) is None  # truly worse by the margin: no number shows the contrary
    assert non_inferiority_cases(0.12, -0.05, 0.03) is None


@pytest.mark.parametrize("margin", [0.005, 0.01, 0.05])
def test_without_a_discordant_pair_the_interval_fits_into_the_margin_at_that_number_and_not_below(margin: float) -> None:
    n = non_inferiority_cases(0.0, 0.0, margin)
    assert n is not None
    assert paired_proportions(0, 0, n + 1).low > -margin
    assert paired_proportions(0, 0, n - 2).low <= -margin


def test_at_that_number_four_in_five_are_shown() -> None:
    """A pair in 12 % discordance, equal in truth: the share of tests whose interval lies within the margin."""
    import numpy as np

    n = non_inferiority_cases(0.12, 0.0, 0.05)
    assert n is not None
    table = np.random.default_rng(5).multinomial(n, [0.06, 0.06, 0.88], size=400)
    shown = sum(paired_proportions(int(b), int(c), n).low > -0.05 for b, c, _ in table)
    assert shown / 400 == pytest.approx(0.8, abs=0.06)
