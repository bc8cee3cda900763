"""What an arm costs to run: money per 1,000 cases at stated prices, and from how many cases on a training has paid for itself.

No price is known here: an API's price per million tokens and a machine's price per hour are told by who asks, or stand in
the card. What was measured (tokens, throughput, latency) carries its interval into the money.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.benchmarks.arms import ArmResult
from app.benchmarks.called import Called, opening
from app.benchmarks.statistics import Floats, Interval, bootstrap_draws, mean, percentile_interval

PER = 1000  # money is told per so many cases
BAND = 0.25  # prices move by this share, both ways
RESAMPLES = 2000

Money = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Price(_Part):
    """What an arm's answers cost: an API's price per million tokens, or the hour of the machine that gives them."""

    input_per_million: Money | None = Field(default=None, description="money per million prompt tokens")
    output_per_million: Money | None = Field(default=None, description="money per million answer tokens; by default 0")
    per_hour: Money | None = Field(default=None, description="money per hour of the machine that was measured")
    utilisation: float = Field(
        default=1.0, gt=0, le=1, description="share of the hour in which the machine has cases to answer; with per_hour"
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> "Price":
        tokens = self.input_per_million is not None or self.output_per_million is not None
        if tokens == (self.per_hour is not None):
            raise ValueError("give either per_hour, or input_per_million and output_per_million")
        return self

    def of_tokens(self, prompts: Floats, answers: Floats) -> Floats:
        """Money of each case, from its tokens (n,)."""
        return (prompts * (self.input_per_million or 0.0) + answers * (self.output_per_million or 0.0)) / 1e6

    def of_seconds(self, seconds: Floats) -> Floats:
        """Money of each case, from the seconds (n,) in which the machine has nothing else to do."""
        return (self.per_hour or 0.0) / 3600 * seconds / self.utilisation


class Training(_Part):
    """What was spent once, before the first case."""

    cost: Money | None = Field(default=None, description="money for the training in all; or let per_hour and the card tell")
    per_hour: Money | None = Field(default=None, description="money per hour of the training machine; hours as in the card")
    other: Money = Field(default=0.0, description="labels, people, what else is spent once")


@dataclass(frozen=True)
class Made:
    """What the card of a custom model tells about its training."""

    seconds: float | None = None
    energy_cost: float | None = None  # US dollars


@dataclass(frozen=True)
class Spending:
    """Money by case: parts that add up. Each is money of every case (n,), times a factor that is uncertain (draws,)."""

    parts: tuple[tuple[Floats, Floats], ...]
    basis: str

    def draws(self, clusters: Sequence[str] | None, seed: int, resamples: int = RESAMPLES) -> tuple[float, Floats]:
        """Money per 1,000 cases, and of each resample; the same cases in each for every arm. At most RESAMPLES."""
        total, drawn = 0.0, np.zeros(resamples)
        for cases, factor in self.parts:
            if np.ptp(cases) == 0:  # every resample has the same mean
                estimate, means = PER * float(cases[0]), np.full(resamples, PER * cases[0])
            else:
                estimate, means = bootstrap_draws(mean, PER * cases, clusters=clusters, resamples=resamples, seed=seed)
            total, drawn = total + estimate, drawn + means * factor[:resamples]
        return total, drawn

    def interval(self, clusters: Sequence[str] | None, seed: int, resamples: int = RESAMPLES) -> Interval:
        estimate, draws = self.draws(clusters, seed, resamples)
        return percentile_interval(estimate, draws, len(self.parts[0][0]))


def spending(arm: ArmResult, price: Price, seed: int) -> Spending | str:
    """What each case of the arm costs at this price; or a sentence on what was not measured."""
    n = len(arm.cases)
    if price.per_hour is None:
        if not arm.tokens or not arm.answer_tokens:
            return f"tokens of {arm.arm} were not counted; give a price per hour of its machine"
        answers = np.asarray(arm.answer_tokens, dtype=np.float64)
        prompts = np.asarray(arm.tokens, dtype=np.float64) - answers
        in_price, out_price = price.input_per_million or 0.0, price.output_per_million or 0.0
        basis = (
            f"{prompts.mean():,.0f} prompt and {answers.mean():,.1f} answer tokens a case, at {in_price:g} and {out_price:g} "
            "a million"
        )
        if not answers.any():
            basis += "; labels were scored, not written: where they are written their tokens come on top"
        return Spending(((price.of_tokens(prompts, answers), np.ones(RESAMPLES)),), basis)
    timed = np.asarray([ms for ms in arm.latencies_ms if ms is not None], dtype=np.float64)
    if arm.cases_per_second is None and not len(timed):
        return f"neither throughput nor latency of {arm.arm} was measured; run it on at least a few cases"
    seconds = 1 / arm.cases_per_second if arm.cases_per_second else float(timed.mean()) / 1000
    # A chunk's rate has no spread of its own here: that of single answers stands for it.
    factor = np.ones(RESAMPLES)
    if len(timed) > 1 and timed.mean() > 0:
        estimate, draws = bootstrap_draws(mean, timed, resamples=RESAMPLES, seed=seed + 1)
        factor = draws / estimate
    how = "with requests in flight" if arm.cases_per_second else "one request at a time"
    idle = "" if price.utilisation == 1 else f", busy {100 * price.utilisation:.0f} % of it"
    basis = (
        f"{1 / seconds:,.3g} cases a second {how} (interval from {len(timed):,} latencies), {price.per_hour:g} an hour{idle}"
    )
    return Spending(((price.of_seconds(np.full(n, seconds)), factor),), basis)


@dataclass(frozen=True)
class Line:
    """Money per 1,000 cases of one arm, mistakes not counted; or what to give so that it can be told."""

    arm: str
    per_1000: Interval | None
    basis: str


@dataclass(frozen=True)
class Moved:
    """The break-even when one thing is other than assumed; None: never."""

    what: str
    cases: int | None


@dataclass(frozen=True)
class BreakEven:
    """From how many cases on the custom model is the cheaper one in all. None in `cases`, `low` or `high`: never."""

    once: float  # money spent before the first case
    once_basis: str
    cases: int | None
    low: int | None  # all prices and measurements at the end of their band that is best for custom
    high: int | None  # at the worst
    sensitivity: tuple[Moved, ...]
    sentence: str


@dataclass(frozen=True)
class Economics:
    """Running costs side by side, and the break-even where both are known and the training's cost is."""

    currency: str
    lines: tuple[Line, ...]
    saving: Interval | None  # per 1,000 cases: the general arm's money less the custom arm's
    break_even: BreakEven | None
    missing: tuple[str, ...]  # what to give for what is not told


def economics(
    custom: ArmResult,
    general: ArmResult,
    spent: dict[str, Spending | str],
    currency: str,
    training: Training | None,
    made: Made,
    *,
    seed: int = 0,
) -> Economics:
    """`spent`: by arm, what it costs to run, or why that is not known; custom and general, and others to show beside them."""
    clusters = custom.clusters or None
    missing = [sentence for sentence in spent.values() if isinstance(sentence, str)]
    lines = tuple(
        Line(arm, None, one) if isinstance(one, str) else Line(arm, one.interval(clusters, seed), one.basis)
        for arm, one in spent.items()
    )
    ours, theirs = spent[custom.arm], spent[general.arm]
    saving = None
    if isinstance(ours, Spending) and isinstance(theirs, Spending):
        (a, drawn_a), (b, drawn_b) = (one.draws(clusters, seed) for one in (ours, theirs))
        saving = percentile_interval(b - a, drawn_b - drawn_a, len(custom.cases))
    once = training_cost(training, made, currency)
    if isinstance(once, str):
        missing.append(once)
    broken = None
    if saving is not None and not isinstance(once, str):
        running = {line.arm: line.per_1000 for line in lines if line.per_1000 is not None}
        broken = break_even(*once, running[custom.arm], running[general.arm], currency, Called.of(custom, general))
    return Economics(currency, lines, saving, broken, tuple(missing))


def training_cost(training: Training | None, made: Made, currency: str) -> tuple[float, str] | str:
    """Money spent once and what it rests on; or a sentence on what to give."""
    training = training or Training()
    more = f" and {training.other:g} for the rest" if training.other else ""
    if training.cost is not None:
        return training.cost + training.other, f"{training.cost:g} for the training as given{more}"
    if training.per_hour is not None:
        if made.seconds is None:
            return "the card does not tell how long the training took; give training.cost (--training-cost)"
        hours = made.seconds / 3600
        return hours * training.per_hour + training.other, f"{hours:.2f} h of training at {training.per_hour:g} an hour{more}"
    if made.energy_cost is not None and currency == "USD":
        return (
            made.energy_cost + training.other,
            f"the training's energy alone, {made.energy_cost:g}, as its card estimates{more}",
        )
    return (
        "what the training cost is not known; give training.cost (--training-cost), or training.per_hour "
        "(--training-per-hour) to have the card's hours counted"
    )


def break_even(once: float, once_basis: str, custom: Interval, general: Interval, currency: str, called: Called) -> BreakEven:
    """custom, general: money per 1,000 cases. Prices move by a quarter both ways, measurements to their intervals' ends."""
    down, up = 1 - BAND, 1 + BAND
    cases = _cases(once, custom.estimate, general.estimate)
    low = _cases(once * down, custom.low * down, general.high * up)
    high = _cases(once * up, custom.high * up, general.low * down)
    moves = [
        *(
            Moved(f"price of {name} {100 * (by - 1):+.0f} %", _cases(*amounts))
            for by in (down, up)
            for name, amounts in (
                (called.general, (once, custom.estimate, general.estimate * by)),
                (called.custom, (once, custom.estimate * by, general.estimate)),
                ("the training", (once * by, custom.estimate, general.estimate)),
            )
        ),
        Moved(f"{called.custom} measured at its best", _cases(once, custom.low, general.estimate)),
        Moved(f"{called.custom} measured at its worst", _cases(once, custom.high, general.estimate)),
        Moved(f"{called.general} measured at its dearest", _cases(once, custom.estimate, general.high)),
        Moved(f"{called.general} measured at its cheapest", _cases(once, custom.estimate, general.low)),
    ]
    return BreakEven(
        once, once_basis, cases, low, high, tuple(moves), _sentence(once, cases, low, high, custom, general, currency, called)
    )


def _cases(once: float, custom: float, general: float) -> int | None:
    """The first number of cases at which once + custom per case is no more than general per case; None: there is none."""
    saved = (general - custom) / PER
    if saved <= 0:
        return None
    # A hair of rounding must not cost a case.
    return math.ceil(once / saved - 1e-9)


def _sentence(
    once: float,
    cases: int | None,
    low: int | None,
    high: int | None,
    custom: Interval,
    general: Interval,
    currency: str,
    called: Called,
) -> str:
    band = f"With prices 25 % off either way and measurements at the ends of their intervals: {_between(low, high)}."
    if cases is None:
        return (
            f"{opening(called.custom)} never pays for itself: running it costs {custom.estimate:,.4g} {currency} per 1,000 "
            f"cases, {called.general} {general.estimate:,.4g}. {band}"
        )
    return f"{opening(called.custom)} has paid for its {once:,.4g} {currency} after {_count(cases)}. {band}"


def _between(low: int | None, high: int | None) -> str:
    if low is None:
        return "still never"
    return f"after {_count(low)} at best, {'never' if high is None else f'after {_count(high)}'} at worst"


def _count(cases: int) -> str:
    return "the first case" if cases <= 1 else f"{cases:,} cases"
