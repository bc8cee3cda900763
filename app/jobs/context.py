"""What a workflow may use: the settings and a database, set once by the worker that runs it."""

from dataclasses import dataclass

from app.database.session import Database
from app.errors import SetupError
from app.settings import Settings


@dataclass(frozen=True)
class JobContext:
    """Workflows are `async def` and share one event loop, to which `database` belongs; long CPU work goes to a thread."""

    settings: Settings
    database: Database


_current: JobContext | None = None


def current() -> JobContext:
    """Raises SetupError outside a worker."""
    if _current is None:
        raise SetupError("No job context: workflows run inside `versus worker`.")
    return _current


def use(context: JobContext | None) -> None:
    """Makes `context` the current one of this process; None takes it back."""
    global _current
    _current = context
