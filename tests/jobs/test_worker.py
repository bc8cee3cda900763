"""A job runs once however often it is asked for, survives the death of its worker, and stops when cancelled."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.database.base import Base
from app.database.session import connect, transaction
from app.errors import SetupError
from app.jobs import resources, store
from app.jobs.names import BENCHMARK_QUEUE, BENCHMARK_WORKFLOW, TRAINING_GPU_QUEUE, TRAINING_QUEUE, TRAINING_WORKFLOW
from app.jobs.queue import JobQueue
from app.jobs.worker import run_worker
from app.settings import Settings

HERE = Path(__file__).parent
START = """
from app.jobs.worker import run_worker
from app.settings import Settings
run_worker(Settings(), ["toy_workflows"], {queues})
"""


async def create_tables(settings: Settings) -> None:
    database = connect(settings.database)
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await database.close()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("VERSUS_DATA_DIR", str(tmp_path))
    settings = Settings()
    asyncio.run(create_tables(settings))
    return settings


class Workers:
    """Starts real worker processes and ends what is left of them; what they print is in `output`."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "worker.log"
        self.started: list[subprocess.Popen[bytes]] = []

    def start(
        self, stdin: int = subprocess.DEVNULL, queues: list[str] | None = None, **environment: str
    ) -> subprocess.Popen[bytes]:
        path = os.pathsep.join([str(HERE), str(HERE.parents[1])])
        command = [sys.executable, "-W", "error", "-c", START.format(queues=queues)]
        with self.log.open("ab") as log:
            worker = subprocess.Popen(
                command, env={**os.environ, "PYTHONPATH": path, **environment}, stdin=stdin, stdout=log, stderr=log
            )
        self.started.append(worker)
        return worker

    @property
    def output(self) -> str:
        return self.log.read_text()


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    workers = Workers(tmp_path)
    yield workers
    for worker in workers.started:
        if worker.stdin is not None:
            worker.stdin.close()
        worker.kill()
        worker.wait()


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def told(settings: Settings) -> list[str]:
    file = settings.data_dir / "told.txt"
    return file.read_text().splitlines() if file.exists() else []


def enqueue(settings: Settings, job_id: str, workflow: str = BENCHMARK_WORKFLOW, queue: str = BENCHMARK_QUEUE) -> None:
    async def call() -> None:
        jobs = JobQueue(settings)
        await jobs.enqueue(workflow, queue, job_id)
        await jobs.close()

    asyncio.run(call())


def cancel(settings: Settings, job_id: str) -> None:
    async def call() -> None:
        jobs = JobQueue(settings)
        await jobs.cancel(job_id)
        await jobs.close()

    asyncio.run(call())


def seen(settings: Settings) -> list[str]:
    async def call() -> list[str]:
        database = connect(settings.database)
        async with transaction(database) as session:
            found = [worker.id for worker in await store.workers(session, within_s=30)]
        await database.close()
        return sorted(found)

    return asyncio.run(call())


def why_waiting(settings: Settings, queue: str) -> str | None:
    async def call() -> str | None:
        database = connect(settings.database)
        async with transaction(database) as session:
            found = await store.why_waiting(session, queue)
        await database.close()
        return found

    return asyncio.run(call())


def test_a_job_enqueued_before_any_worker_started_and_enqueued_twice_runs_once(settings: Settings, workers: Workers) -> None:
    enqueue(settings, "run_1")
    enqueue(settings, "run_1")
    worker = workers.start()
    until(lambda: "run_1 done" in told(settings))
    assert told(settings) == [*(f"run_1 step {number}" for number in range(6)), "run_1 done"]

    # The worker is seen while it lives; asked to end, it ends in order, says nothing and is forgotten.
    assert seen(settings) == ["local"]
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=20) == 0
    assert workers.output == ""
    assert seen(settings) == []


def test_a_worker_killed_in_the_middle_goes_on_at_the_step_it_was_in(settings: Settings, workers: Workers) -> None:
    enqueue(settings, "run_1")
    first = workers.start()
    until(lambda: "run_1 step 2" in told(settings))
    first.kill()
    first.wait()
    workers.start()
    until(lambda: "run_1 done" in told(settings))
    times = Counter(told(settings))
    assert all(times[f"run_1 step {number}"] == 1 for number in (0, 1, 4, 5))
    assert times["run_1 done"] == 1
    assert times.total() <= 8  # at most the step in hand again


def test_a_signal_in_the_middle_leaves_the_job_to_the_next_worker(settings: Settings, workers: Workers) -> None:
    enqueue(settings, "run_1")
    enqueue(settings, "run_2")
    first = workers.start()
    until(lambda: "run_1 step 1" in told(settings))
    first.send_signal(signal.SIGINT)
    time.sleep(0.1)
    first.send_signal(signal.SIGINT)  # impatient: at once
    assert first.wait(timeout=10) == 128 + signal.SIGINT
    workers.start()
    until(lambda: "run_2 done" in told(settings))
    assert told(settings).count("run_1 done") == 1
    # One at a time: the second began after the first had ended.
    assert told(settings).index("run_1 done") < told(settings).index("run_2 step 0")


def test_cancelled_jobs_stop_or_never_start(settings: Settings, workers: Workers) -> None:
    for job_id in ("run_1", "run_2", "run_3"):
        enqueue(settings, job_id)
    cancel(settings, "run_2")
    cancel(settings, "run_unknown")
    workers.start()
    until(lambda: "run_1 step 1" in told(settings))
    cancel(settings, "run_1")
    until(lambda: "run_3 done" in told(settings))
    assert "run_1 step 4" not in told(settings)
    assert "run_2 step 0" not in told(settings)
    assert "run_1 done" not in told(settings)


def test_the_worker_is_seen_while_a_job_holds_its_loop(settings: Settings, workers: Workers) -> None:
    async def forget() -> None:
        database = connect(settings.database)
        async with transaction(database) as session:
            await store.gone(session, "local")
        await database.close()

    enqueue(settings, "train_1", TRAINING_WORKFLOW, TRAINING_QUEUE)
    workers.start(TOY_HOLD_S="3")
    until(lambda: "train_1 step 0" in told(settings))
    asyncio.run(forget())
    until(lambda: seen(settings) == ["local"])
    assert "train_1 done" not in told(settings)


def test_a_worker_takes_jobs_of_its_queues_alone_and_trainings_run_side_by_side_on_two(
    settings: Settings, workers: Workers
) -> None:
    for number in (1, 2):
        enqueue(settings, f"train_{number}", TRAINING_WORKFLOW, TRAINING_QUEUE)
    workers.start(queues=[BENCHMARK_QUEUE], VERSUS_WORKER_ID="measures")
    enqueue(settings, "run_1")
    until(lambda: "run_1 done" in told(settings))
    assert not [line for line in told(settings) if line.startswith("train")]

    # Each holds its loop for a while: the second begins before the first is done.
    for name in ("trains", "trains-too"):
        workers.start(queues=[TRAINING_QUEUE], VERSUS_WORKER_ID=name, TOY_HOLD_S="4")
    until(lambda: {"train_1 step 0", "train_2 step 0"} <= set(told(settings)))
    assert not {"train_1 done", "train_2 done"} & set(told(settings))
    assert seen(settings) == ["measures", "trains", "trains-too"]


def test_a_queue_without_a_worker_is_told_until_one_takes_it(settings: Settings, workers: Workers) -> None:
    assert why_waiting(settings, TRAINING_QUEUE) == "No worker was seen lately; start one with `versus worker`."
    workers.start(queues=[TRAINING_QUEUE])
    until(lambda: why_waiting(settings, TRAINING_QUEUE) is None)
    reason = why_waiting(settings, TRAINING_GPU_QUEUE)
    assert reason is not None
    assert reason.startswith("No worker that takes jobs of 'training-gpu' was seen lately")


@pytest.mark.parametrize(
    ("queues", "told"),
    [
        (["training", "cooking"], "There is no queue 'cooking'; a worker takes from training, training-gpu, benchmarks"),
        ([], "There is no queue ''"),
        (["training-gpu"], "need a GPU, and this machine shows none"),
    ],
)
def test_queues_that_it_cannot_take_are_refused(
    settings: Settings, queues: list[str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    with pytest.raises(SetupError, match=re.escape(told)):
        run_worker(settings, queues=queues)


def test_a_machine_with_a_gpu_takes_what_needs_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "GPU", tmp_path / "nvidiactl")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert resources.queues_here() == ("training", "benchmarks")
    (tmp_path / "nvidiactl").touch()
    assert resources.queues_here() == ("training", "training-gpu", "benchmarks")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert resources.queues_here() == ("training", "benchmarks")


def test_a_second_worker_of_the_same_name_is_refused(settings: Settings, workers: Workers) -> None:
    workers.start()
    until(lambda: seen(settings) == ["local"])
    second = workers.start()
    assert second.wait(timeout=20) != 0
    assert "A worker named 'local' already runs" in workers.output


def test_a_worker_on_a_database_without_tables_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: Workers
) -> None:
    monkeypatch.setenv("VERSUS_DATA_DIR", str(tmp_path / "new"))
    worker = workers.start()
    assert worker.wait(timeout=20) != 0
    assert "run `versus db upgrade` first" in workers.output


def test_a_worker_ends_when_the_parent_that_holds_its_lifeline_dies(settings: Settings, workers: Workers) -> None:
    worker = workers.start(subprocess.PIPE, VERSUS_WORKER_LIFELINE="1")
    until(lambda: seen(settings) == ["local"])
    assert worker.poll() is None
    assert worker.stdin is not None
    worker.stdin.close()
    assert worker.wait(timeout=10) == 1
