"""A real service of fake models with a small dataset, and a real worker, for tests of scorecards."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.database.migrations import upgrade
from app.main import create_app
from app.settings import Settings
from tests.fakes import make_fake
from tests.server import serve

ROOT = Path(__file__).parents[3]
WORDS = ("roof", "pipe", "fence", "engine", "trip", "phone", "boiler", "garage")
START = """
from app.jobs.worker import run_worker
from app.settings import Settings
run_worker(Settings(), ["app.benchmarks.workflow", "app.benchmarks.scorecard.workflow"])
"""


def desk_csv() -> bytes:
    """Claims that say in every other row that the deductible is not reached."""
    lines = ["text,decision"]
    for number in range(120):
        reached = "is above" if number % 2 else "stays below"
        lines.append(
            f"Claim {number}: the {WORDS[number % 8]} was damaged on day {number} and the amount {reached} the deductible of "
            f"the policy number {7 * number},{'approve' if number % 2 else 'decline'}"
        )
    return "\n".join(lines).encode()


@dataclass
class Service:
    """The service, its settings and whoever works for it."""

    url: str
    settings: Settings
    log: Path
    workers: list[subprocess.Popen[bytes]]

    def start_worker(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-W", "error", "-c", START], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT
            )
        self.workers.append(worker)
        return worker

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return httpx.request(method, f"{self.url}{path}", json=body, timeout=180, trust_env=False)

    def finished(self, scorecard: str, seconds: float = 900.0) -> dict[str, Any]:
        """The scorecard when it is over."""
        deadline = time.monotonic() + seconds
        while True:
            now: dict[str, Any] = self.call("GET", f"/v1/scorecards/{scorecard}").json()
            if now["status"] not in ("queued", "running"):
                return now
            assert time.monotonic() < deadline, self.log.read_text() or now
            time.sleep(0.1)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    tmp_path = tmp_path_factory.mktemp("scorecard")
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield from _service(tmp_path, monkeypatch)


def _service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    make_fake(tmp_path / "models", "general", context=3000)
    make_fake(tmp_path / "models", "desk", kind="custom", method="full", context=3000, parameters=2)
    monkeypatch.setenv("VERSUS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("VERSUS_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    settings = Settings()
    settings.data_dir.mkdir()
    upgrade(settings.database)
    with serve(create_app(settings)) as url:
        monkeypatch.setenv("VERSUS_API_URL", url)
        made = Service(url, settings, tmp_path / "worker.log", [])
        file = {"file": ("desk-claims.csv", desk_csv())}
        uploaded = httpx.post(f"{url}/v1/datasets", files=file, data={"name": "desk-claims"}, timeout=180, trust_env=False)
        assert uploaded.is_success, uploaded.text
        yield made
        for worker in made.workers:
            worker.kill()
            worker.wait()
