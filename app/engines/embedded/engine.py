"""The embedded engine: torch in this process. Each standalone version has a lane of its own; its adapters share the lane."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from threading import Lock
from typing import Any, TypeVar, cast

import torch

from app.catalog.catalog import ModelVersion
from app.engines.base import (
    Capabilities,
    Done,
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
from app.engines.embedded.network import rows_are_independent
from app.errors import ContextExceeded, Unavailable
from app.settings import Settings

T = TypeVar("T")

QUICK_CHARS = 4000  # a text of this length is tokenized in less than the time that another thread would cost


class EmbeddedEngine:
    """The protocol of `app.engines.base`, for models whose weights are in their catalog folder."""

    def __init__(self, settings: Settings) -> None:
        on_gpu = settings.device != "cpu" and torch.cuda.is_available()
        self.capabilities = Capabilities(deterministic=not on_gpu and rows_are_independent())
        self._settings = settings
        self._lanes: dict[str, Lane] = {}  # by the digest of the standalone version
        self._codecs: dict[str, Codec] = {}  # by the digest of the version
        self._reading = Lock()
        self._closed = False

    async def generate(self, request: GenerateRequest) -> AsyncIterator[Event]:
        """Pieces in order, then one Done."""
        began = time.perf_counter()
        sampling.check(request.sampling)
        check_capabilities(self.capabilities, request)
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
        )
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
        return cast(Scores, await self._ask(Score(request.model, codec, prompt, tree, began=began)))

    async def tokenize(self, model: ModelVersion, text: str, *, add_special_tokens: bool = False) -> list[int]:
        codec = await self._codec(model)
        return await _run(len(text), lambda: codec.encode(text, add_special_tokens=add_special_tokens))

    async def detokenize(self, model: ModelVersion, tokens: Sequence[int]) -> str:
        codec = await self._codec(model)
        return codec.decode(codec.check_ids(tokens, param="tokens"))

    async def tokenizer_info(self, model: ModelVersion) -> TokenizerInfo:
        return (await self._codec(model)).info

    async def load(self, model: ModelVersion) -> None:
        """Reads tokenizer and weights, the base's too; at once when they are resident."""
        await self._codec(model)
        if not self.loaded(model):
            await self._ask(Load(model))

    async def unload(self, model: ModelVersion) -> None:
        """Frees the weights once nothing uses them; a base takes its adapters along. What is asked later loads them again."""
        self._codecs.pop(model.digest, None)
        if self.loaded(model):
            await self._ask(Unload(model))

    def loaded(self, model: ModelVersion) -> bool:
        lane = self._lanes.get(_standalone(model).digest)
        return lane is not None and model.digest in lane.resident

    async def close(self) -> None:
        self._closed = True
        lanes = [*self._lanes.values()]
        await asyncio.gather(*(asyncio.to_thread(lane.close) for lane in lanes))
        self._codecs.clear()

    # ---- Ways to the lanes

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
        return self._lanes.setdefault(base.digest, Lane(base, self._settings))

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
