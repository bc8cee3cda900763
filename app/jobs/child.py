"""A job worker as the child of a service: started with it, started again should it die, ended with it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import structlog

from app.jobs.worker import LIFELINE
from app.settings import Settings

log = structlog.get_logger(__name__)

LOOK_S = 0.5
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0  # before a worker that died is started again
END_S = 15.0  # for the step in hand; what is cut off after it resumes at the next start


@contextmanager
def worker_child(settings: Settings) -> Iterator[None]:
    """Keeps one worker of `settings` running within the block."""
    over = Event()
    child = [_start(settings)]

    def watch() -> None:
        pause = FIRST_PAUSE_S
        while not over.wait(LOOK_S):
            if child[0].poll() is None:
                continue
            log.error("the job worker ended; it is started again", exit_code=child[0].returncode, in_s=pause)
            if over.wait(pause):
                return
            pause = min(2 * pause, LONGEST_PAUSE_S)
            child[0] = _start(settings)

    watcher = Thread(target=watch, name="worker-watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        _end(child[0])


def _start(settings: Settings) -> subprocess.Popen[bytes]:
    # Where the service really listens, which its command line may have changed.
    environment = os.environ | {"VERSUS_HOST": settings.host, "VERSUS_PORT": str(settings.port), LIFELINE: "1"}
    # A session of its own: Ctrl-C in a terminal reaches the service, which then ends its worker in order.
    return subprocess.Popen(
        [sys.executable, "-m", "app.cli", "worker"], stdin=subprocess.PIPE, env=environment, start_new_session=True
    )


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(timeout=END_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
