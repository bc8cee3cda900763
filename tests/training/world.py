"""A service that trains, as the tests of training runs see it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

ROOT = Path(__file__).parents[2]
WORKER = [sys.executable, "-W", "error", "-m", "app.cli", "worker"]
OPTIONS = {"epochs": 3.0, "batch_tokens": 64, "validations": 2, "learning_rate": 1e-2}


class World:
    """A service with a tiny general model, one uploaded dataset, and real worker processes."""

    def __init__(self, client: TestClient, folder: Path) -> None:
        self.client, self.folder = client, folder
        self.workers: list[subprocess.Popen[bytes]] = []

    def start_worker(self) -> subprocess.Popen[bytes]:
        with (self.folder / "worker.log").open("ab") as log:
            worker = subprocess.Popen(
                WORKER, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"}
            )
        self.workers.append(worker)
        return worker

    def start(self, **body: Any) -> dict[str, Any]:
        options = OPTIONS | body.pop("options", {})
        tasks = [{"name": "desk", "dataset": "desk"}]
        given = {"name": "claims", "method": "lora", "tasks": tasks, "options": options}
        response = self.client.post("/v1/training-runs", json=given | body)
        assert response.status_code in (200, 202), response.text
        return dict(response.json())

    def run(self, run_id: str) -> dict[str, Any]:
        return dict(self.client.get(f"/v1/training-runs/{run_id}").json())

    def finished(self, run_id: str) -> dict[str, Any]:
        until(lambda: self.run(run_id)["status"] not in ("queued", "running"))
        return self.run(run_id)


def until(true: Callable[[], bool], seconds: float = 240.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
