"""The rule by which one of two arms wins: better beyond chance, or not worse and cheaper.

`judge` is the whole decision between two arms, from numbers that are there already; it draws nothing and measures nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from app.benchmarks.verdict.differences import Difference, MetricName

ALPHA = 0.05

Side = Literal["first", "second"]

_BETTER: dict[MetricName, str] = {
    "accuracy": "right more often beyond chance",
    "macro_f1": "better in macro-F1 beyond chance",
    "cost": "less costly in its mistakes beyond chance",
}
NAMES: dict[MetricName, str] = {"accuracy": "accuracy", "macro_f1": "macro-F1", "cost": "cost of mistakes"}


@dataclass(frozen=True)
class Margin:
    """How much worse still counts as not worse: points of accuracy or macro-F1, money per 1,000 cases for cost."""

    points: float = 1.0
    money: float | None = None
    currency: str = ""

    def of(self, metric: MetricName) -> float:
        """In the unit of `Difference`: a share, or money per 1,000 cases. Without one nothing is tolerated."""
        return (self.money or 0.0) if metric == "cost" else self.points / 100

    def words(self, metric: MetricName) -> str:
        if metric == "cost":
            return f"{self.money or 0:g} {self.currency} per 1,000 cases"
        return f"{self.points:g} {'point' if self.points == 1 else 'points'}"


@dataclass(frozen=True)
class Outcome:
    """Who wins, and by which part of the rule; `settled`: more cases would not change it."""

    winner: Side | None
    reason: str
    settled: bool = False


def judge(differences: Sequence[Difference], cheaper: Side | None, margin: Margin) -> Outcome:
    """Differences are first minus second, their p-values adjusted. With several metrics a winner must be better in at least one
    and not worse in every other."""
    sides: tuple[Side, Side] = ("first", "second")
    better = {side: [d for d in differences if _superior(d, side)] for side in sides}
    if better["first"] and better["second"]:
        a, b = (" and ".join(NAMES[d.metric] for d in better[side]) for side in sides)
        return Outcome(None, f"one is better in {a}, the other in {b}; say which of them counts", settled=True)
    for side in sides:
        if not better[side]:
            continue
        if unclear := [d for d in differences if d not in better[side] and not _not_worse(d, side, margin)]:
            names = " and ".join(NAMES[d.metric] for d in unclear)
            return Outcome(None, f"{_BETTER[better[side][0].metric]}, but {names} may be worse by more than the margin")
        return Outcome(side, " and ".join(_BETTER[d.metric] for d in better[side]))
    if cheaper and all(_not_worse(d, cheaper, margin) for d in differences):
        return Outcome(cheaper, f"not worse by more than {_margins(differences, margin)}, and cheaper")
    if all(_not_worse(d, side, margin) for d in differences for side in sides):
        return Outcome(None, f"within {_margins(differences, margin)} of each other, and neither is cheaper", settled=True)
    return Outcome(None, "the difference could be chance")


def not_worse(difference: Difference, margin: Margin) -> bool:
    """The first arm: the whole interval is above the margin."""
    return _not_worse(difference, "first", margin)


def _superior(d: Difference, side: Side) -> bool:
    beyond = d.gain.low > 0 if side == "first" else d.gain.high < 0
    return d.adjusted < ALPHA and beyond


def _not_worse(d: Difference, side: Side, margin: Margin) -> bool:
    allowed = margin.of(d.metric)
    return d.gain.low > -allowed if side == "first" else d.gain.high < allowed


def _margins(differences: Sequence[Difference], margin: Margin) -> str:
    return " and ".join(dict.fromkeys(margin.words(d.metric) for d in differences))


# ---- The rule in words, before any number


def rule_words(
    metrics: Sequence[MetricName], margin: Margin, cost: str, floors: Mapping[str, float], *, clustered: bool, cascade: bool
) -> str:
    """Every part that can decide, in full."""
    tested = " ".join(_tested(metric, clustered) for metric in metrics)
    family = (
        " p-values are adjusted over all tests of the verdict (Holm); an arm that is better in one metric must not be worse in "
        "any other by more than its margin."
        if len(metrics) > 1
        else ""
    )
    margins = ", ".join(dict.fromkeys(margin.words(metric) for metric in metrics))
    parts = [
        f"An arm wins if it is {' or '.join(_WINS[metric] for metric in metrics)} beyond chance ({tested});{family} or if it "
        f"is not worse by more than {margins} (the interval stays above that) and cheaper: {cost}. Otherwise the evidence is "
        "not enough."
    ]
    if floors:
        listed = ", ".join(f"{label} {100 * floor:g} %" for label, floor in sorted(floors.items()))
        parts.append(
            f"Recall floors come first ({listed}): an arm whose 95 % Wilson interval lies below a floor cannot win, and none "
            "wins before its own lies at or above every floor; where one arm meets them all and the other misses one, it wins."
        )
    if cascade:
        parts.append(
            "The cascade (the cheaper arm where it is confident, else the other) has its threshold from validation; it wins if "
            "on test it wins against both arms by this rule, mean in place of median latency, each cheap answer paid for. Its "
            "test and that of the pair are adjusted together (Holm)."
        )
    parts.append("With several general or custom arms, the one with the best validation accuracy stands for its kind.")
    return " ".join(parts)


_WINS: dict[MetricName, str] = {
    "accuracy": "right more often",
    "macro_f1": "better in macro-F1",
    "cost": "less costly in its mistakes",
}


def _tested(metric: MetricName, clustered: bool) -> str:
    how = {
        "accuracy": "whole clusters' signs turned at random, p below .05," if clustered else "McNemar mid-p below .05,",
        "macro_f1": "answers swapped between the arms at random, p below .05,",
        "cost": "signs of the differences turned at random, p below .05,",
    }[metric]
    return f"{how} and the 95 % interval of the paired difference excludes 0"
