"""The answer of `POST /v1/completions`, whole or in chunks, as OpenAI writes it and evaluation clients read it."""

import time
from collections.abc import AsyncIterator, Sequence
from typing import Literal

from pydantic import BaseModel, Field

from app.engines.base import Done, Event, FinishReason, GenerateRequest, Piece, TokenLogprob
from app.inference.generate import Answer
from app.inference.wire import LAST_EVENT, UsageOut, VersusOut, done_of, event, fingerprint, natural_log, usage, versus


class LogprobsOut(BaseModel):
    """One entry per token, an echoed prompt's first; natural logs before temperature, top_p and top_k."""

    tokens: list[str]
    token_logprobs: list[float | None] = Field(description="null for the first token of an echoed prompt")
    top_logprobs: list[dict[str, float] | None] = Field(description="token text -> log-probability; of equal texts the larger")
    text_offset: list[int] = Field(description="where the token's text begins in `text`, characters")


class CompletionChoiceOut(BaseModel):
    """One answer; `index` counts the answers to the first prompt, then those to the second."""

    index: int
    text: str
    logprobs: LogprobsOut | None = None
    finish_reason: FinishReason | None = Field(default=None, description="null in a stream before the end")


class CompletionOut(BaseModel):
    """A whole answer, or one event of a stream."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    choices: list[CompletionChoiceOut]
    usage: UsageOut | None = None
    system_fingerprint: str
    versus: VersusOut | None = None


def whole(request_id: str, answers: Sequence[Answer], per_prompt: int) -> CompletionOut:
    """`answers`: all of one request, finished, `per_prompt` in a row for each prompt."""
    model = answers[0].request.model
    return CompletionOut(
        id=request_id,
        object="text_completion",
        created=int(time.time()),
        model=model.id,
        choices=[
            CompletionChoiceOut(
                index=answer.position,
                text="".join(piece.text for piece in answer.pieces),
                logprobs=_whole_logprobs(answer),
                finish_reason=done_of(answer).finish_reason,
            )
            for answer in answers
        ],
        usage=usage(answers, per_prompt),
        system_fingerprint=fingerprint(model),
        versus=versus(answers),
    )


async def chunks(
    request_id: str,
    answers: Sequence[Answer],
    events: AsyncIterator[tuple[Answer, Event]],
    per_prompt: int,
    *,
    include_usage: bool,
) -> AsyncIterator[str]:
    """Server-sent events to the last one; an answer's `finish_reason` is sent when it is logged."""
    model, created = answers[0].request.model, int(time.time())
    sent = dict.fromkeys((answer.position for answer in answers), 0)  # characters

    def chunk(choices: list[CompletionChoiceOut], **more: UsageOut | VersusOut) -> str:
        out = CompletionOut(
            id=request_id,
            object="text_completion",
            created=created,
            model=model.id,
            system_fingerprint=fingerprint(model),
            choices=choices,
            **({"usage": None} | more if include_usage else more),
        )
        return event(out)

    async for answer, happened in events:
        if isinstance(happened, Done):
            end = CompletionChoiceOut(index=answer.position, text="", logprobs=None, finish_reason=happened.finish_reason)
            yield chunk([end], versus=versus([answer]))
        elif happened.text or happened.logprobs:
            logprobs = _logprobs(answer.request, [happened], sent[answer.position])
            sent[answer.position] += len(happened.text)
            said = CompletionChoiceOut(index=answer.position, text=happened.text, logprobs=logprobs, finish_reason=None)
            yield chunk([said])
    if include_usage:
        yield chunk([], usage=usage(answers, per_prompt))
    yield LAST_EVENT


def _whole_logprobs(answer: Answer) -> LogprobsOut | None:
    logprobs = _logprobs(answer.request, answer.pieces, 0)
    generated = any(piece.logprobs for piece in answer.pieces if not piece.echoed)
    if logprobs is not None and answer.request.echo and answer.request.sampling.max_tokens != 0 and not generated:
        # Clients that score a prompt cut the last entry off as the generated one: there must be one, even when an engine
        # does not tell the end of the answer as a token.
        logprobs.tokens.append("")
        logprobs.token_logprobs.append(None)
        logprobs.top_logprobs.append(None)
        logprobs.text_offset.append(sum(len(piece.text) for piece in answer.pieces))
    return logprobs


def _logprobs(request: GenerateRequest, pieces: Sequence[Piece], start: int) -> LogprobsOut | None:
    """`start`: characters before the first piece."""
    if request.logprobs is None:
        return None
    out = LogprobsOut(tokens=[], token_logprobs=[], top_logprobs=[], text_offset=[])
    for piece in pieces:
        places = _offsets(piece.text, [told.text for told in piece.logprobs])
        for told, place in zip(piece.logprobs, places, strict=True):
            out.tokens.append(told.text)
            out.token_logprobs.append(None if told.logprob is None else natural_log(told.logprob, request.model))
            out.top_logprobs.append(_top(request, told))
            out.text_offset.append(start + place)
        start += len(piece.text)
    return out


_PART = "\ufffd"  # what a token of some bytes of a character decodes to, alone


def _offsets(text: str, tokens: Sequence[str]) -> list[int]:
    """Where in `text`, which they make together, each token begins; one that holds part of a character, at that character.

    Characters in a row that are all in parts are not told apart: their tokens begin at the first of them.
    """
    places, at = [], 0
    for token in tokens:
        known = token if text.startswith(token, at) else token.strip(_PART)
        begins = text.find(known, at) if known else at
        if begins < 0:  # an engine's own way to write a token
            places.append(at)
            continue
        places.append(max(at, begins - 1) if known != token and token.startswith(_PART) and known else begins)
        at = begins + len(known)
    return places


def _top(request: GenerateRequest, told: TokenLogprob) -> dict[str, float] | None:
    if told.logprob is None:
        return None
    top = {told.text: natural_log(told.logprob, request.model)}
    for token, logprob in told.top.items():
        text = told.top_texts[token]
        top[text] = max(natural_log(logprob, request.model), top.get(text, -float("inf")))
    return top
