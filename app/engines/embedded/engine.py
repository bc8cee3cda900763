"""The embedded engine: torch in this process. Each standalone version has a lane of its own; its adapters share the lane."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from threading import Lock
from typing import Any, TypeVar, cast

import torch

from app.catalog.catalog import ModelVersion
from app.catalog.prompts import Message
from app.engines.base import (
    Capabilities,
    Done,
    EngineLoad,
    Event,
    GenerateRequest,
    Prompt,
    ScoreRequest,
    Scores,
    TokenizerInfo,
    check_capabilities,
)
from app.engines.embedded import sampling
from app.engines.embedded.codec import Codec
from app.engines.embedded.grammar import Constraint
from app.engines.embedded.jobs import Generate, Load, Score, Unload
from app.engines.embedded.lane import Lane
from app.engines.embedded.memory import Memory, default_budget
from app.engines.embedded.network import rows_are_independent
from app.engines.embedded.weights import resident_bytes
from app.errors import ContextExceeded, Unavailable
from app.settings import Settings

T = TypeVar("T")

log = logging.getLogger(__name__)

QUICK_CHARS = 4000  # a text of this length is tokenized in less than the time that another thread would cost


class EmbeddedEngine:
    """The protocol of `app.engines.base`, for models whose weights are in their catalog folder."""

    def __init__(self, settings: Settings) -> None:
        on_gpu = settings.device != "cpu" and torch.cuda.is_available()
        self._capabilities = Capabilities(deterministic=not on_gpu and rows_are_independent())
        self._settings = settings
        self._lanes: dict[str, Lane] = {}  # by the digest of the standalone version
        self._codecs: dict[str, Codec] = {}  # by the digest of the version
        self._device = torch.device("cuda" if on_gpu else "cpu")
        self._memory = Memory(settings.model_memory or default_budget(self._device))
        self._sizes: dict[str, int] = {}  # bytes of resident weights by digest
        self._reading = Lock()
        self._closed = False

    def capabilities(self, model: ModelVersion) -> Capabilities:
        return self._capabilities

    async def generate(self, request: GenerateRequest) -> AsyncIterator[Event]:
        """Pieces in order, then one Done."""
        began = time.perf_counter()
        sampling.check(request.sampling)
        check_capabilities(self._capabilities, request)
        codec = await self._codec(request.model)
        prompt = await self._prompt_ids(codec, request.prompt)
        wanted = request.sampling.max_tokens
        _check_context(request.model, codec, len(prompt), answer=0 if wanted == 0 else 1)
        room = codec.context - len(prompt)
        grammar = request.sampling.grammar
        codec.check_ids([token for token, _ in request.sampling.logit_bias], param="logit_bias")
        # In a thread: a large schema takes a second.
        constraint = await asyncio.to_thread(lambda: Constraint(grammar, codec.grammar_tokenizer)) if grammar else None
        job = Generate(
            request.model,
            codec,
            prompt,
            room if wanted is None else min(wanted, room),
            request.sampling,
            request.logprobs,
            request.echo,
            constraint,
            began=began,
            batch=request.priority == "batch",
        )
        async with self._used(request.model):
            lane = self._lane(request.model)
            lane.submit(job)
            complete = False
            try:
                while not complete:
                    event = await job.events.get()
                    if isinstance(event, BaseException):
                        raise event
                    complete = isinstance(event, Done)
                    yield event
            finally:
                if not complete:
                    lane.cancel(job)

    async def score(self, request: ScoreRequest) -> Scores:
        """Log-likelihoods of the labels, each followed by the end of the answer."""
        began = time.perf_counter()
        codec = await self._codec(request.model)
        tree = codec.tree(tuple(request.labels))
        prompt = await self._prompt_ids(codec, request.prompt)
        _check_context(request.model, codec, len(prompt), answer=tree.longest)
        job = Score(request.model, codec, prompt, tree, request.best_by, began=began, batch=request.priority == "batch")
        async with self._used(request.model):
            return cast(Scores, await self._ask(job))

    async def tokenize(
        self, model: ModelVersion, text: str | Sequence[Message], *, add_special_tokens: bool = False
    ) -> list[int]:
        codec = await self._codec(model)
        if not isinstance(text, str):
            return await self._prompt_ids(codec, text)
        return await _run(len(text), lambda: codec.encode(text, add_special_tokens=add_special_tokens))

    async def detokenize(self, model: ModelVersion, tokens: Sequence[int]) -> str:
        codec = await self._codec(model)
        return codec.decode(codec.check_ids(tokens, param="tokens"))

    async def tokenizer_info(self, model: ModelVersion) -> TokenizerInfo:
        return (await self._codec(model)).info

    async def load(self, model: ModelVersion) -> None:
        """Reads tokenizer and weights, the base's too; at once when they are resident."""
        await self._codec(model)
        async with self._used(model):
            if not self.loaded(model):
                await self._ask(Load(model))

    async def unload(self, model: ModelVersion) -> None:
        """Frees the weights once nothing uses them; a base takes its adapters along. What is asked later loads them again."""
        self._codecs.pop(model.digest, None)
        if self.loaded(model):
            await self._ask(Unload(model))
        self._memory.forget(model)

    def loaded(self, model: ModelVersion) -> bool:
        lane = self._lanes.get(_standalone(model).digest)
        return lane is not None and model.digest in lane.resident

    def in_use(self, model: ModelVersion) -> int:
        return self._memory.users_of(model)

    def load_now(self) -> Sequence[EngineLoad]:
        return [lane.load_now(self._memory.bytes_of(lane.base)) for lane in [*self._lanes.values()]]

    async def close(self) -> None:
        self._closed = True
        lanes = [*self._lanes.values()]
        await asyncio.gather(*(asyncio.to_thread(lane.close) for lane in lanes))
        self._codecs.clear()

    # ---- Ways to the lanes

    @asynccontextmanager
    async def _used(self, model: ModelVersion) -> AsyncIterator[None]:
        """Around all work with a version: its weights, and its base's, are counted and stay; what is idle leaves if need be.
        Raises Overloaded or Unavailable where there is no room."""
        chain = [model] if model.base is None else [model.base, model]
        if not all(one.digest in self._sizes for one in chain):
            self._sizes |= {one.digest: await asyncio.to_thread(resident_bytes, one, self._device) for one in chain}
        leaving = self._memory.enter([(one, self._sizes[one.digest]) for one in chain])
        try:
            for one in leaving:
                log.info("unloading %s, to make room for %s", one.id, model.id)
                if self.loaded(one):
                    await self._ask(Unload(one))
            yield
        finally:
            self._memory.leave(chain)
            for one in leaving:
                if self.loaded(one):
                    self._memory.remember(one, self._sizes[one.digest])

    async def _ask(self, job: Load | Unload | Score) -> Any:
        """The job's result; a task that is cancelled here takes the job out of the lane."""
        lane = self._lane(job.model)
        lane.submit(job)
        try:
            return await job.result
        finally:
            if not job.result.done() or job.result.cancelled():
                lane.cancel(job)

    def _lane(self, model: ModelVersion) -> Lane:
        if self._closed:
            raise Unavailable("The engine is shutting down; ask again when it has started.")
        base = _standalone(model)
        lane = self._lanes.setdefault(base.digest, Lane(base, self._settings))
        if not lane.resident:
            lane.base = base  # another folder may hold the very same weights, and the first one be gone
        return lane

    async def _codec(self, model: ModelVersion) -> Codec:
        known = self._codecs.get(model.digest)
        return known if known is not None else await asyncio.to_thread(self._read_codec, model)

    def _read_codec(self, model: ModelVersion) -> Codec:
        with self._reading:
            if model.digest not in self._codecs:
                self._codecs[model.digest] = Codec(model)
            return self._codecs[model.digest]

    async def _prompt_ids(self, codec: Codec, prompt: Prompt) -> list[int]:
        return await _run(_size(prompt), lambda: codec.prompt_ids(prompt))


async def _run(size: int, work: Callable[[], T]) -> T:
    """Here when it is quick, else in a thread, so that other requests are not kept waiting."""
    return work() if size <= QUICK_CHARS else await asyncio.to_thread(work)


def _size(prompt: Prompt) -> int:
    if isinstance(prompt, str):
        return len(prompt)
    return sum(len(part["content"]) if isinstance(part, Mapping) else 1 for part in prompt)


def _standalone(model: ModelVersion) -> ModelVersion:
    """The version whose weights the model stands on: its base, or itself."""
    return model.base or model


def _check_context(model: ModelVersion, codec: Codec, prompt: int, *, answer: int) -> None:
    if prompt + answer > codec.context:
        raise ContextExceeded(tokens=prompt + answer, context=codec.context, model=model.id)
