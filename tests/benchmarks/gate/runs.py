"""Makes finished runs with known answers, for tests of gates, deltas and exports."""

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from app.benchmarks.gate.runfile import CaseOut, DatasetOut, RunFile
from app.benchmarks.schemas import PredictionOut, RunOut

LABELS = ("fire", "theft", "fraud", "flood")  # no case is flood
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def golds(n: int) -> list[str]:
    return [LABELS[place % 3] for place in range(n)]


def answers(n: int, skill: float, seed: int = 0) -> list[str | None]:
    """Right in about that share of the cases; else another label, or none."""
    draws = random.Random(seed)
    return [gold if draws.random() < skill else draws.choice([*set(LABELS) - {gold}, None]) for gold in golds(n)]


def make_run(
    arms: Mapping[str, Sequence[str | None]],
    *,
    id: str = "run_1",
    timed: int = 0,
    reruns: Mapping[str, Mapping[int, Sequence[str | None]]] | None = None,
    ms: float = 20.0,
    sha256: str = "0" * 64,
    **config: Any,
) -> RunFile:
    """Arms are general or custom by name: `general`, all others custom. Case ids are 100, 101, .."""
    n = len(next(iter(arms.values())))
    cases = [
        CaseOut(id=100 + place, text=f"note {place}", gold=gold, slices={"country": "US" if place % 2 else "CA"})
        for place, gold in enumerate(golds(n))
    ]
    found = [
        answer(arm, case, "base", label, ms=ms + place % 7)
        for arm, labels in arms.items()
        for place, (case, label) in enumerate(zip(cases, labels, strict=True))
    ]
    for arm, repeated in (reruns or {}).items():
        for place, labels in repeated.items():
            found += [answer(arm, cases[place], f"rerun-{number}", label) for number, label in enumerate(labels, 1)]
    kinds = {name: "general" if name.startswith("general") else "custom" for name in arms}
    run = RunOut(
        id=id,
        created_at=NOW,
        updated_at=NOW,
        task="claims-desk",
        dataset_id="ds_1",
        status="succeeded",
        progress={},
        config={
            "labels": list(LABELS),
            "limit": None,
            "seed": 0,
            "concurrency": 4,
            "arms": [{"name": name, "kind": kind, "model": name} for name, kind in kinds.items()],
            **config,
        },
        summary=None,
        error=None,
    )
    return RunFile(
        run=run, dataset=DatasetOut(name="claims", version=2, sha256=sha256), cases=cases, timed=timed, answers=found
    )


def answer(arm: str, case: CaseOut, condition: str, label: str | None, *, ms: float = 20.0) -> PredictionOut:
    scored = condition == "base" and label is not None
    others = dict.fromkeys(LABELS, 0.1)
    return PredictionOut(
        arm=arm,
        case_id=case.id,
        condition=condition,
        gold=case.gold,
        label=label,
        probabilities=others | {str(label): 0.7} if scored else None,
        label_mass=0.9 if scored else None,
        text=None if scored else f"It is {label}.",
        prompt_tokens=30,
        completion_tokens=2,
        latency_ms=ms,
        digest="d" * 64,
        error=None,
    )
