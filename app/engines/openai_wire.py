"""What is asked of an OpenAI-compatible server, and what its answers, events and refusals mean to us."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, cast

import httpx

from app.catalog.cards import Remote
from app.catalog.catalog import ModelVersion
from app.catalog.prompts import Message
from app.engines.base import GenerateRequest, Grammar, Sampling
from app.errors import ContextExceeded, InvalidRequest, Overloaded, Unavailable, UpstreamFailed, VersusError

_SHOWN = 300  # characters of a server's own message


# ---- What is asked


def generation(request: GenerateRequest, remote: Remote) -> tuple[str, dict[str, Any]]:
    """The path and the body of a generation."""
    body = {"model": remote.model, "stream": True, "stream_options": {"include_usage": True}}
    body |= _sampling(request.sampling, remote)
    prompt = request.prompt
    if not isinstance(prompt, str) and prompt and isinstance(prompt[0], Mapping):
        return "/v1/chat/completions", body | {"messages": [*cast(Sequence[Message], prompt)]}
    # Without a number a completion would end after the server's default, 16 tokens on most.
    most = request.sampling.max_tokens or request.model.card.context
    return "/v1/completions", {"max_tokens": most} | body | {"prompt": prompt if isinstance(prompt, str) else [*prompt]}


def _sampling(sampling: Sampling, remote: Remote) -> dict[str, Any]:
    """Only what is not the default: a cloud API may refuse fields that it does not know."""
    neutral = Sampling()
    body: dict[str, Any] = {"temperature": sampling.temperature, "seed": sampling.seed % 2**31}
    for name in ("max_tokens", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty"):
        if getattr(sampling, name) != getattr(neutral, name):
            body[name] = getattr(sampling, name)
    if sampling.stop:
        body["stop"] = [*sampling.stop]
    if sampling.logit_bias:
        body["logit_bias"] = {str(token): added for token, added in sampling.logit_bias}
    if sampling.grammar is not None:
        body |= _held_to(sampling.grammar, remote)
    return body


def _held_to(grammar: Grammar, remote: Remote) -> dict[str, Any]:
    if grammar.kind == "json_object":
        return {"response_format": {"type": "json_object"}}
    rule = json.loads(grammar.rule)
    if grammar.kind == "choice":
        if not remote.choice:
            raise InvalidRequest(
                "The server of this model holds no answer to a choice of texts; leave choice out.", param="choice"
            )
        return {"choice": rule} if remote.choice == "choice" else {"structured_outputs": {"choice": rule}}
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": rule, "strict": True}}}


# ---- What comes back


async def _lines(response: httpx.Response) -> AsyncIterator[str]:
    """Ended by a line feed only: the text of an event may hold other characters that end lines elsewhere."""
    rest = b""
    async for part in response.aiter_bytes():
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace").removesuffix("\r")
    yield rest.decode(errors="replace")


async def events(response: httpx.Response, model: ModelVersion) -> AsyncIterator[dict[str, Any]]:
    """The events of a stream up to [DONE]. Raises UpstreamFailed for one that ends without it, and for an error in it."""
    async for line in _lines(response):
        if not line.startswith("data:"):
            continue
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            return
        try:
            event = json.loads(data)
        except ValueError:
            event = None
        if not isinstance(event, dict):
            raise UpstreamFailed(f"The server of {model.id} sent an event that is no JSON object.")
        if event.get("error"):
            raise UpstreamFailed(f"The server of {model.id} failed in the middle of an answer: {_message(event)}")
        yield event
    raise UpstreamFailed(f"The stream of {model.id} ended in the middle of an answer.")


def refusal(model: ModelVersion, remote: Remote, status: int, content: bytes, headers: Mapping[str, str]) -> VersusError:
    """A server's refusal as one of ours."""
    try:
        told = json.loads(content)
    except ValueError:
        told = {}
    told = told if isinstance(told, dict) else {}
    message, code = _message(told), (told.get("error") or {}).get("code") if isinstance(told.get("error"), dict) else None
    if status in (401, 403):
        hint = f"look at {remote.key_env}" if remote.key_env else "name the variable that holds its key in key_env of the card"
        return Unavailable(f"The server of {model.id} refuses us ({status}); {hint}.")
    if status == 404:
        return Unavailable(f"The server of {model.id} does not know {remote.model!r} or this route (404): {message}")
    seconds = headers.get("retry-after", "")
    if status == 503 and not seconds:
        return Unavailable(f"The server of {model.id} cannot do this now (503): {message}")
    if status in (429, 503):
        wait = int(seconds) if seconds.isdigit() else 1
        return Overloaded(f"The server of {model.id} is busy ({status}): {message}", retry_after_s=wait)
    if code == "context_length_exceeded" or "maximum context length" in message:
        refused: VersusError = InvalidRequest(message)
        refused.code = ContextExceeded.code
        return refused
    if 400 <= status < 500:
        return InvalidRequest(f"The server of {model.id} refuses the request ({status}): {message}")
    return UpstreamFailed(f"The server of {model.id} failed ({status}): {message}")


def _message(told: Mapping[str, Any]) -> str:
    error = told.get("error")
    said = error.get("message") if isinstance(error, dict) else error or told.get("message") or told.get("detail")
    return str(said or "it says no more")[:_SHOWN]


def token_ids(answer: Mapping[str, Any], model: ModelVersion) -> list[int]:
    tokens = answer.get("tokens")
    if not isinstance(tokens, list) or not all(isinstance(token, int) for token in tokens):
        raise UpstreamFailed(f"The server of {model.id} does not answer /tokenize with ids; set echo = false in its card.")
    return tokens
