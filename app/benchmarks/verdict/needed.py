"""How many cases a decision still needs: to find a difference, or to show that the cheaper arm is not worse."""

import math
from dataclasses import dataclass

from scipy.stats import norm

from app.benchmarks.statistics import cases_needed
from app.benchmarks.verdict.differences import Difference
from app.benchmarks.verdict.pairs import Pair
from app.benchmarks.verdict.rule import Margin, Side

_LEAST = 1e-3  # a smaller difference than a tenth of a point is none to plan a test for


@dataclass(frozen=True)
class Needed:
    """Cases in all, at 80 % power. None: no number would do, or there is nothing to show that way."""

    superiority: int | None
    non_inferiority: int | None

    @property
    def cases(self) -> int | None:
        """By the shorter way."""
        known = [n for n in (self.superiority, self.non_inferiority) if n is not None]
        return min(known, default=None)


def needed(
    difference: Difference, pair: Pair | None, cheaper: Side | None, margin: Margin, *, clustered: bool = False
) -> Needed:
    """At the discordance that was seen; at the spread for other metrics, and where cases belong together."""
    if pair is not None and difference.metric == "accuracy" and not clustered:
        superiority, non_inferiority = _accuracy(pair, cheaper, margin.of("accuracy"))
    else:
        superiority, non_inferiority = _by_spread(difference, cheaper, margin.of(difference.metric))
    least = difference.difference.n + 1
    return Needed(
        None if superiority is None else max(superiority, least),
        None if non_inferiority is None else max(non_inferiority, least),
    )


def non_inferiority_cases(
    discordance: float, gain: float, margin: float, alpha: float = 0.05, power: float = 0.8
) -> int | None:
    """Pairs to show that an arm is not worse by `margin` when it truly differs by `gain` (Nam 1997, Biometrics 53:1422).

    Shares all; alpha is two-sided. None when it truly is worse by the margin. Even if no pair is ever discordant, Tango's
    interval needs z^2 (1 - margin) / margin cases to lie within the margin.
    """
    if gain + margin <= 0:
        return None
    z = float(norm.ppf(1 - alpha / 2))
    by_spread = (z + float(norm.ppf(power))) ** 2 * max(0.0, discordance - gain**2) / (gain + margin) ** 2
    return math.ceil(max(by_spread, z * z * (1 - margin) / margin))


def _accuracy(pair: Pair, cheaper: Side | None, margin: float) -> tuple[int | None, int | None]:
    """To find the margin, or the difference seen if that is larger (Connor)."""
    discordance, seen = (pair.first_only + pair.second_only) / pair.n, abs(pair.difference.estimate)
    delta = max(seen, margin, _LEAST)
    superiority = cases_needed(max(discordance, delta), delta)
    if superiority <= pair.n and seen:
        superiority = cases_needed(max(discordance, seen), seen)  # equal but for rounding where one side has them all
    if cheaper is None or margin <= 0:
        return superiority, None
    gain = pair.difference.estimate if cheaper == "first" else -pair.difference.estimate
    return superiority, non_inferiority_cases(discordance, gain, margin)


def _by_spread(d: Difference, cheaper: Side | None, margin: float) -> tuple[int | None, int | None]:
    """An interval shrinks with the root of the cases: from its width now to the one that the question needs."""
    z = float(norm.ppf(0.975))
    error = (d.gain.high - d.gain.low) / (2 * z)
    reach = (z + float(norm.ppf(0.8))) * error

    def cases(distance: float) -> int | None:
        return math.ceil(d.gain.n * (reach / distance) ** 2) if distance > 0 and error > 0 else None

    superiority = cases(max(abs(d.gain.estimate), margin))
    if cheaper is None:
        return superiority, None
    gain = d.gain.estimate if cheaper == "first" else -d.gain.estimate
    return superiority, cases(gain + margin)
