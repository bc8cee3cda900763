"""A run whose worker is killed ends with the same predictions as one that was never disturbed."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, update

from app.benchmarks import store
from app.benchmarks.bench import open_bench
from app.benchmarks.client import ServiceClient
from app.database.session import connect, transaction
from app.database.tables import Dataset, DatasetRow, Prediction
from app.errors import Conflict
from app.jobs.names import BENCHMARK_QUEUE, BENCHMARK_WORKFLOW
from app.jobs.queue import JobQueue

BODY = {
    "models": ["plain", "good"],
    "baselines": ["majority"],
    "repeats": 2,
    "rewordings": 1,
    "consistency_cases": 20,
    "validation_cases": 20,
    "limit": 40,
}


def until(true: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def answers(world: Any, run_id: str) -> dict[tuple[str, str, int], tuple[Any, ...]]:
    return {
        (one.arm, one.condition, one.case_id): (one.gold, one.label, one.probabilities, one.text, one.digest)
        for one in world.predictions(run_id)
    }


def start(world: Any, **changed: Any) -> str:
    response = world.call("POST", "/v1/benchmarks/claims-desk/runs", BODY | changed)
    assert response.status_code == 202, response.text
    return str(response.json()["id"])


def test_a_killed_and_resumed_run_has_the_same_predictions_as_an_unbroken_one(world: Any) -> None:
    broken = start(world)
    first = world.start_worker()
    until(lambda: len(world.predictions(broken)) >= 100)
    first.kill()
    first.wait()
    before = answers(world, broken)

    world.start_worker()
    resumed = world.finished(broken)
    assert resumed["status"] == "succeeded", world.worker_log
    asked = world.asked
    unbroken = start(world)
    assert world.finished(unbroken)["status"] == "succeeded"
    asked_unbroken = world.asked - asked

    after = answers(world, broken)
    assert 100 <= len(before) < len(after)
    assert after == answers(world, unbroken)
    assert {key: after[key] for key in before} == before
    # What was committed was not asked again: at most the chunk in hand, and a warm-up.
    assert asked <= asked_unbroken + 20 + 1
    # The summary counts all of it, not only what came after the interruption.
    again = world.call("GET", f"/v1/runs/{unbroken}").json()["summary"]
    for row, other in zip(resumed["summary"]["rows"], again["rows"], strict=True):
        for column in ("arm", "accuracy", "macro_f1", "rerun_consistency", "rewording_consistency", "validation_accuracy"):
            assert row[column] == other[column], column


def test_rows_that_changed_while_the_worker_was_down_fail_the_run_with_a_sentence(world: Any) -> None:
    run = start(world, models=["good"], repeats=20)
    worker = world.start_worker()
    until(lambda: len(world.predictions(run)) >= 100)
    worker.kill()
    worker.wait()
    world.execute(update(DatasetRow).where(DatasetRow.position == 0).values(text="another text"))
    world.start_worker()
    over = world.finished(run)
    assert over["status"] == "failed", world.worker_log
    assert "The rows of the dataset are no longer what this run began with" in over["error"]
    assert over["summary"] is None
    assert len(world.predictions(run)) >= 100  # what was answered stays


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda world: world.set_digest("good", "f" * 64), "good@1 is no longer what this run began with"),
        (lambda world: world.execute(update(Dataset).values(sha256="1" * 64)), "dataset claims-desk, version 1, is no longer"),
        (lambda world: world.execute(delete(DatasetRow).where(DatasetRow.position == 9)), "dataset claims-desk, version 1, is"),
        (lambda world: world.execute(update(Dataset).values(labels=["auto", "home"])), "task 'claims-desk' is no longer what"),
        (lambda world: world.execute(update(Dataset).values(name="renamed")), "task 'claims-desk', which this run began with,"),
    ],
)
def test_a_run_does_not_go_on_with_what_is_not_what_it_began_with(world: Any, change: Any, told: str) -> None:
    run = start(world, models=["good"])

    async def begin() -> None:
        database = connect(world.settings.database)
        try:
            async with ServiceClient(world.url) as client:
                await open_bench(run, database, client)
        finally:
            await database.close()

    asyncio.run(begin())
    change(world)
    with pytest.raises(Conflict, match=told):
        asyncio.run(begin())


def test_a_run_with_every_answer_already_there_asks_nothing_and_reports_the_whole(world: Any) -> None:
    world.start_worker()
    first = world.finished(start(world, few_shot=False, rewordings=0))
    assert first["status"] == "succeeded", world.worker_log
    asked = world.asked

    async def again() -> str:
        """The same run once more, up to the moment before its end."""
        database, jobs = connect(world.settings.database), JobQueue(world.settings)
        columns = [column.key for column in Prediction.__table__.columns if column.key != "run_id"]
        async with transaction(database) as session:
            run = await store.create_run(session, first["task"], first["dataset_id"], first["config"])
            known = await store.predictions(session, first["id"])
            await store.add_predictions(session, run.id, [{name: getattr(one, name) for name in columns} for one in known])
        await jobs.enqueue(BENCHMARK_WORKFLOW, BENCHMARK_QUEUE, run.id)
        await jobs.close()
        await database.close()
        return run.id

    second = world.finished(asyncio.run(again()))
    assert second["status"] == "succeeded", world.worker_log
    assert world.asked == asked
    rows = [{k: v for k, v in row.items() if k != "cases_per_second"} for row in second["summary"]["rows"]]
    assert rows == [{k: v for k, v in row.items() if k != "cases_per_second"} for row in first["summary"]["rows"]]
    assert {row["cases_per_second"] for row in second["summary"]["rows"]} == {None}  # nothing was timed
