"""`versus serve`: the API and, embedded, one job worker as its child, so that one command is a whole product."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import socket
    from types import FrameType

    import uvicorn

    from app.settings import Settings
    from app.web.draining import Drain

# Set by a parent that starts a service: it ends in order when the other end of its stdin is gone, however the parent died.
LIFELINE = "VERSUS_SERVE_LIFELINE"

GRACE_S = 10  # for running requests, once asked to end


def serve(
    host: Annotated[str | None, typer.Option(help="Address to bind; by default VERSUS_HOST.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="By default VERSUS_PORT; 0 takes a free one.")] = None,
) -> None:
    """Serve the API. An SQLite database is brought up to date first, a PostgreSQL one by `versus db upgrade`.

    Ctrl-C or SIGTERM ends it in order: running requests finish, then the worker ends after its step.

    Examples:

      versus serve

      VERSUS_EMBEDDED_WORKER=false versus serve --host 0.0.0.0 --port 8080
    """
    from app import logs
    from app.cli.progress import fail
    from app.errors import VersusError
    from app.settings import Settings

    settings = Settings()
    settings = settings.model_copy(update={"host": host or settings.host, "port": settings.port if port is None else port})
    logs.configure(settings)
    try:
        listening = bind(settings)
        if settings.database.startswith("sqlite"):
            from app.database.migrations import upgrade

            upgrade(settings.database)
        _serve(settings.model_copy(update={"port": listening.getsockname()[1]}), listening)
    except VersusError as error:
        fail(error)


def bind(settings: "Settings") -> "socket.socket":
    """A socket that listens. Raises SetupError with a sentence for a port that is taken or an address that is not ours."""
    import errno
    import socket

    from app.errors import SetupError

    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # TCP by name: only then does asyncio turn Nagle's algorithm off, which holds back each small answer for 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        where = f"Port {settings.port} on {settings.host}"
        if error.errno == errno.EADDRINUSE:
            hint = "stop that program, or choose another port with --port or VERSUS_PORT"
            raise SetupError(f"{where} is taken by another program; {hint}.") from error
        raise SetupError(f"{where} cannot be bound ({error.strerror}); see --host and --port.") from error
    return listening


def _serve(settings: "Settings", listening: "socket.socket") -> None:
    from contextlib import nullcontext

    import structlog
    import uvicorn

    from app.jobs.child import worker_child
    from app.main import create_app

    app = create_app(settings)
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=GRACE_S, ws="none")
    server = _server(config, app.state.drain)
    if os.environ.pop(LIFELINE, "") == "1":
        _end_with_parent(server)
    with worker_child(settings) if settings.embedded_worker else nullcontext():
        structlog.get_logger("versus").info("serving", url=settings.api, docs=f"{settings.api}/docs")
        server.run(sockets=[listening])


def _server(config: "uvicorn.Config", drain: "Drain") -> "uvicorn.Server":
    import signal

    import uvicorn

    class Server(uvicorn.Server):
        """Asked to end it goes on listening while work is in hand, so that /readyz can tell; asked again it ends at once."""

        def handle_exit(self, sig: int, frame: "FrameType | None") -> None:
            self._captured_signals.append(sig)
            if drain.begun:
                self.should_exit = True
                self.force_exit = sig == signal.SIGINT
            drain.begin()

        async def on_tick(self, counter: int) -> bool:
            return await super().on_tick(counter) or drain.over(GRACE_S)

    return Server(config)


def _end_with_parent(server: "uvicorn.Server") -> None:
    from threading import Thread

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        server.should_exit = True

    Thread(target=watch, name="lifeline", daemon=True).start()
