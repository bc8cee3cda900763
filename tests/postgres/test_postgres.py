"""What only a real PostgreSQL server can show: the settings' own URLs work, and what is committed outlives the process."""

import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from app.database import migrations
from app.database.migrations import connection, state, upgrade
from app.errors import SetupError
from app.settings import Settings

ROOT = Path(__file__).parents[2]

ADD = """
from app.cli.data import app
app()
"""


def test_a_url_as_operators_write_it_reaches_the_service_and_its_jobs(postgres_url: str) -> None:
    written = postgres_url.replace("postgresql+psycopg://", "postgres://")
    settings = Settings(database_url=written)
    assert settings.database == settings.jobs_database == postgres_url
    upgrade(settings.database)
    assert state(settings.database) == "current"


def test_a_server_that_comes_up_while_it_is_waited_for_is_used(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = [SetupError("no such host yet"), SetupError("no such host yet")]

    def late(url: str, *, write: bool = True) -> AbstractContextManager[Connection]:
        if failures:
            raise failures.pop()
        return connection(url, write=write)

    monkeypatch.setattr(migrations, "connection", late)
    monkeypatch.setattr(migrations, "_RETRY_S", 0.01)
    migrations.wait_for(postgres_url, 30)
    assert failures == []


def test_a_dataset_added_by_one_process_is_there_for_the_next(postgres_url: str, tmp_path: Path) -> None:
    file = tmp_path / "desk.csv"
    file.write_text("story,kind\n" + "\n".join(f"claim {i} of the desk,{'ab'[i % 2]}" for i in range(40)))
    environment = os.environ | {"VERSUS_DATABASE_URL": postgres_url, "VERSUS_DATA_DIR": str(tmp_path / "var")}
    run = [sys.executable, "-W", "error", "-c", ADD]
    subprocess.run([*run, "add", str(file)], cwd=ROOT, env=environment, check=True)
    shown = subprocess.run([*run, "show", "desk"], cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    assert "desk version 1" in shown.stdout
    assert not (tmp_path / "var").exists()  # nothing is written beside the server
    with connection(postgres_url) as opened:
        assert opened.scalar(text("SELECT count(*) FROM dataset_row")) == 40
        assert opened.scalar(text("SELECT pg_typeof(created_at)::text FROM dataset")) == "timestamp with time zone"
