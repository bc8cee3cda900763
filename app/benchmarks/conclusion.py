"""How a run ends: from everything that is stored of it to its summary, whether its answers are labels or get scores."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.benchmarks import results, runner, store
from app.benchmarks.bench import Bench
from app.benchmarks.runner import Style
from app.benchmarks.scored import results as scored
from app.benchmarks.scored.scales import Scale
from app.benchmarks.scored.summary import scored_summary
from app.benchmarks.summary import Summary, build_summary
from app.database.session import Database, transaction
from app.database.tables import Prediction
from app.errors import UpstreamFailed

Columns = Mapping[int, Mapping[str, str]]  # case -> its kept columns
Predictions = Mapping[str, Sequence[Prediction]]  # by arm, of every condition


@dataclass(frozen=True)
class Known:
    """What only the workflow knows, each by arm: the way in which it was asked, what is to be said about that, what it
    reached on validation, and (answers, seconds) of its chunks with several requests in flight. `asked` has every arm that was
    asked."""

    asked: Mapping[str, Style]
    notes: Mapping[str, str]
    validated: Mapping[str, float]
    throughput: Mapping[str, Sequence[tuple[int, float]]]


async def conclude(bench: Bench, known: Known, database: Database) -> Summary:
    """The table and the verdict. Raises UpstreamFailed where there is nothing to compare."""
    async with transaction(database) as session:
        run = await store.find_run(session, bench.run_id)
        columns = await store.kept_columns(session, str(run.dataset_id), "test")
        predictions = {arm: await store.predictions(session, bench.run_id, arm=arm) for arm in known.asked}
    if bench.scale is None:
        return await asyncio.to_thread(_of_labels, bench, known, columns, predictions)
    return await asyncio.to_thread(_of_scores, bench, bench.scale, known, columns, predictions)


def _of_labels(bench: Bench, known: Known, columns: Columns, predictions: Predictions) -> Summary:
    config, arms = bench.config, []
    for name, own in predictions.items():
        how, beside = known.asked[name].how, _beside(bench, known, columns, name)
        arms.append(results.arm_result(bench.arms[name], own, bench.test, how=how, **beside))
    _require_answers({one.arm: one.failure for one in arms if one.kind != "baseline"})
    return build_summary(
        bench.task,
        bench.labels,
        arms,
        latency_note=results.latency_note(len(bench.test), config["concurrency"], config.get("texts_per_request", 1)),
        margin_points=config["margin_points"],
        seed=config["seed"],
        notes=_left_out(bench, known),
    )


def _of_scores(bench: Bench, scale: Scale, known: Known, columns: Columns, predictions: Predictions) -> Summary:
    config = bench.config
    failures = {name: scored.base_failure(own, bench.test) for name, own in predictions.items()}
    _require_answers({name: failure for name, failure in failures.items() if bench.arms[name].kind != "baseline"})
    test, unread = scored.comparable(scale, bench.test, predictions)
    if not test:
        raise UpstreamFailed(f"No text was read by every model. {' '.join(unread)}")
    gold = [bench.gold[case.id] for case in test]
    arms = [
        scored.arm_result(scale, bench.arms[name], own, gold, failure=failures[name], **_beside(bench, known, columns, name))
        for name, own in predictions.items()
    ]
    return scored_summary(
        bench.task,
        scale,
        arms,
        latency_note=results.latency_note(len(bench.test), config["concurrency"]),
        margin_points=config["margin_points"],
        seed=config["seed"],
        fields=next((one.fields for one in bench.gold.values()), ()),
        notes=[*unread, *_left_out(bench, known)],
    )


def _beside(bench: Bench, known: Known, columns: Columns, arm: str) -> dict[str, Any]:
    """What an arm's result takes beside its predictions, of either kind of run."""
    learned = bench.baseline(arm) if bench.arms[arm].kind == "baseline" else None
    return {
        "baseline": learned.fitted if learned else None,
        "timed": runner.timed_alone(len(bench.test), bench.config["concurrency"]),
        "per_second": results.per_second(known.throughput[arm]),
        "validated": known.validated.get(arm),
        "notes": [note for note in (known.notes.get(arm), learned and learned.note) if note],
        "columns": columns,
        "slices": bench.config.get("slices", ()),
        "cluster": bench.config.get("cluster"),
    }


def _require_answers(failures: Mapping[str, str | None]) -> None:
    """Of the models. Raises UpstreamFailed when all failed, which says nothing about which is better."""
    if failures and all(failures.values()):
        first = next(iter(failures))
        raise UpstreamFailed(f"No model answered. {first}: {failures[first]}")


def _left_out(bench: Bench, known: Known) -> list[str]:
    return results.left_out_notes([name for name in bench.arms if name not in known.asked])
