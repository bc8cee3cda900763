"""Migrations: from empty to current and back, the same tables as the models, and clear words where that cannot be."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from alembic import command
from app.database import tables
from app.database.migrations import FOLDER, config, connection, state, upgrade
from app.database.session import connect
from app.errors import SetupError

ROOT = Path(__file__).parents[2]


def test_an_empty_database_is_upgraded_to_the_tables_of_the_models(empty_database_url: str) -> None:
    assert state(empty_database_url) == "empty"
    upgrade(empty_database_url)
    assert state(empty_database_url) == "current"
    with connection(empty_database_url) as opened:
        context = MigrationContext.configure(opened, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, tables.Base.metadata) == []


def test_upgrading_twice_changes_nothing(database_url: str) -> None:
    with connection(database_url) as opened:
        opened.execute(text("INSERT INTO worker (id, seen_at, version) VALUES ('w', '2026-01-01 00:00:00', '1')"))
    upgrade(database_url)
    with connection(database_url) as opened:
        assert opened.scalar(text("SELECT count(*) FROM worker")) == 1


def test_what_was_logged_before_is_said_to_be_compared_by_the_sum(empty_database_url: str) -> None:
    with connection(empty_database_url) as opened:
        command.upgrade(config(opened), "0001")
        opened.execute(
            text(
                "INSERT INTO classification (id, created_at, request_id, position, model, version, digest, input, prompt, "
                "label, probabilities, label_mass, margin, prompt_tokens, total_ms) VALUES "
                "('dec_1', '2026-01-01 00:00:00', 'cls_1', 0, 'general', 1, 'd', 'a', 'a', 'fire', '{}', 0.5, 0.1, 3, 1.0)"
            )
        )
    assert state(empty_database_url) == "behind"
    upgrade(empty_database_url)
    with connection(empty_database_url) as opened:
        assert opened.execute(text("SELECT id, scoring FROM classification")).all() == [("dec_1", "sum")]


DATASET = (
    "INSERT INTO dataset (id, created_at, name, version, sha256, source, text_column, label_column, split, labels, counts, "
    "notes, rows{more}) VALUES ('{id}', '2026-01-01 00:00:00', '{id}', 1, '{id}', 's', 't', 'l', '{{}}', '[]', '{{}}', '[]', "
    "1{values})"
)
ROW = "INSERT INTO dataset_row (dataset_id, position, split, text, label) VALUES ('{id}', 0, 'train', 't', 'l')"


def test_datasets_from_before_there_were_kinds_are_classifications_and_the_others_go_when_downgraded(
    empty_database_url: str,
) -> None:
    with connection(empty_database_url) as opened:
        command.upgrade(config(opened), "0003")
        opened.execute(text(DATASET.format(id="old", more="", values="")))
        opened.execute(text(ROW.format(id="old")))
    upgrade(empty_database_url)
    with connection(empty_database_url) as opened:
        assert opened.execute(text("SELECT kind, sizes, report FROM dataset")).all() == [("classification", None, None)]
        opened.execute(text(DATASET.format(id="new", more=", kind", values=", 'extraction'")))
        opened.execute(text(ROW.format(id="new")))
    with connection(empty_database_url) as opened:
        command.downgrade(config(opened), "0003")
    with connection(empty_database_url) as opened:
        assert opened.execute(text("SELECT id, label FROM dataset JOIN dataset_row ON dataset_id = id")).all() == [("old", "l")]
        assert opened.scalar(text("SELECT count(*) FROM dataset_row")) == 1
    upgrade(empty_database_url)


def test_downgrading_leaves_nothing_behind(database_url: str) -> None:
    with connection(database_url) as opened:
        command.downgrade(config(opened), "base")
    with connection(database_url) as opened:
        assert inspect(opened).get_table_names() == ["alembic_version"]
    assert state(database_url) == "empty"
    upgrade(database_url)


def test_a_database_of_a_newer_version_is_refused(database_url: str) -> None:
    with connection(database_url) as opened:
        opened.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert state(database_url) == "newer"
    with pytest.raises(SetupError, match=r"newer Versus .revision 9999; this one knows up to \d{4}.*Start the newer version"):
        upgrade(database_url)


def test_the_state_is_told_of_an_open_database_too(database_url: str) -> None:
    database = connect(database_url)
    assert state(database) == "current"
    asyncio.run(database.close())


def test_a_failing_migration_leaves_the_database_as_it_was(empty_database_url: str) -> None:
    with connection(empty_database_url) as opened:
        opened.execute(text("CREATE TABLE worker (id INTEGER)"))  # the last table that the migration makes
    with pytest.raises(SetupError, match=r"worker.* already exists"):
        upgrade(empty_database_url)
    with connection(empty_database_url) as opened:
        assert inspect(opened).get_table_names() == ["worker"]


def test_processes_that_upgrade_at_once_wait_for_each_other(empty_database_url: str) -> None:
    code = "import sys; from app.database.migrations import upgrade; upgrade(sys.argv[1])"
    start = [sys.executable, "-W", "error", "-c", code, empty_database_url]
    processes = [subprocess.Popen(start, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [(process.communicate()[1], process.returncode) for process in processes] == [("", 0)] * 3
    assert state(empty_database_url) == "current"


def test_looking_at_a_database_that_is_not_there_does_not_make_it(tmp_path: Path) -> None:
    assert state(f"sqlite+aiosqlite:///{tmp_path / 'data' / 'versus.db'}") == "empty"
    assert list(tmp_path.iterdir()) == []


def unusable(folder: Path) -> Iterator[tuple[str, str]]:
    (folder / "file").write_text("not a folder")
    (folder / "text.db").write_text("this is no database, but a text that is longer than a header")
    yield f"sqlite+aiosqlite:///{folder}/file/versus.db", "VERSUS_DATA_DIR"
    yield "sqlite+aiosqlite:////proc/versus/versus.db", "VERSUS_DATA_DIR"
    yield f"sqlite+aiosqlite:///{folder}/text.db", "not a database"
    yield "postgresql+psycopg://me:hush@127.0.0.1:1/versus", "VERSUS_DATABASE_URL"


def test_a_database_that_cannot_be_used_is_named_without_its_password(tmp_path: Path) -> None:
    for url, hint in unusable(tmp_path):
        with pytest.raises(SetupError, match=hint) as caught:
            upgrade(url)
        assert url.rsplit("/", 1)[0].split("@")[-1].removeprefix("sqlite+aiosqlite:///") in caught.value.message
        assert "hush" not in caught.value.message


def test_alembic_itself_upgrades_the_database_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERSUS_DATA_DIR", str(tmp_path / "data"))
    for arguments in (["upgrade", "head"], ["check"]):  # check: a new revision would be empty
        subprocess.run([sys.executable, "-m", "alembic", *arguments], cwd=ROOT, check=True)
    assert state(f"sqlite+aiosqlite:///{tmp_path / 'data' / 'versus.db'}") == "current"


def test_the_folder_of_migrations_does_not_hide_the_library() -> None:
    assert not (FOLDER / "__init__.py").exists()
