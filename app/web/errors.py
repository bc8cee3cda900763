"""Every error as the OpenAI shape: expected failures, requests that do not fit the schema, and what nobody expected."""

import json
from collections.abc import Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from app.database.session import DatabaseError
from app.errors import Unavailable, VersusError

log = structlog.get_logger(__name__)

_SHOWN_CHARS = 80  # of the value that was wrong


def install_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(VersusError)
    async def expected(_request: Request, error: VersusError) -> JSONResponse:
        return JSONResponse(error.body(), error.status, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def malformed(_request: Request, error: RequestValidationError) -> JSONResponse:
        message, param = explain(error.errors())
        return _answer(422, message, "invalid_request_error", "invalid_fields", param)

    @app.exception_handler(HTTPException)
    async def by_the_framework(request: Request, error: HTTPException) -> JSONResponse:
        message = {
            404: f"There is no route {request.url.path}. GET /docs shows all.",
            405: f"{request.url.path} does not take {request.method}. GET /docs shows what it takes.",
        }.get(error.status_code, str(error.detail))
        code = {404: "route_not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
        kind = "invalid_request_error" if error.status_code < 500 else "server_error"
        return _answer(error.status_code, message, kind, code, None, headers=error.headers)

    @app.exception_handler(DatabaseError)
    async def no_database(_request: Request, error: DatabaseError) -> JSONResponse:
        log.error("database failed", error=str(error.orig))
        failed = Unavailable(
            "The database did not answer as it should; nothing of this request was kept. Try again; see /readyz."
        )
        return JSONResponse(failed.body(), failed.status)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        log.error("unexpected error", method=request.method, path=request.url.path, exc_info=error)
        return _answer(
            500, "Something failed that should not have; the service's log tells what.", "server_error", "internal", None
        )


def explain(errors: Sequence[Any]) -> tuple[str, str | None]:
    """One sentence over the finding of pydantic that says most, and the field's dotted name."""
    # A name that does not exist explains best why another field is missing.
    first = next((error for error in errors if error["type"] == "extra_forbidden"), errors[0])
    # "body" and the like say where the field was sent; the reader knows its name.
    path = [str(part) for part in first["loc"]]
    field = ".".join(path[1:]) if path and path[0] in ("body", "query", "path", "header") else ".".join(path)
    if first["type"] == "json_invalid":
        return f"The body is not JSON: {first.get('ctx', {}).get('error', first['msg'])}.", None
    if first["type"] == "extra_forbidden":
        return f"There is no field {field!r} here; remove it or mend its name. GET /docs shows the fields.", field
    if first["type"] == "missing":
        return f"The field {field!r} is missing." if field else "The request has no body; send JSON.", field or None
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    said = first["msg"].removeprefix("Value error, ")
    return f"{field or 'The body'}: {said}, not {_shown(first.get('input'))}{more}.", field or None


def _shown(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=True)
    except (TypeError, ValueError):
        text = ascii(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."


def _answer(status: int, message: str, kind: str, code: str, param: str | None, headers: Any = None) -> JSONResponse:
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return JSONResponse(body, status, headers=headers)
