"""Brings a database to the tables of this code, and tells how far a database is from them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from alembic import command
from app.database.session import Database
from app.errors import SetupError

# Beside the package, in a source checkout as in an image.
FOLDER = Path(__file__).parents[2] / "alembic"

State = Literal["current", "behind", "newer", "empty"]

_LOCK = 0x76657273  # "vers": the advisory lock that every migrating process takes on PostgreSQL
_WAIT_S = 60  # for another process that migrates the same SQLite file
_CONNECT_S = 10
_RETRY_S = 1.0


def wait_for(url: str, seconds: float) -> None:
    """Returns when the server takes connections; at once for SQLite. Raises SetupError when it does not within `seconds`."""
    ends = time.monotonic() + seconds
    while _sqlite_file(make_url(url)) is None:
        try:
            with connection(url, write=False):
                return
        except SetupError:
            if time.monotonic() >= ends:
                raise
            time.sleep(_RETRY_S)


def upgrade(url: str) -> None:
    """Creates or upgrades all tables in one transaction; of two processes at once, one works and the other waits.

    `url` is `Settings.database`. Raises SetupError for a database that cannot be reached or written, or that a newer Versus
    has migrated."""
    where = make_url(url)
    with connection(url) as opened:
        revision = _revision(opened)
        if _state(revision) == "newer":
            raise SetupError(
                f"The database {_shown(where)} was migrated by a newer Versus (revision {revision}; this one knows up to "
                f"{_script().get_current_head()}). Start the newer version, or restore a backup from before."
            )
        command.upgrade(config(opened), "head")


def state(database: str | Database) -> State:
    """Where a database stands: `current`; `behind`, to be upgraded; `newer` than this code; `empty`, never migrated.

    Blocks; from async code call it with `asyncio.to_thread`. Raises SetupError for a database that cannot be reached."""
    url = database if isinstance(database, str) else database.engine.url.render_as_string(hide_password=False)
    path = _sqlite_file(make_url(url))
    if path is not None and not path.exists():
        return "empty"  # looking must not create the file
    with connection(url, write=False) as opened:
        return _state(_revision(opened))


def config(opened: Connection | None = None) -> Config:
    """What alembic's commands need; with `opened` they work in its transaction."""
    if not (FOLDER / "env.py").exists():
        raise SetupError(f"The migrations are missing: there is no {FOLDER}. Run Versus from its source folder or its image.")
    made = Config()
    made.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    made.attributes["connection"] = opened
    return made


@contextmanager
def connection(url: str, *, write: bool = True) -> Iterator[Connection]:
    """One transaction over a blocking driver; with `write`, no other process migrates meanwhile. Raises SetupError."""
    where = make_url(url)
    if write and (path := _sqlite_file(where)):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(_unwritable(path, error)) from error
    sqlite = where.get_backend_name() == "sqlite"
    if sqlite:
        where = where.set(drivername="sqlite")
    connect_args = {"timeout": _WAIT_S} if sqlite else {"connect_timeout": _CONNECT_S}
    engine = create_engine(where, poolclass=NullPool, connect_args=connect_args)
    if sqlite:
        event.listen(engine, "connect", _leave_begin_to_us)
        event.listen(engine, "begin", _begin_immediate if write else _begin)
    try:
        with engine.begin() as opened:
            if write and not sqlite:
                opened.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            yield opened
    except DBAPIError as error:
        raise SetupError(_unreachable(where, error)) from error
    finally:
        engine.dispose()


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(config())


def _revision(opened: Connection) -> str | None:
    return MigrationContext.configure(opened).get_current_revision()


def _state(revision: str | None) -> State:
    if revision is None:
        return "empty"
    script = _script()
    if revision == script.get_current_head():
        return "current"
    known = {step.revision for step in script.walk_revisions()}
    return "behind" if revision in known else "newer"


def _leave_begin_to_us(opened: Any, _record: Any) -> None:
    # The driver by itself would commit before each CREATE TABLE.
    opened.isolation_level = None


def _begin(opened: Connection) -> None:
    opened.exec_driver_sql("BEGIN")


def _begin_immediate(opened: Connection) -> None:
    opened.exec_driver_sql("BEGIN IMMEDIATE")


def _sqlite_file(where: URL) -> Path | None:
    return Path(where.database) if where.get_backend_name() == "sqlite" and where.database else None


def _shown(where: URL) -> str:
    return str(_sqlite_file(where) or where.render_as_string(hide_password=True))


def _unreachable(where: URL, error: DBAPIError) -> str:
    reason = str(error.orig).strip().splitlines()[-1]
    if path := _sqlite_file(where):
        return _unwritable(path, reason)
    return f"The database {_shown(where)} cannot be used: {reason}. Check VERSUS_DATABASE_URL and that the server runs."


def _unwritable(path: Path, reason: object) -> str:
    return f"The database file {path} cannot be used: {reason}. Set VERSUS_DATA_DIR to a folder that you may write."
