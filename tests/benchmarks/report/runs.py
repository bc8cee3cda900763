"""Runs to report on, made here: arms with probabilities, and numbers that not every stored summary has."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from app.benchmarks.arms import ArmResult
from app.benchmarks.report.facts import Case, Cases, Facts
from app.benchmarks.statistics import wilson
from app.benchmarks.summary import build_summary

LABELS = ("water damage", "fire", "theft", "glass", "liability")
NOTE = "Latency over HTTP, one request at a time on this machine."
Probabilities = Sequence[Mapping[str, float]]


def make_arm(
    name: str, kind: Any, skill: float, seed: int, *, n: int = 300, labels: Sequence[str] = LABELS, **more: Any
) -> ArmResult:
    """Right in about `skill` of the cases, with a probability that knows it a little; some answers are none of the labels."""
    draws = random.Random(seed)
    gold = [labels[i % len(labels)] for i in range(n)]
    predicted: list[str | None] = []
    probabilities: list[Mapping[str, float]] = []
    for right in gold:
        hit = draws.random() < skill
        answer = right if hit else draws.choice((*labels, None))
        sure = min(0.98, max(1 / len(labels), draws.gauss(0.8 if hit else 0.6, 0.15)))
        rest = (1 - sure) / (len(labels) - 1)
        probabilities.append({label: sure if label == (answer or labels[0]) else rest for label in labels})
        predicted.append(answer)
    repeated = range(40)
    return ArmResult(
        arm=name,
        kind=kind,
        cases=range(n),
        gold=gold,
        predicted=predicted,
        probabilities=probabilities,
        model=None if kind == "baseline" else f"{kind}@1",
        version=None if kind == "baseline" else 1,
        digest=None if kind == "baseline" else f"{seed % 16:x}" * 64,
        validation_accuracy=skill,
        latencies_ms=[
            (3 if kind == "baseline" else 60 if kind == "general" else 25) * draws.lognormvariate(0, 0.3) for _ in gold
        ],
        reruns={i: [predicted[i]] * 4 + [predicted[i] if i % 8 else labels[0]] for i in repeated},
        rewordings={"case": {i: predicted[i] if i % 6 else labels[1] for i in repeated}},
        tokens=[120] * n,
        cases_per_second=40.0,
        parameters=5_000_000,
        bytes=10_000_000,
        **more,
    )


def arms(n: int = 300, labels: Sequence[str] = LABELS) -> list[ArmResult]:
    return [
        make_arm("majority class", "baseline", 0.02, 1, n=n, labels=labels),
        make_arm("TF-IDF + logistic regression", "baseline", 0.78, 2, n=n, labels=labels),
        make_arm("general", "general", 0.55, 3, n=n, labels=labels),
        make_arm("general few-shot", "general", 0.7, 4, n=n, labels=labels),
        make_arm("claims@1", "custom", 0.86, 5, n=n, labels=labels),
    ]


def make_summary(found: Sequence[ArmResult] | None = None, labels: Sequence[str] = LABELS, **more: Any) -> dict[str, Any]:
    """With everything that a report can show."""
    found = found or arms()
    summary = build_summary("claims-type", labels, found, latency_note=NOTE, **{"resamples": 200, **more})
    for row, arm in zip(summary["rows"], found, strict=True):
        row["confusion"] = confusion(arm, labels)
        row["calibration"] = calibration(arm)
        row["risk_coverage"] = risk_coverage(arm)
        row["latency_p99_ms"] = row["latency_p95_ms"] and {
            **row["latency_p95_ms"],
            "estimate": row["latency_p95_ms"]["estimate"] * 1.3,
        }
        row["mcc"] = {**row["macro_f1"]}
    summary["slices"] = [part for column in ("state",) for part in slices(column, ("TX", "CA", "NY"), found)]
    return summary


def confusion(arm: ArmResult, labels: Sequence[str]) -> dict[str, Any]:
    at = {label: index for index, label in enumerate(labels)}
    counts = [[0] * (len(labels) + 1) for _ in labels]
    for gold, answer in zip(arm.gold, arm.predicted, strict=True):
        counts[at[gold]][len(labels) if answer is None else at[answer]] += 1
    return {"labels": list(labels), "counts": counts}


def calibration(arm: ArmResult) -> dict[str, Any]:
    sure = sorted((max((p or {}).values()), right) for p, right in zip(arm.probabilities, arm.correct, strict=True))
    size, bins = len(sure) // 10, []
    for start in range(0, size * 10, size):
        part = sure[start : start + size]
        share = wilson(sum(right for _, right in part), len(part))
        confidence = sum(one for one, _ in part) / len(part)
        bins.append({"confidence": confidence, "accuracy": share.estimate, "low": share.low, "high": share.high, "n": share.n})
    ece = sum(abs(one["confidence"] - one["accuracy"]) for one in bins) / len(bins)
    measured = {"estimate": ece, "low": ece * 0.8, "high": ece * 1.2, "n": len(sure)}
    return {"ece": measured, "brier": measured, "bins": bins, "why": None}


def risk_coverage(arm: ArmResult) -> dict[str, Any]:
    order = sorted(zip(arm.probabilities, arm.correct, strict=True), key=lambda one: -max((one[0] or {}).values()))
    wrong, points = 0, []
    for taken, (_, right) in enumerate(order, start=1):
        wrong += not right
        points.append([taken / len(order), wrong / taken])
    area = sum(risk for _, risk in points) / len(points)
    return {"points": points, "area": {"estimate": area, "low": area * 0.9, "high": area * 1.1, "n": len(order)}}


def slices(column: str, parts: Sequence[str], found: Sequence[ArmResult]) -> list[dict[str, Any]]:
    result = []
    for at, value in enumerate(parts):
        shares = {arm.arm: wilson(sum(arm.correct[at :: len(parts)]), len(arm.correct[at :: len(parts)])) for arm in found}
        accuracy = {
            name: {"estimate": one.estimate, "low": one.low, "high": one.high, "n": one.n} for name, one in shares.items()
        }
        n = next(iter(shares.values())).n
        result.append({"column": column, "value": value, "n": n, "accuracy": accuracy})
    return result


def make_facts(**more: Any) -> Facts:
    known: dict[str, Any] = {
        "run": {
            "id": "run_1",
            "created_at": "2026-11-02 10:00 UTC",
            "updated_at": "2026-11-02 10:20 UTC",
            "config": {"models": ["general", "claims"], "baselines": ["majority"], "limit": 300, "seed": 7, "few_shot": True},
        },
        "dataset": {
            "name": "claims-type",
            "version": 2,
            "sha256": "ab" * 32,
            "source": "claims.csv",
            "kind": "classification",
            "rows": 1000,
            "split": {"strategy": "random", "seed": 0},
            "counts": {"train": {"fire": 600}, "validation": {"fire": 100}, "test": {"fire": 300}},
            "notes": ["3 rows without a text were left out."],
            "report": None,
        },
        "models": {
            "claims@1": {
                "id": "claims@1",
                "kind": "custom",
                "method": "lora",
                "summary": "Sorts claims by their type.",
                "licence": "",
                "parent": "general@1",
                "sources": [],
                "datasets": ["ds_1"],
                "recipe_digest": "cd" * 32,
                "seconds": 81.0,
            }
        },
        "cases": Cases(
            fixed=[Case(4, "Water came through the ceiling of the kitchen.", "water damage", "water damage", "fire")],
            broken=[Case(9, "A stone hit the windscreen.", "glass", None, "glass")],
            all_fixed=101,
            all_broken=12,
        ),
        "aliases": [
            {"name": "claims", "action": "set", "target": "claims@1", "before": None, "by": "kim", "at": "2026-11-03T08:00:00Z"}
        ],
    }
    return Facts(**known | more)
