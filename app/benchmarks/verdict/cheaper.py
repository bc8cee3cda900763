"""Which of two arms is cheaper to run, by money, by latency, or by bytes: a tenth less, and beyond chance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.benchmarks.arms import ArmResult, aligned
from app.benchmarks.economics import Spending
from app.benchmarks.statistics import Floats, Interval, bootstrap, mean, percentile_interval, quantile
from app.errors import InvalidRequest

CHEAPER = 0.9  # at most this share of the other's cost: what varies less from run to run is no reason to switch

CostRule = Literal["money", "latency", "bytes"]
Typical = Literal["median", "mean"]


@dataclass(frozen=True)
class Cheaper:
    """`by`: None where it was not measured for both. `words`: both costs, in money per 1,000 cases, ms, or bytes."""

    by: CostRule | None
    cheaper: Literal["first", "second"] | None
    words: str


def cheaper(
    first: ArmResult,
    second: ArmResult,
    by: CostRule | None,
    spent: Mapping[str, Spending | str],
    *,
    typical: Typical = "median",
    names: str = "custom against general",
    seed: int = 0,
) -> Cheaper:
    """by: None takes money where both have a price, else latency where both were timed, else bytes.

    spent: by arm, what it costs to run, or why that is not known. Raises InvalidRequest when `by` was not measured for both.
    """
    second = aligned(second, first)
    found = {
        "money": lambda: _by_money(first, second, spent, names, seed),
        "latency": lambda: _by_latency(first, second, typical, names, seed),
        "bytes": lambda: _by_bytes(first, second, names),
    }
    for rule in [by] if by else found:
        if (result := found[rule]()) is not None:
            return result
    if by is None:
        return Cheaper(None, None, "cost was not measured for both")
    why = "; ".join(str(spent[arm.arm]) for arm in (first, second) if isinstance(spent.get(arm.arm), str))
    raise InvalidRequest(
        f"{by} is not known for both {first.arm} and {second.arm}{f': {why}' if why else ''}. Choose another cost_rule, or "
        "give what is missing.",
        param="cost_rule",
    )


def cost_rule_words(by: CostRule | None) -> str:
    """The rule as it is stated before any number."""
    less = f"at least {100 * (1 - CHEAPER):.0f} %"
    latency = f"median latency {less} lower with a paired 95 % interval that excludes 0"
    return {
        "money": f"money per 1,000 cases {less} lower at the prices given, and the difference's 95 % interval excludes 0",
        "latency": latency,
        "bytes": f"{less} fewer bytes",
        None: f"{latency}, or, where latency was not measured for both, {less} fewer bytes",
    }[by]


def _judged(by: CostRule, a: float, b: float, sure: bool, words: str) -> Cheaper:
    winner: Literal["first", "second"] | None = None
    if sure and a <= CHEAPER * b and a < b:
        winner = "first"
    elif sure and b <= CHEAPER * a and b < a:
        winner = "second"
    return Cheaper(by, winner, words)


def _by_money(
    first: ArmResult, second: ArmResult, spent: Mapping[str, Spending | str], names: str, seed: int
) -> Cheaper | None:
    a, b = spent.get(first.arm), spent.get(second.arm)
    if not isinstance(a, Spending) or not isinstance(b, Spending):
        return None
    clusters = first.clusters or None
    (of_a, drawn_a), (of_b, drawn_b) = a.draws(clusters, seed), b.draws(clusters, seed)
    difference = percentile_interval(of_a - of_b, drawn_a - drawn_b, len(first.cases))
    words = f"{of_a:,.4g} against {of_b:,.4g} per 1,000 cases ({names}, n = {len(first.cases):,})"
    return _judged("money", of_a, of_b, difference.excludes(0), words)


def _by_latency(first: ArmResult, second: ArmResult, typical: Typical, names: str, seed: int) -> Cheaper | None:
    timed = [(x, y) for x, y in zip(first.latencies_ms, second.latencies_ms, strict=False) if x is not None and y is not None]
    if not timed:
        return None
    a, b = (np.asarray(column, dtype=np.float64) for column in zip(*timed, strict=True))
    metric = quantile(0.5) if typical == "median" else mean

    def difference(x: Floats, y: Floats, weights: Floats) -> Floats:
        return metric(x, weights) - metric(y, weights)

    of_a, of_b = (float(np.median(one) if typical == "median" else one.mean()) for one in (a, b))
    interval: Interval = bootstrap(difference, a, b, seed=seed)
    words = f"{typical} latency {of_a:.0f} ms against {of_b:.0f} ms ({names}, n = {len(a):,})"
    return _judged("latency", of_a, of_b, interval.excludes(0), words)


def _by_bytes(first: ArmResult, second: ArmResult, names: str) -> Cheaper | None:
    if first.bytes is None or second.bytes is None:
        return None
    words = f"{first.bytes:,} bytes against {second.bytes:,} ({names})"
    return _judged("bytes", float(first.bytes), float(second.bytes), True, words)
