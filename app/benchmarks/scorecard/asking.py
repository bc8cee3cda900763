"""Both models of a pair asked the same over HTTP, a few items at a time; what one of them cannot take counts for neither."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from app.benchmarks.client import Refused, ServiceClient
from app.errors import Conflict

T = TypeVar("T")
R = TypeVar("R")

IN_FLIGHT = 4


@dataclass(frozen=True)
class Pair:
    """The two models as name@version, and the digests that they had when the scorecard was asked for."""

    general: str
    custom: str
    digests: tuple[str, str]

    @property
    def models(self) -> tuple[str, str]:
        return self.general, self.custom


class Unmeasured(Exception):
    """One of the two cannot be asked this at all; the sentence says why."""


@dataclass(frozen=True)
class Asked:
    """What both answered, in parallel, and how many of the items one of them could not read."""

    general: list[Any]
    custom: list[Any]
    kept: list[int]  # places of the items that both answered
    too_long: int

    def note(self, what: str) -> list[str]:
        if not self.too_long:
            return []
        return [f"{self.too_long:,} {what} were longer than the context of one of the two and were left out for both."]


async def check_digests(client: ServiceClient, pair: Pair) -> None:
    """Raises Conflict when a name stands for other weights by now."""
    for model, digest in zip(pair.models, pair.digests, strict=True):
        now = (await client.get(f"/v1/models/{model}"))["digest"]
        if now != digest:
            raise Conflict(
                f"{model} is no longer what this scorecard began with (digest {digest} then, {now} now); start anew."
            )


async def ask_both(pair: Pair, items: Sequence[T], ask: Callable[[str, T], Awaitable[R]]) -> Asked:
    """`ask(model, item)` of both models for each item, a few at a time; an item too long for one counts for neither.

    Raises Unmeasured when the service refuses the question itself, as an engine without log-probabilities does.
    """
    free = asyncio.Semaphore(IN_FLIGHT)

    async def one(item: T) -> tuple[R, R] | None:
        async with free:
            try:
                return await ask(pair.general, item), await ask(pair.custom, item)
            except Refused as error:
                if error.code == "context_length_exceeded":
                    return None
                if error.status in (400, 404, 422, 501):
                    raise Unmeasured(error.message) from error
                raise

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(item)) for item in items]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures
    answers = [task.result() for task in tasks]
    kept = [place for place, answer in enumerate(answers) if answer is not None]
    both = [answer for answer in answers if answer is not None]
    return Asked([mine for mine, _ in both], [other for _, other in both], kept, len(items) - len(kept))
