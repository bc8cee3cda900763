"""A deterministic engine without weights, for tests and for cards with engine = "fake": a tiny word model over UTF-8 bytes.

Its next token depends on the bytes before it and on the model's digest only, so that generating, scoring and echoing agree to
the last digit, as they must in a real engine.
"""

import asyncio
import codecs
import hashlib
import math
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager

from app.catalog.catalog import ModelVersion
from app.catalog.prompts import Message
from app.engines.base import (
    Capabilities,
    Done,
    EngineLoad,
    Event,
    FinishReason,
    GenerateRequest,
    Piece,
    Prompt,
    Sampling,
    ScoreRequest,
    Scores,
    TokenizerInfo,
    TokenLogprob,
    check_capabilities,
)
from app.errors import ContextExceeded, InvalidRequest, Overloaded
from app.settings import Settings

# Ids 0 to 255 are bytes.
BOS, EOS, PAD = 256, 257, 258
VOCABULARY = 259
SPECIALS = {BOS: "<s>", EOS: "</s>", PAD: "<pad>"}
CHAT_TEMPLATE = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant:"

# Some words take several bytes a character: text may only leave in whole characters.
WORDS = ("the", "claim", "is", "covered", "water", "fire", "theft", "naïve", "größer", "日本", "because", "policy", "and", "😀")
_LIKELY = 9.0  # logit of the byte that continues a word; all others lie between 0 and 1
_MEMORY = 24  # bytes before a word that its choice depends on
_WINDOW = 128  # bytes of context that are looked at


class FakeEngine:
    """Answers at once, in words that say nothing. Only `settings.queue_requests` is heeded."""

    def __init__(self, settings: Settings) -> None:
        self._most = settings.queue_requests
        self._running: Counter[str] = Counter()  # by model id
        self._loaded: set[str] = set()

    def capabilities(self, model: ModelVersion) -> Capabilities:
        return Capabilities(penalties=False, grammar=False)

    async def generate(self, request: GenerateRequest) -> AsyncIterator[Event]:
        started = time.perf_counter()
        check_capabilities(self.capabilities(request.model), request)
        with self._place(request.model):
            self._loaded.add(request.model.id)
            prompt = self._prompt(request.model, request.prompt)
            if request.echo:
                yield _echo(request, prompt)
            context, drawn = list(prompt), random.Random(request.sampling.seed)
            text, ttft_ms = _Text(request.sampling.stop), None
            finish: FinishReason | None = None
            room = request.model.card.context - len(prompt)
            most = room if request.sampling.max_tokens is None else min(room, request.sampling.max_tokens)
            made = 0
            if most == 0:
                finish = "length"
            while finish is None:
                await asyncio.sleep(0)  # the others' turn, and the moment at which this one can be cancelled
                logprobs = next_logprobs(request.model.digest, context)
                token = _draw(logprobs, request.sampling, drawn)
                ttft_ms = ttft_ms or _ms(started)
                context.append(token)
                made = len(context) - len(prompt)
                finish = _finish(token, made, most)
                said, stopped = text.add(token, last=finish is not None)
                finish = "stop" if stopped else finish
                told = () if request.logprobs is None else (_told(token, logprobs, request.logprobs),)
                yield Piece(text=said, tokens=(token,), logprobs=told)
            yield Done(finish, len(prompt), made, 0.0, ttft_ms, _ms(started))

    async def score(self, request: ScoreRequest) -> Scores:
        started = time.perf_counter()
        with self._place(request.model):
            self._loaded.add(request.model.id)
            prompt = self._prompt(request.model, request.prompt)
            labels = [list(label.encode()) for label in request.labels]
            longest = max(map(len, labels))
            if len(prompt) + longest > request.model.card.context:
                raise _too_long(request.model, len(prompt) + longest)
            totals = []
            for label in labels:
                await asyncio.sleep(0)
                totals.append(_log_likelihood(request.model.digest, prompt, [*label, EOS]))
        return Scores(totals, [len(label) for label in labels], len(prompt), 0.0, _ms(started))

    async def tokenize(
        self, model: ModelVersion, text: str | Sequence[Message], *, add_special_tokens: bool = False
    ) -> list[int]:
        return [BOS] * add_special_tokens + list(text.encode()) if isinstance(text, str) else _tokens(text)

    async def detokenize(self, model: ModelVersion, tokens: Sequence[int]) -> str:
        return _decoded(_checked(tokens))

    async def tokenizer_info(self, model: ModelVersion) -> TokenizerInfo:
        return TokenizerInfo(SPECIALS[BOS], SPECIALS[EOS], SPECIALS[PAD], CHAT_TEMPLATE)

    async def load(self, model: ModelVersion) -> None:
        self._loaded.add(model.id)

    async def unload(self, model: ModelVersion) -> None:
        self._loaded.discard(model.id)

    def loaded(self, model: ModelVersion) -> bool:
        return model.id in self._loaded

    def in_use(self, model: ModelVersion) -> int:
        return self._running[model.id]

    def load_now(self) -> Sequence[EngineLoad]:
        return [EngineLoad("fake", running_requests=self._running.total())]

    async def close(self) -> None:
        self._loaded.clear()

    @contextmanager
    def _place(self, model: ModelVersion) -> Iterator[None]:
        if self._running.total() >= self._most:
            raise Overloaded(f"{self._running.total()} requests wait already (VERSUS_QUEUE_REQUESTS); try again in a second.")
        self._running[model.id] += 1
        try:
            yield
        finally:
            self._running[model.id] -= 1

    def _prompt(self, model: ModelVersion, prompt: Prompt) -> list[int]:
        tokens = _tokens(prompt)
        if not tokens:
            raise InvalidRequest("The prompt is empty; give it at least one token.", param="prompt")
        if len(tokens) >= model.card.context:
            raise _too_long(model, len(tokens))
        return tokens


def next_logprobs(digest: str, context: Sequence[int]) -> list[float]:
    """Natural logs of the next token's distribution, [VOCABULARY]."""
    said = bytes(token for token in context[-_WINDOW:] if token < 256)
    before, _, word = said.rpartition(b" ")
    noise = random.Random(hashlib.sha256(digest.encode() + said).digest())
    logits = [noise.random() for _ in range(VOCABULARY)]
    logits[_likely(random.Random(hashlib.sha256(digest.encode() + before[-_MEMORY:]).digest()), word)] = _LIKELY
    total = math.log(math.fsum(map(math.exp, logits)))
    return [logit - total for logit in logits]


def _likely(choice: random.Random, word: bytes) -> int:
    """Goes on with the word that was chosen after `before`; a word at its end is followed by a space, or by the end."""
    chosen = choice.choice(WORDS).encode()
    if chosen != word and chosen.startswith(word):
        return chosen[len(word)]
    return EOS if chosen == word and choice.random() < 0.25 else ord(" ")


def _log_likelihood(digest: str, prompt: Sequence[int], answer: Sequence[int]) -> float:
    context, total = list(prompt), 0.0
    for token in answer:
        total += next_logprobs(digest, context)[token]
        context.append(token)
    return total


def _draw(logprobs: Sequence[float], sampling: Sampling, drawn: random.Random) -> int:
    order = sorted(range(VOCABULARY), key=lambda token: -logprobs[token])  # ties go to the smaller id
    if sampling.temperature == 0:
        return order[0]
    order = order[: sampling.top_k or None]
    # Relative to the likeliest, or a small temperature would make all of them 0.
    weights = [math.exp((logprobs[token] - logprobs[order[0]]) / sampling.temperature) for token in order]
    most, kept, sum_kept = sampling.top_p * math.fsum(weights), 0, 0.0
    while kept < len(order) and (sum_kept < most or kept == 0):
        sum_kept += weights[kept]
        kept += 1
    return drawn.choices(order[:kept], weights[:kept])[0]


def _finish(token: int, made: int, most: int) -> FinishReason | None:
    if token == EOS:
        return "stop"
    return "length" if made >= most else None


class _Text:
    """Turns tokens into text that may leave: whole characters, and nothing that may turn out to begin a stop string."""

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = stop
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""

    def add(self, token: int, *, last: bool) -> tuple[str, bool]:
        """The text that leaves now, and whether a stop string ended it."""
        self._held += self._decoder.decode(bytes([token]) if token < 256 else b"", final=last)
        ends = [at for stop in self._stop if (at := self._held.find(stop)) >= 0]
        if ends:
            return self._held[: min(ends)], True
        kept = 0 if last else max((_overlap(self._held, stop) for stop in self._stop), default=0)
        said, self._held = self._held[: len(self._held) - kept], self._held[len(self._held) - kept :]
        return said, False


def _overlap(text: str, stop: str) -> int:
    """The longest end of `text` that begins `stop`."""
    return next((size for size in range(min(len(text), len(stop)), 0, -1) if stop.startswith(text[-size:])), 0)


def _echo(request: GenerateRequest, prompt: Sequence[int]) -> Piece:
    told: list[TokenLogprob] = []
    if request.logprobs is not None:
        told = [TokenLogprob(prompt[0], _name(prompt[0]), None)]
        told += [
            _told(prompt[at], next_logprobs(request.model.digest, prompt[:at]), request.logprobs)
            for at in range(1, len(prompt))
        ]
    return Piece(text=_decoded(prompt), tokens=tuple(prompt), logprobs=told, echoed=True)


def _told(token: int, logprobs: Sequence[float], alternatives: int) -> TokenLogprob:
    likeliest = sorted(range(VOCABULARY), key=lambda one: -logprobs[one])[:alternatives]
    top: Mapping[int, float] = {one: logprobs[one] for one in likeliest}
    return TokenLogprob(token, _name(token), logprobs[token], top, {one: _name(one) for one in likeliest})


def _tokens(prompt: Prompt) -> list[int]:
    if isinstance(prompt, str):
        return list(prompt.encode())
    if all(isinstance(part, int) for part in prompt):
        return _checked([part for part in prompt if isinstance(part, int)])
    turns = [part for part in prompt if not isinstance(part, int)]
    return [BOS, *"".join(f"{turn['role']}: {turn['content']}\n" for turn in turns).encode(), *b"assistant:"]


def _checked(tokens: Sequence[int]) -> list[int]:
    if strange := [token for token in tokens if not 0 <= token < VOCABULARY]:
        raise InvalidRequest(f"Token {strange[0]} is not in the vocabulary, which has {VOCABULARY} tokens.", param="prompt")
    return list(tokens)


def _decoded(tokens: Sequence[int]) -> str:
    parts = b"".join(bytes([token]) if token < 256 else SPECIALS[token].encode() for token in tokens)
    return parts.decode(errors="replace")


def _name(token: int) -> str:
    return _decoded([token])


def _too_long(model: ModelVersion, tokens: int) -> ContextExceeded:
    return ContextExceeded(tokens=tokens, context=model.card.context, model=model.id)


def _ms(started: float) -> float:
    return 1000 * (time.perf_counter() - started)
