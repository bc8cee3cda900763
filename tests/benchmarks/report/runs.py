"""Runs to report on, made here: arms with probabilities, repeats and a column to cut by."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from app.benchmarks.arms import ArmResult
from app.benchmarks.report.facts import Case, Cases, Facts
from app.benchmarks.summary import build_summary

LABELS = ("water damage", "fire", "theft", "glass", "liability")
NOTE = "Latency over HTTP, one request at a time on this machine."


def make_arm(
    name: str, kind: Any, skill: float, seed: int, *, n: int = 360, labels: Sequence[str] = LABELS, **more: Any
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
        slices={"state": [("TX", "CA", "NY")[i % 3] for i in range(n)]},
        **more,
    )


def arms(n: int = 360, labels: Sequence[str] = LABELS) -> list[ArmResult]:
    return [
        make_arm("majority class", "baseline", 0.02, 1, n=n, labels=labels),
        make_arm("TF-IDF + logistic regression", "baseline", 0.78, 2, n=n, labels=labels),
        make_arm("general", "general", 0.55, 3, n=n, labels=labels),
        make_arm("general few-shot", "general", 0.7, 4, n=n, labels=labels),
        make_arm("claims@1", "custom", 0.86, 5, n=n, labels=labels),
    ]


def make_summary(found: Sequence[ArmResult] | None = None, labels: Sequence[str] = LABELS, **more: Any) -> dict[str, Any]:
    return build_summary("claims-type", labels, found or arms(), latency_note=NOTE, **{"resamples": 100, **more})


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
        "verdicts": [
            {"created_at": "2026-11-02 11:00 UTC", "decision": "general", "sentence": "By cost, use the general model."}
        ],
        "aliases": [
            {"name": "claims", "action": "set", "target": "claims@1", "before": None, "by": "kim", "at": "2026-11-03T08:00:00Z"}
        ],
    }
    return Facts(**known | more)
