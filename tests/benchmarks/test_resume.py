"""A run whose worker is killed ends with the same predictions as one that was never disturbed."""

import time
from collections.abc import Callable
from typing import Any

BODY = {
    "models": ["plain", "good"],
    "baselines": ["majority"],
    "repeats": 2,
    "rewordings": 1,
    "consistency_cases": 20,
    "validation_cases": 20,
    "limit": 40,
}


def until(true: Callable[[], bool], seconds: float = 30.0) -> None:
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


def test_a_model_that_changed_while_the_worker_was_down_fails_the_run_with_a_sentence(world: Any) -> None:
    run = start(world, models=["good"], repeats=20)
    worker = world.start_worker()
    until(lambda: len(world.predictions(run)) >= 100)
    worker.kill()
    worker.wait()
    world.set_digest("good", "f" * 64)
    world.start_worker()
    over = world.finished(run)
    assert over["status"] == "failed"
    assert "good@1 is no longer what this run began with" in over["error"]
    assert over["summary"] is None
    assert len(world.predictions(run)) >= 100  # what was answered stays
