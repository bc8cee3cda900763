"""What travels between the event loop, where requests live, and a lane's thread, where they are computed."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.catalog.catalog import ModelVersion
from app.engines.base import Event, Ranking, Sampling
from app.engines.embedded.codec import Codec
from app.engines.embedded.grammar import Constraint
from app.engines.embedded.scoring import LabelTree

Send = Callable[["Job", Any], None]  # tell a job something, at the end of the step


@dataclass(eq=False)
class Job:
    """Asked for by one task of one event loop, which alone may touch `_tell`'s target."""

    model: ModelVersion
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop, kw_only=True)
    began: float = field(default_factory=time.perf_counter, kw_only=True)  # when the request reached the engine
    batch: bool = field(default=False, kw_only=True)  # gives way to others, which somebody waits for
    cancelled: bool = field(default=False, kw_only=True)  # nobody waits for it any more

    def age_ms(self) -> float:
        """Milliseconds since the request reached the engine."""
        return (time.perf_counter() - self.began) * 1000

    def tell(self, value: Any) -> None:
        """Hand over a result or an exception; runs on the event loop."""
        raise NotImplementedError


@dataclass(eq=False)
class _Promise(Job):
    """A job with one result."""

    result: "asyncio.Future[Any]" = field(init=False)

    def __post_init__(self) -> None:
        self.result = self.loop.create_future()
        self.result.add_done_callback(_look)

    def tell(self, value: Any) -> None:
        if self.result.done():
            return
        if isinstance(value, BaseException):
            self.result.set_exception(value)
        else:
            self.result.set_result(value)


@dataclass(eq=False)
class Load(_Promise):
    """Make the version's weights resident."""


@dataclass(eq=False)
class Unload(_Promise):
    """Free the version's weights once nothing that was asked for before uses them."""


@dataclass(eq=False)
class Score(_Promise):
    """Log-likelihoods of a tree's labels behind a prompt; its result is a `Scores`."""

    codec: Codec
    prompt: list[int]
    tree: LabelTree
    best_by: Ranking | None = None  # only the label that ranks highest is wanted


@dataclass(eq=False)
class Generate(Job):
    """An answer; its events are an `Event` each, or an exception that ends them."""

    codec: Codec
    prompt: list[int]
    limit: int  # most tokens
    sampling: Sampling
    logprobs: int | None
    echo: bool
    constraint: Constraint | None = None  # what the sampling's grammar allows; used by the lane's thread only
    events: "asyncio.Queue[Event | BaseException]" = field(default_factory=asyncio.Queue, init=False)

    @property
    def needs_row(self) -> bool:
        """Whether it stays in the batch: a single token is drawn from the prompt's own step."""
        return self.limit > 1

    def tell(self, value: Event | BaseException) -> None:
        self.events.put_nowait(value)


def _look(future: "asyncio.Future[Any]") -> None:
    """Mark an exception as seen: a task that was cancelled no longer asks."""
    if not future.cancelled():
        future.exception()


class Outbox:
    """Collects what a step has to tell, and wakes each event loop once for all of it."""

    def __init__(self) -> None:
        self._letters: dict[asyncio.AbstractEventLoop, list[tuple[Job, Any]]] = {}

    def tell(self, job: Job, value: Any) -> None:
        self._letters.setdefault(job.loop, []).append((job, value))

    def send(self) -> None:
        letters, self._letters = self._letters, {}
        for loop, own in letters.items():
            try:
                loop.call_soon_threadsafe(_deliver, own)
            except RuntimeError:  # the loop was closed under its requests
                for job, _ in own:
                    job.cancelled = True


def _deliver(letters: list[tuple[Job, Any]]) -> None:
    for job, value in letters:
        job.tell(value)
