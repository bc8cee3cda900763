"""The service as a caller sees it: a thin HTTP client that waits out a busy or restarting service and explains the rest."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from app.errors import DeadlineExceeded, Overloaded, Unavailable, VersusError

_BUSY = (429, 503)
_LONGEST_PAUSE_S = 5.0


class Refused(VersusError):
    """The service answered with an error; `status` and `code` are the service's own."""

    def __init__(self, message: str, status: int = 502, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Timed:
    """An answer and how long the call that brought it took, in milliseconds; attempts that failed before it are not in it."""

    body: Any
    ms: float


class ServiceClient:
    """Calls `url`; only lost connections, 429 and 503 are tried again, for `patience_s` seconds, as Retry-After says."""

    def __init__(self, url: str, *, timeout_s: float = 180.0, patience_s: float = 120.0, connections: int = 64) -> None:
        self.url = url.rstrip("/")
        self._patience_s = patience_s
        self._http = httpx.AsyncClient(
            base_url=self.url,
            timeout=httpx.Timeout(timeout_s, connect=10.0),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            # The service is ours: a proxy meant for the internet has no place between.
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def get(self, path: str, **params: str) -> Any:
        return (await self._call("GET", path, params=params)).body

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return (await self._call("POST", path, json=body)).body

    async def delete(self, path: str) -> Any:
        return (await self._call("DELETE", path)).body

    async def upload(self, path: str, file: Path, fields: Mapping[str, str]) -> Any:
        """Posts a file with form fields."""
        content = await asyncio.to_thread(file.read_bytes)
        return (await self._call("POST", path, files={"file": (file.name, content)}, data=dict(fields))).body

    async def classify(self, body: Mapping[str, Any]) -> Timed:
        """One model: the answer's body is the list of its results, one per input, in order."""
        answer = await self.timed("/v1/classify", body)
        return Timed(answer.body["results"], answer.ms)

    async def timed(self, path: str, body: Mapping[str, Any]) -> Timed:
        """As `post`, and how long it took."""
        return await self._call("POST", path, json=body)

    async def _call(self, method: str, path: str, **request: Any) -> Timed:
        """Raises Refused for an error answer, also for a 503 that outlasts our patience; Unavailable when no service answers,
        Overloaded when it stays busy, DeadlineExceeded when an answer is slow."""
        give_up, pause = time.monotonic() + self._patience_s, 0.1
        while True:
            started = time.perf_counter()
            try:
                response = await self._http.request(method, path, **request)
            except httpx.TimeoutException as error:
                raise DeadlineExceeded(f"{self.url}{path} gave no answer in time; is the service overloaded?") from error
            except httpx.TransportError as error:
                if time.monotonic() + pause > give_up:
                    raise Unavailable(f"No service answers at {self.url}; start it with `versus serve`.") from error
                wait = pause
            else:
                if response.status_code not in _BUSY:
                    return Timed(_checked(response), 1000 * (time.perf_counter() - started))
                wait = _retry_after(response, pause)
                if time.monotonic() + wait > give_up:
                    if response.status_code == 503:
                        _checked(response)
                    raise Overloaded(f"The service at {self.url} stayed busy; try again later: {_message(response)}")
            await asyncio.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE_S)


def _retry_after(response: httpx.Response, pause: float) -> float:
    seconds = response.headers.get("retry-after", "")
    return float(seconds) if seconds.isdigit() else pause


def _checked(response: httpx.Response) -> Any:
    """Raises Refused."""
    if not response.is_success:
        raise Refused(_message(response), status=response.status_code, code=_error(response).get("code") or "")
    if not response.content:
        return None
    json = response.headers.get("content-type", "").startswith("application/json")
    return response.json() if json else response.text


def _error(response: httpx.Response) -> dict[str, Any]:
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}


def _message(response: httpx.Response) -> str:
    return _error(response).get("message") or f"{response.request.url} answered {response.status_code}."
