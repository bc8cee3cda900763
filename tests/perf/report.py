"""How long a report of a large run takes, from the stored run to the page, through the service."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from app.database.migrations import upgrade
from app.main import create_app
from app.settings import Settings
from tests.benchmarks.report.runs import arms
from tests.benchmarks.report.stored import store_run
from tests.server import serve

CASES = 10_000


def rows() -> Iterator[tuple[str, str, str]]:
    """10,000 cases and 5 arms; the first page loads templates and the drawing library, the second does not."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "models").mkdir()
        settings = Settings(data_dir=home / "var", models_dir=home / "models", embedded=False, embedded_worker=False)
        upgrade(settings.database)
        run = asyncio.run(store_run(settings.database, arms(CASES)))
        with serve(create_app(settings)) as url, httpx.Client(base_url=url, trust_env=False, timeout=120) as client:
            for form in ("html, first", "html", "pack", "md"):
                started, used = time.perf_counter(), time.process_time()
                answer = client.get(f"/v1/runs/{run}/report", params={"format": form.split(",")[0], "examples": "20"})
                answer.raise_for_status()
                took, cpu = time.perf_counter() - started, time.process_time() - used
                what = f"report of {CASES:,} cases x 5 arms, {form}"
                yield what, f"{took:.2f} s", f"under 3 s ({cpu:.2f} s of processor time, {len(answer.content) / 1000:.0f} kB)"
