"""A service as the child of a command: started, waited for until it is ready, ended with the command."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from app.cli.serve import LIFELINE
from app.errors import SetupError
from app.settings import Settings

READY_S = 90.0
END_S = 30.0
_TAIL = 15  # lines of a failed service's log that are shown


@contextmanager
def service_child(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """A ready service on `settings.api`; its log is `service.log` in the data folder.

    Raises SetupError with the end of that log when the service does not get ready."""
    log = settings.data_dir / "service.log"
    environment = os.environ | {
        "VERSUS_HOST": settings.host,
        "VERSUS_PORT": str(settings.port),
        "VERSUS_EMBEDDED_WORKER": "true",
        LIFELINE: "1",
    }
    with log.open("ab") as file:
        # A session of its own: Ctrl-C reaches the command alone, which then ends the service in order.
        child = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve"],
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=file,
            env=environment,
            start_new_session=True,
        )
    try:
        _wait_until_ready(settings, child, log)
        yield child
    finally:
        child.terminate()
        try:
            child.wait(timeout=END_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _wait_until_ready(settings: Settings, child: subprocess.Popen[bytes], log: Path) -> None:
    deadline, reason = time.monotonic() + READY_S, "it did not answer"
    with httpx.Client(base_url=settings.api, trust_env=False, timeout=5) as client:
        while time.monotonic() < deadline:
            if child.poll() is not None:
                raise SetupError(f"The service ended with {child.returncode}. The end of {log}:\n{_tail(log)}")
            try:
                answer = client.get("/readyz")
            except httpx.TransportError:
                pass
            else:
                if answer.is_success:
                    return
                reason = "; ".join(why for why in answer.json()["checks"].values() if why != "ok")
            time.sleep(0.1)
    raise SetupError(f"The service was not ready within {READY_S:.0f} s: {reason}. The end of {log}:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL:])
