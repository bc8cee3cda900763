"""Worlds whose truth is known: how often each interval holds it, and how often a verdict finds a difference that is not there.

Cases of four lopsided labels; an arm is right with the confidence it tells, less a little, and otherwise says one of the
others or nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np

from app.benchmarks.arms import ArmResult
from app.benchmarks.measures.calibration import Judged, calibration_measures, ece_interval
from app.benchmarks.measures.coverage import coverage_measures
from app.benchmarks.measures.variation import pass_power, variation
from app.benchmarks.resampling import Interval, resample
from app.benchmarks.scorers import class_measures, macro_f1_metric, scored
from app.benchmarks.statistics import (
    mean_interval,
    paired_accuracy,
    paired_bootstrap_difference,
    paired_difference,
    proportion,
    quantile_interval,
)
from app.benchmarks.verdict import decide

LABELS = ("auto", "fire", "theft", "water")
SHARES = np.array([0.5, 0.25, 0.15, 0.1])
SIZES = (30, 100, 300, 1000, 3000)
OFF = 0.08  # how much more sure than right
RESAMPLES = 500

Array = np.ndarray
Held = dict[str, tuple[float, int]]  # interval -> share of the runs where it held the truth, runs


# ---- Coverage


def coverage(n: int, runs: int, seed: int = 0) -> Held:
    """Each interval, at `n` cases."""
    truth, held, tried = _truth(), Counter[str](), Counter[str]()
    for run in range(runs):
        for name, interval in _intervals(np.random.default_rng([seed, n, run]), n):
            tried[name] += 1
            held[name] += interval.low - 1e-9 <= truth[name] <= interval.high + 1e-9
    return {name: (held[name] / count, count) for name, count in tried.items()}


def _intervals(generator: np.random.Generator, n: int) -> Iterator[tuple[str, Interval]]:
    gold, answer, said = _arm(generator, n)
    parts = (class_measures(gold, answer, 4), calibration_measures(said), coverage_measures(said.confidence, said.correct))
    measures = {"": lambda weights: {name: drawn for part in parts for name, drawn in part(weights).items()}}
    found = resample(measures, n, resamples=RESAMPLES, seed=int(generator.integers(2**31)))[""]
    score = scored(gold, answer, LABELS, found)
    yield "accuracy", score.accuracy
    yield "macro-F1", score.macro_f1
    yield "weighted F1", score.weighted_f1
    if score.mcc:
        yield "MCC", score.mcc
    for name, interval in (
        ("precision of a label", score.per_class[1].precision_interval),
        ("recall of a label", score.per_class[1].recall_interval),
        ("F1 of a label", score.per_class[1].f1_interval),
    ):
        if interval:
            yield name, interval
    yield "Brier", found["brier"].bounded(0, 2)
    yield "AURC", found["aurc"].bounded()
    if n >= 300:
        yield "ECE", ece_interval(said, found["ece"])
    yield from _closed(generator, n)
    _, other, _ = _arm(generator, n, gold)
    yield (
        "macro-F1 difference",
        paired_bootstrap_difference(macro_f1_metric(4), gold, answer, other, resamples=RESAMPLES, seed=0),
    )
    yield "accuracy difference", paired_accuracy((gold == answer).tolist(), (gold == other).tolist())[0]


def _closed(generator: np.random.Generator, n: int) -> Iterator[tuple[str, Interval]]:
    latencies = generator.lognormal(3, 0.5, size=n).tolist()
    yield "latency p50", quantile_interval(latencies, 0.5)
    if n >= 100:
        yield "latency p95", quantile_interval(latencies, 0.95)
    if n >= 1000:
        yield "latency p99", quantile_interval(latencies, 0.99)
    yield "mean of tokens", mean_interval(generator.poisson(12, size=n).tolist())
    chances = generator.beta(4, 1, size=n)
    right = generator.random((n, 5)) < chances[:, None]
    reruns = {case: ["a" if ok else None for ok in row] for case, row in enumerate(right.tolist())}
    gold = dict.fromkeys(range(n), "a")
    yield "pass^3", dict(pass_power(gold, reruns))[3]
    rerun = variation(gold, reruns, {}).rerun
    assert rerun is not None
    yield "rerun variance", rerun
    yield "mean difference", paired_difference(right.mean(axis=1), generator.beta(4, 1, size=n))
    # Clusters of five: the chance to be right is that of the cluster.
    chances = np.repeat(generator.beta(4, 1, size=n // 5), 5)
    claims = np.repeat(np.arange(n // 5), 5).tolist()
    a, b = (generator.random((2, len(chances))) < chances).tolist()
    yield "accuracy, clusters of 5", proportion(a, claims)
    yield "accuracy difference, clusters of 5", paired_accuracy(a, b, claims)[0]


def _arm(generator: np.random.Generator, n: int, gold: Array | None = None) -> tuple[Array, Array, Judged]:
    gold = generator.choice(4, size=n, p=SHARES) if gold is None else gold
    confidence = 0.4 + 0.6 * generator.beta(4, 1.5, size=n)
    correct = generator.random(n) < confidence - OFF
    answer = np.where(correct, gold, (gold + generator.integers(1, 5, size=n)) % 5)  # 4: none of the labels
    correct = answer == gold
    rest = (1 - confidence) / 3
    # The gold label has the confidence if it was answered, a third of the rest if not.
    squares = np.where(correct, (1 - confidence) ** 2 + 3 * rest**2, confidence**2 + 2 * rest**2 + (1 - rest) ** 2)
    return gold, answer, Judged(confidence, correct, squares)


@cache
def _truth() -> dict[str, float]:
    """By formula where there is one, else from a million cases."""
    right = 0.4 + 0.6 * 4 / 5.5 - OFF
    confusion = np.full((4, 5), 0.0)
    for label in range(4):
        confusion[label] = SHARES[label] * (1 - right) / 4
        confusion[label, label] = SHARES[label] * right
    predicted = confusion[:, :4].sum(axis=0)
    f1 = 2 * SHARES * right / (SHARES + predicted)
    every = np.append(predicted, 1 - predicted.sum())
    mcc = (right - SHARES @ predicted) / np.sqrt((1 - every @ every) * (1 - SHARES @ SHARES))
    _, _, said = _arm(np.random.default_rng(1), 1_000_000)
    order = np.argsort(-said.confidence)
    risks = np.cumsum(~said.correct[order]) / np.arange(1, 1_000_001)
    return {
        "accuracy": right,
        "macro-F1": float(f1.mean()),
        "weighted F1": float(f1 @ SHARES),
        "MCC": float(mcc),
        "precision of a label": float(SHARES[1] * right / predicted[1]),
        "recall of a label": right,
        "F1 of a label": float(f1[1]),
        "Brier": float(said.squares.mean()),
        "AURC": float(risks.mean()),
        "ECE": OFF,
        "macro-F1 difference": 0.0,
        "accuracy difference": 0.0,
        "latency p50": float(np.exp(3)),
        "latency p95": float(np.exp(3 + 0.5 * 1.6448536)),
        "latency p99": float(np.exp(3 + 0.5 * 2.3263479)),
        "mean of tokens": 12.0,
        "pass^3": 4 * 5 * 6 / (5 * 6 * 7),  # third moment of beta(4, 1)
        "rerun variance": 4 / 5 - 4 * 5 / (5 * 6),
        "mean difference": 0.0,
        "accuracy, clusters of 5": 0.8,
        "accuracy difference, clusters of 5": 0.0,
    }


# ---- A/A


def false_alarms(n: int, runs: int, seed: int = 0, accuracy: float = 0.8, agreement: float = 0.5) -> tuple[int, int]:
    """The same model as both arms, its answers drawn anew: runs whose paired test finds a difference, and runs whose verdict
    names one of the arms."""
    different = decided = 0
    for run in range(runs):
        generator = np.random.default_rng([seed, n, run])
        gold = generator.choice(4, size=n, p=SHARES)
        shared, kept = generator.random(n) < accuracy, generator.random(n) < agreement
        arms = []
        for kind in ("general", "custom"):
            right = np.where(kept, shared, generator.random(n) < accuracy)
            answer = np.where(right, gold, (gold + 1) % 4)
            arms.append(ArmResult(kind, kind, range(n), [LABELS[i] for i in gold], [LABELS[i] for i in answer]))  # type: ignore[arg-type]
        verdict = decide(arms, LABELS, seed=run)
        different += verdict.pair.significant
        decided += verdict.decision != "not enough evidence"
    return different, decided


# ---- Told


def table(told: Callable[[str], None], runs: int, sizes: tuple[int, ...] = SIZES) -> dict[int, Held]:
    """Coverage of every interval at every size, as a Markdown table."""
    found = {}
    for n in sizes:
        found[n] = coverage(n, runs)
        told(f"n = {n}: " + ", ".join(f"{name} {share:.3f}" for name, (share, _) in found[n].items()))
    told("| interval | " + " | ".join(str(n) for n in sizes) + " |")
    told("| --- |" + " --- |" * len(sizes))
    for name in dict.fromkeys(name for held in found.values() for name in held):
        cells = [f"{100 * found[n][name][0]:.1f}" if name in found[n] else "" for n in sizes]
        told(f"| {name} | " + " | ".join(cells) + " |")
    return found
