"""The protocol of an engine: what turns a request into text or label scores, wherever the weights are.

A request is complete when it reaches an engine: the version is resolved, every default is filled in, the seed is a number.
Everything an engine refuses for the caller's fault is a VersusError raised before the first event.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from app.catalog.catalog import ModelVersion
from app.catalog.prompts import Message
from app.errors import InvalidRequest

# Plain text is tokenized as it stands; ids are taken as they are; messages go through the model's chat template.
Prompt = str | Sequence[int] | Sequence[Message]

FinishReason = Literal["stop", "length"]
Priority = Literal["interactive", "batch"]  # batch gives way


@dataclass(frozen=True)
class Grammar:
    """What an answer must be, to its last character. `rule` is JSON: for `json_schema` the schema, for `choice` the list of the
    texts that may be answered, for `json_object` nothing."""

    kind: Literal["json_object", "json_schema", "choice"]
    rule: str = ""


@dataclass(frozen=True)
class Capabilities:
    """What an engine can do; what it cannot is answered with a 400 that names it, never dropped in silence."""

    generate: bool = True
    score: bool = True
    logprobs: bool = True
    echo: bool = True
    seed: bool = True
    penalties: bool = True  # repetition, presence and frequency penalties, logit_bias, min_p
    grammar: bool = True
    max_logprobs: int = 20  # most alternatives per token
    deterministic: bool = True  # a greedy or seeded answer is the same alone, batched and beside other variants


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn. `temperature` 0 takes the likeliest token; `top_k` 0, `top_p` 1 and `min_p` 0 leave all in.

    Before that, logits are changed in this order: `logit_bias` is added; a positive logit of a token of prompt or answer is
    divided by `repetition_penalty`, a negative one multiplied (Keskar et al., "CTRL", 2019); `presence_penalty` is subtracted
    for a token of the answer and `frequency_penalty` for each time it is there; what `grammar` does not allow cannot be drawn.
    """

    max_tokens: int | None = None  # None: until the model stops or its context is full
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0  # a token is left in when it is at least so likely as this share of the likeliest
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()  # token, what is added
    grammar: Grammar | None = None
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
    priority: Priority = "interactive"


def check_capabilities(known: Capabilities, request: GenerateRequest) -> None:
    """Raises InvalidRequest that names the field which the engine cannot honour."""
    asked = request.sampling
    penalties = {
        "min_p": asked.min_p > 0,
        "repetition_penalty": asked.repetition_penalty != 1,
        "presence_penalty": asked.presence_penalty != 0,
        "frequency_penalty": asked.frequency_penalty != 0,
        "logit_bias": bool(asked.logit_bias),
    }
    needs = {name: known.penalties for name, wanted in penalties.items() if wanted}
    if asked.grammar is not None:
        needs["choice" if asked.grammar.kind == "choice" else "response_format"] = known.grammar
    if request.echo:
        needs["echo"] = known.echo
    if request.logprobs is not None:
        needs["logprobs"] = known.logprobs
        if known.logprobs and not 0 <= request.logprobs <= known.max_logprobs:
            raise InvalidRequest(f"logprobs must be between 0 and {known.max_logprobs}.", param="logprobs")
    for name, possible in needs.items():
        if not possible:
            raise InvalidRequest(f"The engine of {request.model.id} does not know {name}; leave it out.", param=name)


@dataclass(frozen=True)
class TokenLogprob:
    """Natural logs, of the model's own distribution, before anything in `Sampling` changes it.

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


LOWEST = -1e9  # for a likelihood of nothing, which has no difference to another such


@dataclass(frozen=True)
class Ranking:
    """By what labels are compared: log-likelihood; or that per token, of which the end of the answer is one; or less what each
    label, in order, has without a text. All rise with the log-likelihood."""

    per_token: bool = False
    less: Sequence[float] | None = None

    def value(self, label: int, log_likelihood: float, tokens: int) -> float:
        """Of the label at that place, which has so many tokens without the end."""
        if self.per_token:
            return log_likelihood / (tokens + 1)
        if self.less is not None:
            return max(log_likelihood, LOWEST) - max(self.less[label], LOWEST)
        return log_likelihood


@dataclass(frozen=True)
class ScoreRequest:
    """How likely is each label as the whole answer to the prompt.

    With `best_by` only the label that ranks highest is wanted (of equals, the first): an engine may leave the others at what
    their log-likelihood is at most.
    """

    model: ModelVersion
    prompt: Prompt
    labels: Sequence[str]  # at least one, all different
    priority: Priority = "interactive"
    best_by: Ranking | None = None


@dataclass(frozen=True)
class Scores:
    """`log_likelihoods`: log p(label, end of answer | prompt) per label, natural log, in the order of the request.

    The end of the answer is part of it, so that a label which begins another one has no advantage, and the labels'
    probabilities sum to at most 1: that sum is the request's label mass. `label_tokens`: tokens of each label without the end.
    `bounded`: labels, by their place, whose number is only what their log-likelihood is at most.
    """

    log_likelihoods: Sequence[float]
    label_tokens: Sequence[int]
    prompt_tokens: int
    queue_ms: float
    total_ms: float
    bounded: frozenset[int] = frozenset()


@dataclass(frozen=True)
class EngineLoad:
    """What an engine has on its hands for one standalone version and its adapters; memory in bytes."""

    model: str
    waiting_requests: int = 0
    waiting_tokens: int = 0
    running_requests: int = 0
    weights_bytes: int = 0
    prefix_cache_bytes: int = 0


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

    def capabilities(self, model: ModelVersion) -> Capabilities:
        """What can be asked of this model."""
        ...

    def generate(self, request: GenerateRequest) -> AsyncIterator[Event]:
        """Pieces in order, then one Done. Closing the iterator early stops the work within one step."""
        ...

    async def score(self, request: ScoreRequest) -> Scores: ...

    async def tokenize(
        self, model: ModelVersion, text: str | Sequence[Message], *, add_special_tokens: bool = False
    ) -> list[int]:
        """Of a plain text, or of messages as the model's chat template puts them, up to where the answer begins."""
        ...

    async def detokenize(self, model: ModelVersion, tokens: Sequence[int]) -> str: ...

    async def tokenizer_info(self, model: ModelVersion) -> TokenizerInfo: ...

    async def load(self, model: ModelVersion) -> None:
        """Makes the weights resident, so that no later request waits for them; at once when they are."""
        ...

    async def unload(self, model: ModelVersion) -> None:
        """Frees the weights once no request uses them; what is not loaded stays so."""
        ...

    def loaded(self, model: ModelVersion) -> bool: ...

    def in_use(self, model: ModelVersion) -> int:
        """Requests that run or wait, those of its adapters too, and those of other versions with the very same digest."""
        ...

    def load_now(self) -> Sequence[EngineLoad]:
        """For metrics; at once."""
        ...

    async def close(self) -> None:
        """Ends running work and frees everything."""
        ...
