"""The process that runs durable jobs: starts, tells that it is alive, resumes what its name had begun, and ends in order."""

import asyncio
import fcntl
import logging
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from threading import Event, Thread
from time import monotonic, sleep

from dbos import DBOS, DBOSConfig

from app import __version__
from app.database.session import Database, DatabaseError, connect, transaction
from app.errors import SetupError
from app.jobs import context, store
from app.jobs.names import APPLICATION, BENCHMARK_QUEUE, QUEUES, SCHEMA, TRAINING_GPU_QUEUE, TRAINING_QUEUE, WORKFLOW_VERSION
from app.jobs.queue import prepare
from app.jobs.resources import has_gpu, queues_here
from app.settings import Settings

log = logging.getLogger(__name__)

# By name and imported on use: the features stand above this room.
WORKFLOW_MODULES = ("app.training.workflow", "app.benchmarks.workflow", "app.benchmarks.scorecard.workflow")

# Set by a parent that starts a worker: the child's stdin is a pipe whose other end only the parent holds.
LIFELINE = "VERSUS_WORKER_LIFELINE"

# A training uses every core: one at a time on each worker, however many workers there are. A benchmark beside another would
# measure its neighbour: one at a time in all.
LIMITS = {TRAINING_QUEUE: (1, None), TRAINING_GPU_QUEUE: (1, None), BENCHMARK_QUEUE: (1, 1)}  # on a worker, on all together

HEARTBEAT_S = 2.0
POLL_S = 0.3  # how soon a queued job is seen
GRACE_S = 5.0  # for jobs about to finish; what is cut off after it resumes at the next start
LOCK_WAIT_S = 2.0  # for a former worker of the same name that is about to notice its parent's end


def run_worker(settings: Settings, modules: Sequence[str] = WORKFLOW_MODULES, queues: Sequence[str] | None = None) -> None:
    """Works until SIGTERM or SIGINT, or until the parent that started it dies; a second signal ends it at once.

    `modules` are imported for the workflows they define; of `queues` it takes jobs, None is all that this machine can serve.
    Raises SetupError for a queue that there is not or that asks for a GPU where there is none, when another worker of this
    name runs on this machine, or when a database cannot be opened or was not migrated.
    """
    taken = queues_here() if queues is None else tuple(queues)
    _check(taken)
    if os.environ.get(LIFELINE) == "1":
        Thread(target=_end_with_parent, name="lifeline", daemon=True).start()
    try:
        prepare(settings)
    except DatabaseError as error:
        raise SetupError(f"The job database cannot be opened ({error.orig}); see VERSUS_DATABASE_URL.") from error
    with _only_one(settings):
        if asyncio.run(_work(settings, modules, taken)):
            return
        # Unwinding now would report the jobs still running as failed; ended like this they resume at the next start.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _check(queues: Sequence[str]) -> None:
    for queue in queues or [""]:
        if queue not in QUEUES:
            raise SetupError(f"There is no queue {queue!r}; a worker takes from {', '.join(QUEUES)}, separated by commas.")
    if TRAINING_GPU_QUEUE in queues and not has_gpu():
        raise SetupError(
            f"Jobs of {TRAINING_GPU_QUEUE!r} need a GPU, and this machine shows none (its driver, CUDA_VISIBLE_DEVICES); "
            f"take {', '.join(queues_here())}."
        )


async def _work(settings: Settings, modules: Sequence[str], queues: Sequence[str]) -> bool:
    """True when nothing was left running."""
    database = connect(settings.database)
    context.use(context.JobContext(settings, database))
    stop = _stop_on_signal()
    try:
        await _tell(database, settings, queues)
    except DatabaseError as error:
        await database.close()
        raise SetupError(f"The database is not ready ({error.orig}); run `versus db upgrade` first.") from error
    for module in modules:
        import_module(module)
    DBOS(config=_config(settings))
    DBOS.listen_queues(queues)
    # Launched inside the loop, DBOS runs every workflow here; it then recovers those that this name had begun.
    DBOS.launch()
    for queue, (here, everywhere) in LIMITS.items():
        await DBOS.register_queue_async(
            queue,
            worker_concurrency=here,
            global_concurrency=everywhere,
            polling_interval_sec=POLL_S,
            on_conflict="always_update",
        )
    with _heartbeat(settings, queues):
        await stop.wait()
        idle = await _idle_within(GRACE_S, settings.worker_id)
    if idle:
        await asyncio.to_thread(DBOS.destroy)
        await database.close()
        context.use(None)
    return idle


def _config(settings: Settings) -> DBOSConfig:
    return {
        "name": APPLICATION,
        "system_database_url": settings.jobs_database,
        "dbos_system_schema": SCHEMA,
        "application_version": WORKFLOW_VERSION,
        "executor_id": settings.worker_id,
        "enable_otlp": False,
        "log_level": "WARNING",
    }


async def _idle_within(seconds: float, worker_id: str) -> bool:
    deadline = monotonic() + seconds
    while await DBOS.list_workflows_async(status="PENDING", executor_id=worker_id, load_input=False, load_output=False):
        if monotonic() > deadline:
            return False
        await asyncio.sleep(0.1)
    return True


def _stop_on_signal() -> asyncio.Event:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def ask(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask, number)
    return stop


def _end_with_parent() -> None:
    # End of file comes when the last holder of the other end is gone, however it died.
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(1)


@contextmanager
def _heartbeat(settings: Settings, queues: Sequence[str]) -> Iterator[None]:
    """Keeps this worker's row fresh from a thread with a loop and connections of its own: a busy workflow cannot delay it."""
    stop = Event()
    thread = Thread(target=lambda: asyncio.run(_beat(settings, queues, stop)), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=GRACE_S)


async def _beat(settings: Settings, queues: Sequence[str], stop: Event) -> None:
    database = connect(settings.database)
    while True:
        try:
            await _tell(database, settings, queues)
        except DatabaseError as error:
            log.warning("the heartbeat could not be written: %s", error.orig)
        if await asyncio.to_thread(stop.wait, HEARTBEAT_S):
            break
    with suppress(DatabaseError):
        async with transaction(database) as session:
            await store.gone(session, settings.worker_id)
    await database.close()


async def _tell(database: Database, settings: Settings, queues: Sequence[str]) -> None:
    async with transaction(database) as session:
        await store.seen(session, settings.worker_id, __version__, queues)


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    """Two workers of one name on one machine would each resume what the other is doing."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    path = settings.data_dir / f"worker-{re.sub(r'[^A-Za-z0-9._-]', '_', settings.worker_id)}.lock"
    deadline = monotonic() + LOCK_WAIT_S
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if monotonic() > deadline:
                    raise SetupError(
                        f"A worker named {settings.worker_id!r} already runs on {settings.data_dir}; stop it, or give this one "
                        "another name with VERSUS_WORKER_ID."
                    ) from None
                sleep(0.1)
        yield
