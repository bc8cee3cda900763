"""The protocol of an engine: what turns a request into text or label scores, wherever the weights are.

A request is complete when it reaches an engine: the version is resolved, every default is filled in, the seed is a number.
Everything an engine refuses for the caller's fault is a VersusError raised before the first event.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from app.catalog.catalog import ModelVersion
from app.catalog.prompts import Message

# Plain text is tokenized as it stands; ids are taken as they are; messages go through the model's chat template.
Prompt = str | Sequence[int] | Sequence[Message]

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True)
class Capabilities:
    """What an engine can do; what it cannot is answered with a 400 that names it, never dropped in silence."""

    generate: bool = True
    score: bool = True
    logprobs: bool = True
    echo: bool = True
    seed: bool = True
    max_logprobs: int = 20  # most alternatives per token
    deterministic: bool = True  # a greedy or seeded answer is the same alone, batched and beside other variants


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn. `temperature` 0 takes the likeliest token; `top_k` 0 and `top_p` 1 leave all in."""

    max_tokens: int | None = None  # None: until the model stops or its context is full
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    stop: tuple[str, ...] = ()  # the answer ends before the first of these
    seed: int = 0


@dataclass(frozen=True)
class GenerateRequest:
    """One answer to one prompt."""

    model: ModelVersion
    prompt: Prompt
    sampling: Sampling = Sampling()
    logprobs: int | None = None  # alternatives per token besides the token itself; None: no log-probabilities at all
    echo: bool = False  # the prompt's tokens come first, as an event of their own, with log-probabilities if asked


@dataclass(frozen=True)
class TokenLogprob:
    """Natural logs, of the model's distribution before temperature, top_p and top_k.

    `logprob` is None for the first token of an echoed prompt, which nothing precedes. `top` maps token id to log-probability,
    likeliest first; it holds at least the argmax when alternatives were asked for, and its value for `token` is `logprob`.
    """

    token: int
    text: str
    logprob: float | None
    top: Mapping[int, float] = field(default_factory=dict)
    top_texts: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Piece:
    """The next part of the text, whole characters only, and the tokens that arrived with it (none for held-back bytes)."""

    text: str
    tokens: Sequence[int] = ()
    logprobs: Sequence[TokenLogprob] = ()
    echoed: bool = False  # part of the prompt


@dataclass(frozen=True)
class Done:
    """The last event of a generation. Times in milliseconds: waiting for the engine, to the first token, in all."""

    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    queue_ms: float
    ttft_ms: float | None
    total_ms: float


Event = Piece | Done


@dataclass(frozen=True)
class ScoreRequest:
    """How likely is each label as the whole answer to the prompt."""

    model: ModelVersion
    prompt: Prompt
    labels: Sequence[str]  # at least one, all different


@dataclass(frozen=True)
class Scores:
    """`log_likelihoods`: log p(label, end of answer | prompt) per label, natural log, in the order of the request.

    The end of the answer is part of it, so that a label which begins another one has no advantage, and the labels'
    probabilities sum to at most 1: that sum is the request's label mass. `label_tokens`: tokens of each label without the end.
    """

    log_likelihoods: Sequence[float]
    label_tokens: Sequence[int]
    prompt_tokens: int
    queue_ms: float
    total_ms: float


@dataclass(frozen=True)
class TokenizerInfo:
    """Names of the special tokens, and the chat template, as the model's files have them."""

    bos_token: str | None
    eos_token: str | None
    pad_token: str | None
    chat_template: str | None


class Engine(Protocol):
    """Every method may be called from many tasks at once. Cancelling a task that waits on one frees what it used.

    Raises ContextExceeded for a prompt that leaves no room, Overloaded when the queue is full, Unavailable for weights that
    cannot be loaded, InvalidRequest for what `capabilities` denies.
    """

    capabilities: Capabilities

    def generate(self, request: GenerateRequest) -> AsyncIterator[Event]:
        """Pieces in order, then one Done. Closing the iterator early stops the work within one step."""
        ...

    async def score(self, request: ScoreRequest) -> Scores: ...

    async def tokenize(self, model: ModelVersion, text: str, *, add_special_tokens: bool = False) -> list[int]: ...

    async def detokenize(self, model: ModelVersion, tokens: Sequence[int]) -> str: ...

    async def tokenizer_info(self, model: ModelVersion) -> TokenizerInfo: ...

    async def load(self, model: ModelVersion) -> None:
        """Makes the weights resident, so that no later request waits for them; at once when they are."""
        ...

    async def unload(self, model: ModelVersion) -> None:
        """Frees the weights once no request uses them; what is not loaded stays so."""
        ...

    def loaded(self, model: ModelVersion) -> bool: ...

    async def close(self) -> None:
        """Ends running work and frees everything."""
        ...
