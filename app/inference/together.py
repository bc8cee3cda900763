"""Running much at once: bounded, within a deadline, to the end even when the caller leaves."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

from anyio import CancelScope

from app.errors import DeadlineExceeded, VersusError
from app.settings import Settings

T = TypeVar("T")


class ClientLeft(VersusError):
    """The caller closed the connection before the answer; nobody reads this."""

    status = 499
    type = "client_error"
    code = "client_left"

    def __init__(self) -> None:
        super().__init__("The client left before the end of the answer.")


def too_slow(settings: Settings) -> DeadlineExceeded:
    return DeadlineExceeded(
        f"The answer took longer than {settings.request_timeout_s:g} s (VERSUS_REQUEST_TIMEOUT_S); ask for less at once."
    )


async def together(work: Iterable[Coroutine[Any, Any, None]], settings: Settings, at_once: int) -> None:
    """Runs all, `at_once` at a time. Raises the first failure after the others were cancelled, or DeadlineExceeded."""
    free = asyncio.Semaphore(at_once)

    async def one(coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            async with free:
                await coroutine
        finally:
            coroutine.close()  # one that never began would warn

    try:
        async with asyncio.timeout(settings.request_timeout_s), asyncio.TaskGroup() as group:
            for coroutine in work:
                group.create_task(one(coroutine))
    except TimeoutError as error:
        raise too_slow(settings) from error
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Awaits `work`; a cancellation meanwhile takes effect only after it."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with CancelScope(shield=True):
            await asyncio.wait({task})
        raise


async def while_connected(receive: Callable[[], Awaitable[Any]], work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, or ClientLeft as soon as the caller closes the connection, after `work` was cancelled.

    `receive` is the connection's, once the body was read: its next message can only be that the caller left.
    """
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_leaving(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientLeft
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        with CancelScope(shield=True):
            await asyncio.gather(working, leaving, return_exceptions=True)


async def _leaving(receive: Callable[[], Awaitable[Any]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
