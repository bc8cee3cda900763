"""Runs migrations on the connection it is given, or, from the alembic command line, on the database of the settings."""

from sqlalchemy import Connection

from alembic import context
from app.database import tables
from app.database.migrations import connection
from app.settings import Settings


def run(opened: Connection) -> None:
    # Batch mode: SQLite changes a column by copying its table.
    context.configure(opened, target_metadata=tables.Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    context.configure(url=Settings().database, target_metadata=tables.Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
elif (given := context.config.attributes.get("connection")) is not None:
    run(given)
else:
    with connection(Settings().database) as opened:
        run(opened)
