"""Arms of known quality for tests of verdicts: right where told, confident as told, at a given latency."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from app.benchmarks.arms import ArmResult

LABELS = ("auto", "fire", "theft", "water")


def arm(name: str, kind: Any, right: "np.typing.ArrayLike", confidence: Any = None, **more: Any) -> ArmResult:
    """An arm that is right where told; gold labels go round, a wrong answer is the next label."""
    right = np.asarray(right, dtype=bool)
    gold = [LABELS[i % 4] for i in range(len(right))]
    predicted = [label if ok else LABELS[(i + 1) % 4] for i, (label, ok) in enumerate(zip(gold, right, strict=True))]
    if confidence is not None:
        more["probabilities"] = [_shares(label, float(sure)) for label, sure in zip(predicted, confidence, strict=True)]
    return ArmResult(name, kind, cases=range(len(right)), gold=gold, predicted=predicted, **more)


def latency(n: int, ms: float) -> dict[str, Sequence[float]]:
    return {"latencies_ms": [ms + (i % 7) / 7 for i in range(n)]}


def _shares(label: str, sure: float) -> dict[str, float]:
    return {one: sure if one == label else (1 - sure) / 3 for one in LABELS}
