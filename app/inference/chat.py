"""The answer of `POST /v1/chat/completions`, whole or in chunks, as OpenAI writes it."""

import time
from collections.abc import AsyncIterator, Sequence
from typing import Literal

from pydantic import BaseModel, Field

from app.engines.base import Done, Event, FinishReason, GenerateRequest, Piece, TokenLogprob
from app.inference.generate import Answer
from app.inference.wire import LAST_EVENT, UsageOut, VersusOut, done_of, event, fingerprint, natural_log, usage, versus


class TopLogprobOut(BaseModel):
    """A likely token."""

    token: str
    logprob: float
    bytes: list[int] | None = Field(description="UTF-8; null for a token that is only part of a character")


class TokenLogprobOut(TopLogprobOut):
    """A token of the answer; `logprob` is a natural log before temperature, top_p and top_k."""

    top_logprobs: list[TopLogprobOut]


class LogprobsOut(BaseModel):
    """One entry per token of the answer."""

    content: list[TokenLogprobOut]
    refusal: None = None


class MessageOut(BaseModel):
    """What the model said."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class ChoiceOut(BaseModel):
    """One of n answers."""

    index: int
    message: MessageOut
    logprobs: LogprobsOut | None
    finish_reason: FinishReason


class ChatOut(BaseModel):
    """A whole answer."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChoiceOut]
    usage: UsageOut
    system_fingerprint: str
    versus: VersusOut


class DeltaOut(BaseModel):
    """What is new."""

    role: Literal["assistant"] | None = None
    content: str | None = None


class ChunkChoiceOut(BaseModel):
    """What is new of one answer."""

    index: int
    delta: DeltaOut
    logprobs: LogprobsOut | None = None
    finish_reason: FinishReason | None = None


class ChatChunkOut(BaseModel):
    """One event of a stream."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChunkChoiceOut]
    usage: UsageOut | None = None
    versus: VersusOut | None = None


def whole(request_id: str, answers: Sequence[Answer]) -> ChatOut:
    """`answers`: all of one request, finished."""
    model = answers[0].request.model
    return ChatOut(
        id=request_id,
        created=int(time.time()),
        model=model.id,
        choices=[
            ChoiceOut(
                index=answer.position,
                message=MessageOut(content=answer.text),
                logprobs=_logprobs(answer.request, [told for piece in answer.pieces for told in piece.logprobs]),
                finish_reason=done_of(answer).finish_reason,
            )
            for answer in answers
        ],
        usage=usage(answers, len(answers)),
        system_fingerprint=fingerprint(model),
        versus=versus(answers),
    )


async def chunks(
    request_id: str, answers: Sequence[Answer], events: AsyncIterator[tuple[Answer, Event]], *, include_usage: bool
) -> AsyncIterator[str]:
    """Server-sent events to the last one; an answer's `finish_reason` is sent when it is logged."""
    model, created = answers[0].request.model, int(time.time())

    def chunk(choices: list[ChunkChoiceOut], **more: UsageOut | VersusOut) -> str:
        out = ChatChunkOut(
            id=request_id,
            object="chat.completion.chunk",
            created=created,
            model=model.id,
            system_fingerprint=fingerprint(model),
            choices=choices,
            **({"usage": None} | more if include_usage else more),
        )
        return event(out)

    for answer in answers:
        yield chunk([_chunk(answer, DeltaOut(role="assistant", content=""))])
    async for answer, happened in events:
        if isinstance(happened, Done):
            yield chunk([_chunk(answer, DeltaOut(), finish=happened.finish_reason)], versus=versus([answer]))
        elif happened.text or happened.logprobs:
            yield chunk([_chunk(answer, DeltaOut(content=happened.text), happened)])
    if include_usage:
        yield chunk([], usage=usage(answers, len(answers)))
    yield LAST_EVENT


def _chunk(answer: Answer, delta: DeltaOut, piece: Piece | None = None, finish: FinishReason | None = None) -> ChunkChoiceOut:
    logprobs = _logprobs(answer.request, piece.logprobs) if piece else None
    return ChunkChoiceOut(index=answer.position, delta=delta, logprobs=logprobs, finish_reason=finish)


def _logprobs(request: GenerateRequest, told: Sequence[TokenLogprob]) -> LogprobsOut | None:
    if request.logprobs is None:
        return None
    return LogprobsOut(content=[_token(request, one) for one in told])


def _token(request: GenerateRequest, told: TokenLogprob) -> TokenLogprobOut:
    def log(logprob: float | None) -> float:
        return natural_log(0.0 if logprob is None else logprob, request.model)

    top = [
        TopLogprobOut(token=told.top_texts[token], logprob=log(logprob), bytes=_bytes(told.top_texts[token]))
        for token, logprob in told.top.items()
    ]
    return TokenLogprobOut(token=told.text, logprob=log(told.logprob), bytes=_bytes(told.text), top_logprobs=top)


def _bytes(text: str) -> list[int] | None:
    return None if "\N{REPLACEMENT CHARACTER}" in text else list(text.encode())
