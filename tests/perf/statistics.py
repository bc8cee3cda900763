"""What the numbers of a large run cost: 10,000 cases x 5 arms with 2,000 resamples, for few labels and for many."""

import random
import time
from collections.abc import Iterator
from typing import Any

from app.benchmarks.arms import ArmResult
from app.benchmarks.summary import build_summary

CASES, ARMS, RESAMPLES = 10_000, 5, 2_000


def rows() -> Iterator[tuple[str, str, str]]:
    """The whole summary, verdict included: all measures and intervals, from answers in memory."""
    for labels in (4, 77):
        names = [f"label {number}" for number in range(labels)]
        answers = [arm(number, names) for number in range(ARMS)]
        started = time.perf_counter()
        build_summary("perf", names, answers, latency_note="not measured", resamples=RESAMPLES)
        seconds = time.perf_counter() - started
        yield f"summary, {CASES:,} cases x {ARMS} arms, {labels} labels", f"{seconds:.1f} s", "under 10 s"


def arm(number: int, labels: list[str]) -> ArmResult:
    """Made-up answers, right more often from arm to arm, with probabilities, latencies and reruns of every fifth case."""
    draws = random.Random(number)
    gold = [labels[case % len(labels)] for case in range(CASES)]
    predicted = [truth if draws.random() < 0.6 + 0.06 * number else draws.choice(labels) for truth in gold]
    kinds: tuple[Any, ...] = ("baseline", "baseline", "general", "general", "custom")
    return ArmResult(
        arm=f"arm {number}",
        kind=kinds[number],
        cases=range(CASES),
        gold=gold,
        predicted=predicted,
        validation_accuracy=0.6 + 0.06 * number,
        latencies_ms=[draws.expovariate(1 / 20) for _ in gold],
        probabilities=[_shares(said, labels, draws.random()) for said in predicted],
        tokens=[draws.randrange(50, 200) for _ in gold],
        answer_tokens=[draws.randrange(1, 5) for _ in gold],
        reruns={case: [predicted[case]] * 5 for case in range(0, CASES, 5)},
        slices={"region": [str(case % 7) for case in range(CASES)]},
    )


def _shares(said: str, labels: list[str], sure: float) -> dict[str, float]:
    best = 0.2 + 0.8 * sure
    return {label: best if label == said else (1 - best) / (len(labels) - 1) for label in labels}
