"""A run that is over, with its dataset and its answers, put into a database: what the report route and command start from."""

from collections.abc import Sequence
from typing import Any

from app.benchmarks import store
from app.benchmarks.arms import ArmResult
from app.database.session import connect, transaction
from app.database.tables import Dataset, DatasetRow
from tests.benchmarks.report.runs import LABELS, arms, make_summary

N = 60
UNKNOWN = ("label_mass", "text", "prompt_tokens", "completion_tokens", "error")


async def store_run(url: str, found: Sequence[ArmResult] | None = None, status: str = "succeeded") -> str:
    """Its id; the database has its tables."""
    found = found or arms(N)
    n = len(found[0].cases)
    database = connect(url)
    async with transaction(database) as session:
        session.add(
            Dataset(
                id="ds_1",
                name="claims",
                version=3,
                sha256="ab" * 32,
                source="claims.csv",
                text_column="text",
                label_column="label",
                split={"strategy": "random", "seed": 4},
                labels=list(LABELS),
                counts={"test": {label: n // len(LABELS) for label in LABELS}},
                notes=["2 rows without a text were left out."],
                rows=n,
            )
        )
        await session.flush()
        gold = found[0].gold
        session.add_all(
            DatasetRow(dataset_id="ds_1", position=case, split="test", text=f"Report {case} tells of {label}.", label=label)
            for case, label in enumerate(gold)
        )
        run = await store.create_run(session, "claims-type", "ds_1", config(found))
        for arm in found:
            await store.add_predictions(session, run.id, answers(arm))
        if status == "succeeded":
            await store.set_status(session, run.id, status, summary=make_summary(found, resamples=50))
    await database.close()
    return str(run.id)


def config(found: Sequence[ArmResult]) -> dict[str, Any]:
    known = [{"name": arm.arm, "kind": arm.kind, "model": arm.model} for arm in found]
    return {"models": ["general", "claims"], "baselines": ["majority"], "limit": N, "seed": 7, "few_shot": True, "arms": known}


def answers(arm: ArmResult) -> list[dict[str, Any]]:
    return [
        {
            "arm": arm.arm,
            "case_id": case,
            "condition": "base",
            "gold": gold,
            "label": label,
            "probabilities": None,
            "latency_ms": 1.0,
            "digest": arm.digest,
            **dict.fromkeys(UNKNOWN),
        }
        for case, gold, label in zip(arm.cases, arm.gold, arm.predicted, strict=True)
    ]
