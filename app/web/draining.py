"""Leaving in order: once asked to end, the service takes no new work, says so in /readyz, and lets what is in work finish."""

import time

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import Unavailable

_WATCHING = {"GET", "HEAD", "OPTIONS"}  # looks at things and is no work: a stream of progress must not hold the end up


class Drain:
    """Shared by the middleware, readiness, and who runs the server."""

    def __init__(self) -> None:
        self.in_work = 0
        self._since: float | None = None

    @property
    def begun(self) -> bool:
        return self._since is not None

    def begin(self) -> None:
        if self._since is None:
            self._since = time.monotonic()

    def over(self, most_s: float) -> bool:
        """Whether the service can end: it was asked to, and nothing is in work or that took longer than `most_s`."""
        return self._since is not None and (not self.in_work or time.monotonic() - self._since > most_s)


class Draining:
    """Counts work, and refuses it with a 503 once the drain has begun."""

    def __init__(self, app: ASGIApp, drain: Drain) -> None:
        self._app, self._drain = app, drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in _WATCHING:
            await self._app(scope, receive, send)
            return
        if self._drain.begun:
            error = Unavailable("The service is ending and takes no new work; ask again in a moment.")
            headers = {"Retry-After": "5", "Connection": "close"}
            await JSONResponse(error.body(), error.status, headers=headers)(scope, receive, send)
            return
        self._drain.in_work += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._drain.in_work -= 1
