"""The remote engine: models that another OpenAI-compatible server serves (vLLM, llama.cpp, a cloud API, another Versus).

What a server can do is in the card; what it cannot is told as a 400, never dropped in silence. A call is repeated only when the
server cannot have begun with it: the connection was never made, or it answered that it is busy.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast
from urllib.parse import quote

import httpx

from app.catalog.cards import Remote
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
    ScoreRequest,
    Scores,
    TokenizerInfo,
    check_capabilities,
)
from app.engines.breaker import Breaker
from app.engines.openai_wire import events, generation, refusal, token_ids
from app.errors import (
    DeadlineExceeded,
    InvalidRequest,
    Overloaded,
    Unavailable,
    UpstreamFailed,
    VersusError,
)
from app.settings import Settings

ATTEMPTS = 3
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 2.0
MOST_LABELS = 10_000  # whose tokens are remembered


class RemoteEngine:
    """One pool of connections for all servers; a breaker for each."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._http: httpx.AsyncClient | None = None
        self._breakers: dict[str, Breaker] = {}
        self._running: dict[str, int] = {}  # by model id
        self._ends: dict[str, list[int]] = {}  # by digest
        self._labels: dict[tuple[str, str], list[int]] = {}  # tokens by digest and label

    def capabilities(self, model: ModelVersion) -> Capabilities:
        remote = _remote(model)
        return Capabilities(
            score=remote.echo,
            logprobs=False,
            echo=False,
            penalties=remote.penalties,
            grammar=remote.json_schema,
            deterministic=False,  # nobody promises it over there
        )

    async def generate(self, request: GenerateRequest) -> AsyncIterator[Event]:
        """Text as it comes; the server's tokens are counted by its own usage."""
        check_capabilities(self.capabilities(request.model), request)
        remote, began = _remote(request.model), time.perf_counter()
        path, body = generation(request, remote)
        ttft_ms: float | None = None
        finish: FinishReason = "stop"
        usage: Mapping[str, Any] = {}
        pieces = 0
        async with self._counted(request.model), self._stream(request.model, path, body) as response:
            async for event in events(response, request.model):
                usage = event.get("usage") or usage
                for choice in event.get("choices") or []:
                    text = (
                        (choice.get("delta") or {}).get("content") if path.endswith("chat/completions") else choice.get("text")
                    )
                    if text:
                        ttft_ms = ttft_ms or _ms(began)
                        pieces += 1
                        yield Piece(text)
                    if choice.get("finish_reason"):
                        finish = "length" if choice["finish_reason"] == "length" else "stop"
        yield Done(
            finish,
            int(usage.get("prompt_tokens") or 0),
            int(usage.get("completion_tokens") or pieces),
            0.0,
            ttft_ms,
            _ms(began),
        )

    async def score(self, request: ScoreRequest) -> Scores:
        """By echo: each label's tokens behind the prompt's, and the end of the answer behind them, in one request."""
        model, remote, began = request.model, _remote(request.model), time.perf_counter()
        if not remote.echo:
            raise InvalidRequest(
                f"The server of {model.id} tells no log-probabilities of a prompt, so labels cannot be scored; ask with mode "
                '"generate".',
                param="mode",
            )
        async with self._counted(model):
            prompt = await self._prompt_ids(model, request.prompt)
            end = await self._end(model)
            labels = await asyncio.gather(*(self._known_ids(model, label) for label in request.labels))
            body = {
                "model": remote.model,
                "prompt": [[*prompt, *label, *end] for label in labels],
                "max_tokens": 1,
                "temperature": 0,
                "logprobs": 1,
                "echo": True,
            }
            answer = await self._call(model, "/v1/completions", body)
        try:
            choices = sorted(answer["choices"], key=lambda choice: int(choice["index"]))
            totals = [
                sum(choice["logprobs"]["token_logprobs"][len(prompt) : len(prompt) + len(label) + len(end)])
                for choice, label in zip(choices, labels, strict=True)
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise UpstreamFailed(
                f"The server of {model.id} does not tell log-probabilities as it should; `versus conformance` tells which rule "
                "it breaks, and echo = false in its card turns scoring off."
            ) from error
        return Scores(totals, [len(label) for label in labels], len(prompt), 0.0, _ms(began))

    async def tokenize(
        self, model: ModelVersion, text: str | Sequence[Message], *, add_special_tokens: bool = False
    ) -> list[int]:
        body: dict[str, Any] = {"model": _remote(model).model}
        if isinstance(text, str):
            body |= {"prompt": text, "add_special_tokens": add_special_tokens}
        else:
            body |= {"messages": [*text], "add_generation_prompt": True}
        return token_ids(await self._call(model, "/tokenize", body), model)

    async def detokenize(self, model: ModelVersion, tokens: Sequence[int]) -> str:
        return str((await self._call(model, "/detokenize", {"model": _remote(model).model, "tokens": [*tokens]}))["prompt"])

    async def tokenizer_info(self, model: ModelVersion) -> TokenizerInfo:
        told = await self._call(model, f"/tokenizer_info?model={quote(_remote(model).model, safe='')}", None)
        return TokenizerInfo(*(told.get(name) for name in ("bos_token", "eos_token", "pad_token", "chat_template")))

    async def load(self, model: ModelVersion) -> None:
        """Raises Unavailable when the server does not answer or does not list the model."""
        listed = await self._call(model, "/v1/models", None)
        names = [one.get("id", "") for one in listed.get("data", [])]
        wanted = _remote(model).model
        if wanted not in names and wanted not in {name.partition("@")[0] for name in names}:
            raise Unavailable(f"The server of {model.id} does not list {wanted!r}; it has {', '.join(names[:5])}.")

    async def unload(self, model: ModelVersion) -> None:
        """Nothing of it is here."""

    def loaded(self, model: ModelVersion) -> bool:
        return True

    def in_use(self, model: ModelVersion) -> int:
        return self._running.get(model.id, 0)

    def load_now(self) -> Sequence[EngineLoad]:
        return [EngineLoad(model, running_requests=count) for model, count in self._running.items()]

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    # ---- Calls

    @asynccontextmanager
    async def _counted(self, model: ModelVersion) -> AsyncGenerator[None, None]:
        running = self._running.get(model.id, 0)
        if running >= self._settings.queue_requests:
            raise Overloaded(f"{running} requests of {model.id} are under way already (VERSUS_QUEUE_REQUESTS).")
        self._running[model.id] = running + 1
        try:
            yield
        finally:
            self._running[model.id] -= 1

    async def _prompt_ids(self, model: ModelVersion, prompt: Prompt) -> list[int]:
        if isinstance(prompt, str):
            return await self.tokenize(model, prompt)
        if prompt and isinstance(prompt[0], Mapping):
            return await self.tokenize(model, cast(Sequence[Message], prompt))
        return [*cast(Sequence[int], prompt)]

    async def _end(self, model: ModelVersion) -> list[int]:
        """The token that ends an answer. Raises InvalidRequest for a model that has none."""
        if model.digest not in self._ends:
            eos = (await self.tokenizer_info(model)).eos_token
            if eos is None:
                raise InvalidRequest(f"{model.id} has no token that ends an answer, so labels cannot be scored.", param="model")
            self._ends[model.digest] = await self.tokenize(model, eos)
        return self._ends[model.digest]

    async def _known_ids(self, model: ModelVersion, label: str) -> list[int]:
        """Of a label, asked once: the same labels are behind every case."""
        key = (model.digest, label)
        if key not in self._labels:
            if len(self._labels) >= MOST_LABELS:
                self._labels.clear()
            self._labels[key] = await self.tokenize(model, label)
        return self._labels[key]

    async def _call(self, model: ModelVersion, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        """A whole answer; GET without a body."""
        async with self._stream(model, path, body) as response:
            content = await response.aread()
        try:
            answer = json.loads(content)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise UpstreamFailed(f"The server of {model.id} answered {path} with something that is no JSON object.")
        return answer

    @asynccontextmanager
    async def _stream(
        self, model: ModelVersion, path: str, body: Mapping[str, Any] | None
    ) -> AsyncGenerator[httpx.Response, None]:
        """The response once its head says success. Leaving closes the connection, and so cancels the work over there."""
        remote = _remote(model)
        breaker = self._breakers.setdefault(remote.url, Breaker(f"The server at {remote.url}"))
        breaker.check()
        try:
            response = await self._begun(model, remote, path, body)
        except (UpstreamFailed, DeadlineExceeded):
            breaker.failed()
            raise
        except VersusError:
            breaker.succeeded()  # it answered, whatever it said
            raise
        breaker.succeeded()
        try:
            yield response
        except httpx.TimeoutException as error:
            raise _silent(model, remote) from error
        except httpx.HTTPError as error:
            raise UpstreamFailed(f"The connection to the server of {model.id} was lost in the middle of an answer.") from error
        finally:
            await response.aclose()

    async def _begun(self, model: ModelVersion, remote: Remote, path: str, body: Mapping[str, Any] | None) -> httpx.Response:
        url = remote.url.rstrip("/").removesuffix("/v1") + path
        pause = FIRST_PAUSE_S
        for attempt in range(1, ATTEMPTS + 1):
            request = self._client().build_request(
                "GET" if body is None else "POST",
                url,
                json=body,
                headers=_key(model, remote),
                timeout=httpx.Timeout(remote.timeout_s, connect=min(10.0, remote.timeout_s)),
            )
            try:
                response = await self._client().send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                if attempt == ATTEMPTS:
                    raise UpstreamFailed(f"The server of {model.id} cannot be reached at {remote.url}.") from error
            except httpx.TimeoutException as error:
                raise _silent(model, remote) from error
            except httpx.HTTPError as error:
                raise UpstreamFailed(f"The server of {model.id} ended the connection without an answer.") from error
            else:
                if response.is_success:
                    return response
                failure = refusal(model, remote, response.status_code, await _body(response), response.headers)
                if not isinstance(failure, Overloaded) or attempt == ATTEMPTS or failure.retry_after_s > LONGEST_PAUSE_S:
                    raise failure
                pause = max(pause, failure.retry_after_s)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
        raise AssertionError("the last attempt returns or raises")

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            limits = httpx.Limits(max_connections=self._settings.queue_requests, max_keepalive_connections=64)
            self._http = httpx.AsyncClient(limits=limits)
        return self._http


async def _body(response: httpx.Response) -> bytes:
    try:
        return await response.aread()
    except httpx.HTTPError:
        return b""
    finally:
        await response.aclose()


def _key(model: ModelVersion, remote: Remote) -> dict[str, str]:
    if not remote.key_env:
        return {}
    key = os.environ.get(remote.key_env, "")
    if not key:
        raise Unavailable(f"The card of {model.id} takes its API key from {remote.key_env}, which is not set; set it.")
    return {"Authorization": f"Bearer {key}"}


def _remote(model: ModelVersion) -> Remote:
    assert model.card.remote is not None, "the card's own check"
    return model.card.remote


def _silent(model: ModelVersion, remote: Remote) -> DeadlineExceeded:
    return DeadlineExceeded(f"The server of {model.id} said nothing for {remote.timeout_s:g} s (timeout_s of its card).")


def _ms(began: float) -> float:
    return 1000 * (time.perf_counter() - began)
