"""The rule by which one of two arms wins: better beyond chance, or not worse and cheaper.

`judge` is the whole decision between two arms, from numbers that are there already; it draws nothing and measures nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from app.benchmarks.verdict.differences import Difference, MetricName

ALPHA = 0.05

Side = Literal["first", "second"]

_SCORES: dict[MetricName, str] = {
    "field_f1": "field F1",
    "fields_exact": "all fields exact",
    "token_f1": "token F1",
    "exact_match": "exact match",
    "rouge_l": "ROUGE-L",
    "rouge_1": "ROUGE-1",
    "rouge_2": "ROUGE-2",
    "figures_named": "figures named",
}
_BETTER: dict[MetricName, str] = {
    "accuracy": "right more often beyond chance",
    "macro_f1": "better in macro-F1 beyond chance",
    "cost": "less costly in its mistakes beyond chance",
    "bits_per_byte": "less surprised by the texts beyond chance",
    **{name: f"better in {title} beyond chance" for name, title in _SCORES.items()},
}
NAMES: dict[MetricName, str] = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "cost": "cost of mistakes",
    "bits_per_byte": "bits per byte",
    **_SCORES,
}


@dataclass(frozen=True)
class Margin:
    """How much worse still counts as not worse: points (hundredths) of the metric, money per 1,000 cases for cost."""

    points: float = 1.0
    money: float | None = None
    currency: str = ""

    def of(self, metric: MetricName) -> float:
        """In the unit of `Difference`: a share, or money per 1,000 cases. Without one nothing is tolerated."""
        return (self.money or 0.0) if metric == "cost" else self.points / 100

    def words(self, metric: MetricName) -> str:
        if metric == "cost":
            return f"{self.money or 0:g} {self.currency} per 1,000 cases"
        if metric == "bits_per_byte":
            return f"{self.points / 100:g} bits per byte"
        return f"{self.points:g} {'point' if self.points == 1 else 'points'}"


@dataclass(frozen=True)
class Outcome:
    """Who wins, and by which part of the rule; `settled`: more cases would not change it."""

    winner: Side | None
    reason: str
    settled: bool = False
    leader: Side | None = None  # better in one metric, and perhaps worse in another


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
            return Outcome(
                None, f"{_BETTER[better[side][0].metric]}, but {names} may be worse by more than the margin", leader=side
            )
        return Outcome(side, " and ".join(_BETTER[d.metric] for d in better[side]))
    if cheaper and all(_not_worse(d, cheaper, margin) for d in differences):
        return Outcome(cheaper, f"not worse by more than {_margins(differences, margin)}, and cheaper")
    if all(_not_worse(d, side, margin) for d in differences for side in sides):
        return Outcome(None, f"within {_margins(differences, margin)} of each other, and neither is cheaper", settled=True)
    return Outcome(None, "the difference could be chance")


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
    tests = _TESTS | ({"accuracy": "McNemar over clusters"} if clustered else {})
    better = " or ".join(f"{_WINS[metric]} ({tests[metric]})" for metric in metrics)
    holm = ", adjusted over all tests of the verdict (Holm)" if len(metrics) > 1 or cascade else ""
    others = ", while it is not worse in any other of these by more than its margin" if len(metrics) > 1 else ""
    margins = " and ".join(dict.fromkeys(margin.words(metric) for metric in metrics))
    parts = [
        f"An arm wins if it is {better} beyond chance: p below .05{holm}, and the 95 % interval of the paired "
        f"difference excludes 0{others}; or if it is not worse by more than {margins} (the interval stays above that) and "
        f"cheaper: {cost}. Otherwise the evidence is not enough."
    ]
    if floors:
        listed = ", ".join(f"{label} {100 * floor:g} %" for label, floor in sorted(floors.items()))
        parts.append(
            f"Recall floors come first ({listed}): an arm whose 95 % Wilson interval lies below a floor cannot win, and none "
            "wins before its own lies at or above every floor; where one arm meets them all and the other misses one, it wins."
        )
    if cascade:
        parts.append(
            "Both together (the cheaper arm where it is confident, the other for the rest; the threshold is from validation) "
            "win if on test they win against each arm by this rule, with the mean in place of the median latency and each "
            "cheap answer paid for."
        )
    parts.append("With several general or custom arms, the one with the best validation accuracy stands for its kind.")
    return " ".join(parts)


_WINS: dict[MetricName, str] = {
    "accuracy": "right more often",
    "macro_f1": "better in macro-F1",
    "cost": "less costly in its mistakes",
    "bits_per_byte": "less surprised by the texts, in bits per byte",
    **{name: f"better in {title}" for name, title in _SCORES.items()},
}
_TESTS: dict[MetricName, str] = {
    "accuracy": "McNemar mid-p",
    "macro_f1": "answers swapped between the arms at random",
    **dict.fromkeys(("cost", "bits_per_byte", *_SCORES), "differences with signs turned at random"),
}
