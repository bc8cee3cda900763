"""From a request as it came to what the engine is asked: defaults filled in, the seed a number, one request per answer."""

import secrets
from collections.abc import Mapping, Sequence

from app.catalog.prompts import Message
from app.engines.base import GenerateRequest, Prompt, Sampling
from app.errors import Unprocessable
from app.inference.fields import SEEDS
from app.inference.limits import check_inputs, check_prompt
from app.inference.schemas import ChatIn, ClassifyIn, CompletionIn, ExtractIn, MessageIn, OpenAiIn, SamplingIn, TokenizeIn
from app.inference.serving import Serving
from app.settings import Settings

COMPLETION_TOKENS = 16  # OpenAI's default of max_tokens on /v1/completions

# Fields of a request that are the engine's too, by name, and have its defaults.
_TAKEN = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty")


def draw_seed() -> int:
    """Small enough for every JSON reader to keep it whole."""
    return secrets.randbelow(2**32)


def chat_requests(body: ChatIn, serving: Serving) -> list[GenerateRequest]:
    """One request per answer, n of them. Raises VersusError for what cannot be done."""
    body.refuse_unsupported()
    if body.top_logprobs is not None and not body.logprobs:
        raise Unprocessable("top_logprobs goes with logprobs; set logprobs to true.", param="top_logprobs")
    if None not in (body.max_tokens, body.max_completion_tokens) and body.max_tokens != body.max_completion_tokens:
        raise Unprocessable("max_tokens and max_completion_tokens differ; give one of them.", param="max_tokens")
    messages = chat_messages(body.messages, serving.settings)
    logprobs = (body.top_logprobs or 0) if body.logprobs else None
    return _requests(body, serving, [messages], body.max_completion_tokens or body.max_tokens, logprobs, echo=False)


def completion_requests(body: CompletionIn, serving: Serving) -> list[GenerateRequest]:
    """One request per prompt and answer, the answers to a prompt in a row. Raises VersusError for what cannot be done."""
    body.refuse_unsupported()
    prompts = _prompts(body)
    check_inputs(len(prompts) * (body.n or 1), serving.settings, "prompt")
    for prompt in prompts:
        check_prompt(prompt, serving.settings)
    max_tokens = COMPLETION_TOKENS if body.max_tokens is None else body.max_tokens
    return _requests(body, serving, prompts, max_tokens, body.logprobs, echo=bool(body.echo))


def model_names(body: ClassifyIn | ExtractIn) -> list[str]:
    """The models asked, by `model` or `models`. Raises Unprocessable for both or none."""
    if body.model is not None and body.models is not None:
        raise Unprocessable("model and models are both given; give one of them.", param="models")
    names = body.models or ([body.model] if body.model is not None else [])
    if not names:
        raise Unprocessable("No model is named; give model, or several in models.", param="model")
    return names


def tokenized_text(body: TokenizeIn, serving: Serving) -> str | list[Message]:
    """Raises Unprocessable unless exactly one of prompt and messages is given."""
    if (body.prompt is None) == (body.messages is None):
        raise Unprocessable("Give one of prompt and messages.", param="prompt")
    if body.messages is not None:
        return chat_messages(body.messages, serving.settings)
    assert body.prompt is not None, "checked"
    check_prompt(body.prompt, serving.settings)
    return body.prompt


def chat_messages(messages: Sequence[MessageIn], settings: Settings) -> list[Message]:
    """Raises InvalidRequest for content that is not supported, Unprocessable when nothing is said, TooLarge."""
    turns: list[Message] = []
    for at, message in enumerate(messages):
        # The newer name of the same role; chat templates know the older one.
        role = "system" if message.role == "developer" else message.role
        turns.append({"role": role, "content": message.text(f"messages.{at}")})
    for at, turn in enumerate(turns):
        if turn["role"] == "user" and not turn["content"].strip():
            raise Unprocessable(f"messages.{at}.content is empty; give it some text.", param=f"messages.{at}.content")
    if not any(turn["content"].strip() for turn in turns):
        raise Unprocessable("No message has any content; give at least one some text.", param="messages")
    check_prompt("".join(turn["content"] for turn in turns), settings, "messages")
    return turns


def sampling_of(
    body: SamplingIn, *, max_tokens: int | None, seed: int, logit_bias: Mapping[str, float] | None = None
) -> Sampling:
    """With OpenAI's defaults: temperature 1, everything in. Raises Unprocessable as `SamplingIn.grammar` does."""
    told = {name: getattr(body, name) for name in _TAKEN if getattr(body, name) is not None}
    return Sampling(
        **told,
        max_tokens=max_tokens,
        stop=(body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ()),
        logit_bias=tuple((int(token), float(added)) for token, added in (logit_bias or {}).items()),
        grammar=body.grammar(),
        seed=seed,
    )


def _requests(
    body: OpenAiIn, serving: Serving, prompts: Sequence[Prompt], max_tokens: int | None, logprobs: int | None, *, echo: bool
) -> list[GenerateRequest]:
    model = serving.catalog.find(body.model)
    first = draw_seed() if body.seed is None else body.seed
    return [
        GenerateRequest(
            model=model,
            prompt=prompt,
            # By its place among the answers to its prompt only: alone or in a list, a prompt gets the same answers.
            sampling=sampling_of(body, max_tokens=max_tokens, seed=(first + place) % SEEDS, logit_bias=body.logit_bias),
            logprobs=logprobs,
            echo=echo,
            priority=body.priority or "interactive",
        )
        for prompt in prompts
        for place in range(body.n or 1)
    ]


def _prompts(body: CompletionIn) -> list[str | list[int]]:
    """The four shapes as one: a list of prompts, each text or ids."""
    prompt = body.prompt
    if isinstance(prompt, str):
        return [prompt]
    prompts: list[str | list[int]] = [part for part in prompt if not isinstance(part, int)]
    return prompts or [[part for part in prompt if isinstance(part, int)]]
