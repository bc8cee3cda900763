"""Runs the generations of one request together and logs each of them, whatever becomes of it."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from app.catalog.prompts import Message
from app.database.base import new_id
from app.database.tables import Generation
from app.engines.base import Done, Event, GenerateRequest, Piece, Prompt, Sampling
from app.errors import VersusError
from app.inference import store
from app.inference.serving import Serving
from app.inference.together import ClientLeft, to_the_end, together, too_slow


@dataclass
class Answer:
    """What one generation has produced so far."""

    request: GenerateRequest
    position: int
    pieces: list[Piece] = field(default_factory=list)
    done: Done | None = None
    error: Exception | None = None
    logged: bool = False
    began: float = field(default_factory=time.perf_counter)

    @property
    def text(self) -> str:
        """The answer, without an echoed prompt."""
        return "".join(piece.text for piece in self.pieces if not piece.echoed)

    def add(self, event: Event) -> None:
        if isinstance(event, Done):
            self.done = event
        else:
            self.pieces.append(event)

    def fail(self, error: BaseException) -> None:
        """Notes why there is no more; a finished answer stays as it is."""
        if self.done is None and self.error is None:
            self.error = error if isinstance(error, Exception) else ClientLeft()

    @property
    def worth_a_row(self) -> bool:
        """All but what was refused, or stopped with the request it belongs to, before it produced anything."""
        refused = isinstance(self.error, VersusError) and self.error.status < 500 and not isinstance(self.error, ClientLeft)
        return bool(self.done or self.pieces or (self.error and not refused))


class Generations:
    """All answers of one request. `route` and `request_id` go into the log."""

    def __init__(self, serving: Serving, route: str, request_id: str, requests: Sequence[GenerateRequest]) -> None:
        self._serving = serving
        self._route = route
        self._request_id = request_id
        self.answers = [Answer(request, position) for position, request in enumerate(requests)]

    async def complete(self) -> list[Answer]:
        """Every answer, whole; logged in one transaction. Raises the first failure, after what was produced is logged."""
        try:
            await together(map(self._whole, self.answers), self._serving.settings, self._serving.at_once)
        except BaseException as error:
            self._fail(error)
            raise
        finally:
            await self._log(self.answers)
        return self.answers

    async def stream(self) -> AsyncGenerator[tuple[Answer, Event], None]:
        """Events as they come; an answer is logged before its Done is handed out.

        Raises like `complete`. Close it: that stops the engine and logs what was produced.
        """
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[tuple[Answer, Event] | Exception] = asyncio.Queue()
        free = asyncio.Semaphore(self._serving.at_once)

        async def pump(answer: Answer) -> None:
            try:
                async with free, aclosing(self._events(answer)) as answered:
                    async for event in answered:
                        events.put_nowait((answer, event))
            except Exception as error:
                events.put_nowait(error)

        # One timer for the request: a timeout around each event would be set and taken back for every token.
        settings = self._serving.settings
        deadline = loop.call_later(settings.request_timeout_s, lambda: events.put_nowait(too_slow(settings)))
        tasks = [asyncio.create_task(pump(answer)) for answer in self.answers]
        left = len(tasks)
        try:
            while left:
                happened = await events.get()
                if isinstance(happened, Exception):
                    raise happened
                answer, event = happened
                if isinstance(event, Done):
                    await self._log([answer])
                    left -= 1
                yield answer, event
        except BaseException as error:
            self._fail(error)
            raise
        finally:
            deadline.cancel()
            await to_the_end(self._end(tasks))

    async def produce(self, answer: Answer) -> AsyncGenerator[str, None]:
        """Runs one answer to its end and gives its text as it comes; logs nothing."""
        async with aclosing(self._events(answer)) as events:
            async for event in events:
                if isinstance(event, Piece) and event.text and not event.echoed:
                    yield event.text

    async def _whole(self, answer: Answer) -> None:
        async for _ in self.produce(answer):
            pass

    async def _events(self, answer: Answer) -> AsyncGenerator[Event, None]:
        engine = self._serving.engines.of(answer.request.model)
        answer.began = time.perf_counter()
        # The protocol's iterator is a generator in every engine: closing it stops the work.
        async with aclosing(cast(AsyncGenerator[Event, None], engine.generate(answer.request))) as events:
            async for event in events:
                answer.add(event)
                yield event

    def rows(self) -> list[Generation]:
        """What is to be logged of all answers."""
        return [self._row(answer) for answer in self.answers if answer.worth_a_row]

    def _fail(self, error: BaseException) -> None:
        for answer in self.answers:
            answer.fail(error)

    async def _end(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._log(self.answers)

    async def _log(self, answers: Sequence[Answer]) -> None:
        now = [answer for answer in answers if answer.worth_a_row and not answer.logged]
        for answer in now:
            answer.logged = True
        await to_the_end(store.log(self._serving.database, [self._row(answer) for answer in now]))

    def _row(self, answer: Answer) -> Generation:
        request, done = answer.request, answer.done
        return Generation(
            id=new_id("gen"),
            route=self._route,
            request_id=self._request_id,
            position=answer.position,
            model=request.model.name,
            version=request.model.card.version,
            digest=request.model.digest,
            prompt=shown(request.prompt),
            sampling=logged_sampling(request.sampling) | {"logprobs": request.logprobs, "echo": request.echo},
            seed=request.sampling.seed,
            text=storable(answer.text),
            finish_reason=done and done.finish_reason,
            prompt_tokens=done and done.prompt_tokens,
            completion_tokens=done.completion_tokens if done else _arrived(answer.pieces),
            queue_ms=done and done.queue_ms,
            ttft_ms=done and done.ttft_ms,
            total_ms=done.total_ms if done else 1000 * (time.perf_counter() - answer.began),
            error=None if answer.error is None else storable(str(answer.error)),
        )


ALWAYS_LOGGED = {"max_tokens", "temperature", "top_p", "top_k", "stop"}


def logged_sampling(sampling: Sampling) -> dict[str, Any]:
    """As it is logged: everything that shaped the answer but the seed, which has a column; what changes nothing is left out."""
    neutral = asdict(Sampling())
    told = asdict(sampling)
    del told["seed"]
    return {name: value for name, value in told.items() if name in ALWAYS_LOGGED or value != neutral[name]}


def shown(prompt: Prompt) -> str:
    """A prompt as the log has it: text as it is, messages and token ids as JSON."""
    return prompt if isinstance(prompt, str) else json.dumps(list[int | Message](prompt), ensure_ascii=False)


def storable(text: str) -> str:
    """A model may say NUL; PostgreSQL holds none."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _arrived(pieces: Sequence[Piece]) -> int:
    return sum(len(piece.tokens) for piece in pieces if not piece.echoed)
