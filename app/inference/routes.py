"""The one API over HTTP: models, chat, completions, classify, tokenize."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

import structlog
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.types import Send

from app.catalog.catalog import ModelVersion
from app.database.base import new_id
from app.engines.base import Event
from app.errors import VersusError
from app.inference import asked, chat, completions
from app.inference.chat import ChatOut
from app.inference.classify import ClassifyOut, classify
from app.inference.completions import CompletionOut
from app.inference.deps import ServingDep
from app.inference.extract import ExtractOut, extract
from app.inference.generate import Answer, Generations
from app.inference.limits import check_prompt
from app.inference.models import ModelListOut, ModelOut, broken_out, model_out
from app.inference.schemas import ChatIn, ClassifyIn, CompletionIn, DetokenizeIn, ExtractIn, OpenAiIn, TokenizeIn
from app.inference.serving import Serving
from app.inference.together import while_connected

T = TypeVar("T")

log = structlog.get_logger(__name__)

router = APIRouter(tags=["inference"])

Events = AsyncGenerator[tuple[Answer, Event], None]
ModelPath = Annotated[str, Path(min_length=1, max_length=200, description="a name, or name@version")]


# ---- Models


@router.get("/v1/models")
async def list_models(serving: ServingDep) -> ModelListOut:
    """All versions of all models, and the folders that cannot be served, with the reason."""
    aliases = serving.catalog.aliases()
    models = [model_out(version, serving.engines, aliases) for version in serving.catalog.versions()]
    return ModelListOut(data=models + broken_out(serving.catalog.broken, serving.settings))


@router.get("/v1/models/{model}")
async def get_model(model: ModelPath, serving: ServingDep) -> ModelOut:
    """One version, or the one that a name stands for."""
    return model_out(serving.catalog.find(model), serving.engines, serving.catalog.aliases())


# ---- Chat and completions


class EventStream(StreamingResponse):
    """Server-sent events; whatever ends the response also closes `source`, the begun generator that they come from."""

    media_type = "text/event-stream"

    def __init__(self, content: AsyncIterator[str], source: AsyncGenerator[Any, None]) -> None:
        super().__init__(content, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        self._source = source

    async def stream_response(self, send: Send) -> None:
        async with aclosing(self._source):
            await super().stream_response(send)


@router.post("/v1/chat/completions", response_model=None, responses={200: {"model": ChatOut}})
async def create_chat_completion(body: ChatIn, request: Request, serving: ServingDep) -> Response:
    """OpenAI's chat completions. The models' own chat template makes the prompt."""
    request_id = new_id("chatcmpl")
    generations = Generations(serving, "chat", request_id, asked.chat_requests(body, serving))
    if not body.stream:
        answers = await while_connected(request.receive, generations.complete())
        return _json(chat.whole(request_id, answers))
    events = generations.stream()
    all_events = await begun(events, request)
    parts = chat.chunks(request_id, generations.answers, all_events, include_usage=_with_usage(body))
    return EventStream(_told(parts), events)


@router.post("/v1/completions", response_model=None, responses={200: {"model": CompletionOut}})
async def create_completion(body: CompletionIn, request: Request, serving: ServingDep) -> Response:
    """OpenAI's completions: the prompt is taken as it stands, without a chat template and without a start token."""
    request_id, per_prompt = new_id("cmpl"), body.n or 1
    generations = Generations(serving, "completions", request_id, asked.completion_requests(body, serving))
    if not body.stream:
        answers = await while_connected(request.receive, generations.complete())
        return _json(completions.whole(request_id, answers, per_prompt))
    events = generations.stream()
    all_events = await begun(events, request)
    parts = completions.chunks(request_id, generations.answers, all_events, per_prompt, include_usage=_with_usage(body))
    return EventStream(_told(parts), events)


async def begun(events: AsyncGenerator[T, None], request: Request) -> AsyncIterator[T]:
    """The same events once the first is there: what fails before it still becomes a plain error answer."""
    first = await while_connected(request.receive, anext(events))

    async def all_events() -> AsyncIterator[T]:
        yield first
        async for event in events:
            yield event

    return all_events()


async def _told(parts: AsyncIterator[str]) -> AsyncIterator[str]:
    """A failure in the middle of a stream is told as an event; no [DONE] follows it."""
    try:
        async for part in parts:
            yield part
    except Exception as error:
        if not isinstance(error, VersusError):
            log.exception("a stream failed")
            error = VersusError("Something failed that should not have; the service's log tells what.")
        yield f"data: {json.dumps(error.body())}\n\n"


def _with_usage(body: OpenAiIn) -> bool:
    return body.stream_options is not None and body.stream_options.include_usage


def _json(out: BaseModel) -> Response:
    # Not through the framework's encoder: pydantic writes every float in full and no NaN.
    return Response(out.model_dump_json(), media_type="application/json")


# ---- Classification


@router.post("/v1/classify")
async def create_classification(body: ClassifyIn, request: Request, serving: ServingDep) -> ClassifyOut:
    """Decides each input by each model: labels are scored by their log-likelihood, all in one pass, not read from text."""
    return await while_connected(request.receive, classify(body, serving))


@router.post("/v1/extract", response_model=None, responses={200: {"model": ExtractOut}})
async def create_extraction(body: ExtractIn, request: Request, serving: ServingDep) -> Response:
    """Fields of each input as JSON that satisfies the schema, by each model: its tokens are chosen among those that the schema
    allows."""
    return _json(await while_connected(request.receive, extract(body, serving)))


# ---- Tokenizer


class TokensOut(BaseModel):
    """Token ids."""

    tokens: list[int]
    count: int
    max_model_len: int


class PromptOut(BaseModel):
    """The text of token ids."""

    prompt: str


class TokenizerInfoOut(BaseModel):
    """The special tokens and the chat template, as the model's files have them."""

    model: str
    bos_token: str | None
    eos_token: str | None
    pad_token: str | None
    chat_template: str | None


@router.post("/tokenize")
async def tokenize(body: TokenizeIn, serving: ServingDep) -> TokensOut:
    """The ids of a text, as `/v1/completions` would see it, or of messages, as `/v1/chat/completions` would."""
    text = asked.tokenized_text(body, serving)
    model = _model(body.model, serving)
    tokens = await serving.engines.of(model).tokenize(model, text, add_special_tokens=body.add_special_tokens)
    return TokensOut(tokens=tokens, count=len(tokens), max_model_len=model.card.context)


@router.post("/detokenize")
async def detokenize(body: DetokenizeIn, serving: ServingDep) -> PromptOut:
    """The text of ids."""
    check_prompt(body.tokens, serving.settings, "tokens")
    model = _model(body.model, serving)
    return PromptOut(prompt=await serving.engines.of(model).detokenize(model, body.tokens))


@router.get("/tokenizer_info")
async def tokenizer_info(
    serving: ServingDep, model: Annotated[str | None, Query(min_length=1, max_length=200)] = None
) -> TokenizerInfoOut:
    """What a client needs to know to leave tokenizing to this service."""
    found = _model(model, serving)
    info: dict[str, Any] = asdict(await serving.engines.of(found).tokenizer_info(found))
    return TokenizerInfoOut(model=found.id, **info)


def _model(name: str | None, serving: Serving) -> ModelVersion:
    return serving.catalog.find(serving.settings.general_model if name is None else name)
