"""A model against a baseline that is no language model, by the main metric: what is it worth having one?"""

from dataclasses import dataclass
from typing import cast

from app.benchmarks.arms import ArmResult
from app.benchmarks.scored.scales import Scale
from app.benchmarks.statistics import Interval
from app.benchmarks.verdict.differences import MetricName, score_difference


@dataclass(frozen=True)
class Rival:
    """`difference`: the metric of `first`, a model, minus that of `second`, a baseline. `gain`: its sign turned where less is
    better. `words`: the difference and its interval."""

    first: str
    second: str
    n: int
    metric: str
    of_first: Interval
    of_second: Interval
    difference: Interval
    gain: Interval
    p_value: float
    words: str


def against_baseline(model: ArmResult, baseline: ArmResult, scale: Scale, *, seed: int = 0) -> Rival:
    found = score_difference(cast("MetricName", scale.main.name), model, baseline, seed=seed)
    gap = found.difference
    return Rival(
        first=model.arm,
        second=baseline.arm,
        n=gap.n,
        metric=scale.main.name,
        of_first=found.first,
        of_second=found.second,
        difference=gap,
        gain=found.gain,
        p_value=found.p_value,
        words=f"{gap.estimate:+.3f} [95 % interval {gap.low:+.3f} to {gap.high:+.3f}]",
    )
