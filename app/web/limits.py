"""Refuses a request body that is larger than the settings allow, before it is read into memory."""

from contextlib import suppress

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import TooLarge
from app.settings import Settings

_UPLOADS = "/v1/datasets"  # has a limit of its own, in its routes


class BodyLimit:
    """Told as 413 with the setting's name, `max_request_bytes`."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._most = settings.max_request_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].rstrip("/") == _UPLOADS:
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if declared.isdigit() and int(declared) > self._most:
            await self._refuse(scope, receive, send)
            return
        read, answered = 0, False

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most:
                raise _Exceeded
            return message

        async def watched(message: Message) -> None:
            nonlocal answered
            if read > self._most and not answered:
                return  # the framework's own answer to a body that could not be read
            answered = True
            await send(message)

        with suppress(_Exceeded):
            await self._app(scope, counted, watched)
        if read > self._most and not answered:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = TooLarge(f"The request body is larger than {self._most:,} bytes; send less, or raise VERSUS_MAX_REQUEST_BYTES.")
        # What is left of the body stays unread, so the connection cannot be used again.
        await JSONResponse(error.body(), error.status, headers={"Connection": "close"})(scope, receive, send)


class _Exceeded(Exception):
    """Not a VersusError: no handler between here and the route may answer it."""
