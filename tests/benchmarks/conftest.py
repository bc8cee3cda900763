"""A small world to run benchmarks in: a database with one dataset, two models in a catalog, and a stand-in for the service."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from app.benchmarks import store
from app.benchmarks.routes import router
from app.benchmarks.verdict.routes import router as verdicts
from app.catalog.cards import Card, write_card
from app.catalog.catalog import Catalog
from app.database.base import Base
from app.database.session import connect, transaction
from app.database.tables import Dataset, DatasetRow, Prediction
from app.engines.registry import Engines
from app.errors import VersusError
from app.jobs.queue import JobQueue
from app.settings import Settings

HERE = Path(__file__).parent
LABELS = ("auto", "home", "travel")
SPLITS = {"train": 60, "validation": 40, "test": 90}
START = """
from app.jobs.worker import run_worker
from app.settings import Settings
run_worker(Settings(), ["app.benchmarks.workflow"])
"""


def rows() -> list[tuple[str, str, str]]:
    """(split, text, label): the label's word is in the text, so that the stand-in knows what is right."""
    return [
        (split, f"{split} {number}: the {LABELS[number % 3]} of our client was damaged on day {number}.", LABELS[number % 3])
        for split, count in SPLITS.items()
        for number in range(count)
    ]


@dataclass
class World:
    """What a test of runs works with."""

    settings: Settings
    catalog: Catalog
    url: str
    folder: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start_worker(self) -> subprocess.Popen[bytes]:
        with (self.folder / "worker.log").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-W", "error", "-c", START], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.workers.append(worker)
        return worker

    @property
    def worker_log(self) -> str:
        return (self.folder / "worker.log").read_text()

    @property
    def asked(self) -> int:
        """Requests that the stand-in got so far."""
        log = self.folder / "asked.txt"
        return len(log.read_text().splitlines()) if log.exists() else 0

    def set_digest(self, model: str, digest: str) -> None:
        known = {version.name: version.digest for version in self.catalog.latest()} | {model: digest}
        (self.folder / "digests.txt").write_text(f"{known['good']} {known['plain']}")

    def app(self) -> FastAPI:
        """The benchmark routes; a server that runs it closes what it opened."""
        app = FastAPI(lifespan=_closing)
        app.include_router(router)
        app.include_router(verdicts)
        app.add_exception_handler(VersusError, _as_json)
        app.state.settings = self.settings
        app.state.database = connect(self.settings.database)
        app.state.catalog = self.catalog
        app.state.engines = Engines(self.settings)
        app.state.jobs = JobQueue(self.settings)
        return app

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """Speaks to the benchmark routes."""
        app = self.app()
        async with _closing(app), httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            yield client

    def call(self, method: str, path: str, json: Any = None) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with self.client() as client:
                return await client.request(method, path, json=json)

        return asyncio.run(ask())

    def predictions(self, run_id: str) -> list[Prediction]:
        async def read() -> list[Prediction]:
            database = connect(self.settings.database)
            async with transaction(database) as session:
                found = await store.predictions(session, run_id)
            await database.close()
            return found

        return asyncio.run(read())

    def execute(self, statement: Any) -> None:
        """Something done to the database behind the service's back."""

        async def run() -> None:
            database = connect(self.settings.database)
            async with transaction(database) as session:
                await session.execute(statement)
            await database.close()

        asyncio.run(run())

    def finished(self, run_id: str, seconds: float = 240.0) -> dict[str, Any]:
        """The run when it is over."""
        run: dict[str, Any] = {}

        def over() -> bool:
            run.update(self.call("GET", f"/v1/runs/{run_id}").json())
            return run["status"] not in ("queued", "running")

        until(over, seconds)
        return run


def until(true: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


@asynccontextmanager
async def _closing(app: FastAPI) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await app.state.jobs.close()
        await app.state.database.close()


async def _as_json(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, VersusError)
    return JSONResponse(error.body(), error.status)


async def _fill(settings: Settings) -> None:
    database = connect(settings.database)
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    counts = {split: dict.fromkeys(LABELS, count // 3) for split, count in SPLITS.items()}
    async with transaction(database) as session:
        session.add(
            Dataset(
                id="ds_1",
                name="claims-desk",
                version=1,
                sha256="0" * 64,
                source="desk.csv",
                text_column="text",
                label_column="label",
                split={},
                labels=list(LABELS),
                counts=counts,
                notes=[],
                rows=sum(SPLITS.values()),
            )
        )
        await session.flush()
        session.add_all(
            DatasetRow(dataset_id="ds_1", position=position, split=split, text=text, label=label)
            for position, (split, text, label) in enumerate(rows())
        )
    await database.close()


def _catalog(folder: Path) -> Catalog:
    for name, kind, method in (("plain", "general", "pretrained"), ("good", "custom", "full")):
        (folder / name).mkdir(parents=True)
        (folder / name / "model.safetensors").write_bytes(name.encode())
        card = Card.model_validate({"name": name, "kind": kind, "method": method, "parameters": 1000, "context": 400})
        write_card(card, folder / name / "card.toml")
    return Catalog([folder])


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("VERSUS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("VERSUS_API_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("STAND_IN_LOG", str(tmp_path / "asked.txt"))
    monkeypatch.setenv("STAND_IN_DIGESTS", str(tmp_path / "digests.txt"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.syspath_prepend(str(HERE))
    settings = Settings()
    asyncio.run(_fill(settings))
    world = World(settings, _catalog(tmp_path / "cards"), settings.api, tmp_path)
    world.set_digest("good", world.catalog.find("good").digest)

    config = uvicorn.Config("stand_in:app", port=port, log_level="error", ws="none", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started)
    yield world
    for worker in world.workers:
        worker.kill()
        worker.wait()
    server.should_exit = True
    thread.join()
