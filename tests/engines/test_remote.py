"""A server that hangs, breaks off, is busy or answers nonsense: each is told as what it is, and nothing is asked twice that may
have begun; and what is asked of a vLLM and of a cloud API is what they know."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from app.catalog.catalog import Catalog, ModelVersion
from app.engines import breaker
from app.engines.base import Done, Event, GenerateRequest, Grammar, Piece, Sampling, ScoreRequest
from app.engines.remote import RemoteEngine
from app.errors import (
    DeadlineExceeded,
    InvalidRequest,
    Overloaded,
    SetupError,
    Unavailable,
    UpstreamFailed,
    VersusError,
)
from app.settings import Settings
from tests.engines.test_every_engine import write_remote

Handler = Callable[[dict[str, Any] | None, asyncio.StreamWriter], Awaitable[None]]
CHAT = [{"role": "user", "content": "What is covered?"}]


class Server:
    """A server whose every connection gets what `handler` writes; keeps what was asked."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.asked: list[tuple[str, dict[str, str], Any]] = []  # path, headers, body
        self.closed_early = 0

    async def __aenter__(self) -> "Server":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *rest = head.strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in rest)}
            content = await reader.readexactly(int(headers.get("content-length", 0)))
            body = json.loads(content) if content else None
            self.asked.append((line.split()[1], headers, body))
            await self._handler(body, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.closed_early += 1
        finally:
            writer.close()


def answer(status: int, content: str, **headers: str) -> Handler:
    async def write(body: Any, writer: asyncio.StreamWriter) -> None:
        more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {status} X\r\nConnection: close\r\n{more}Content-Length: {len(content.encode())}\r\n\r\n"
        writer.write(head.encode() + content.encode())
        await writer.drain()

    return write


def events(*told: Any, done: bool = True, hang: bool = False) -> Handler:
    async def write(body: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/event-stream\r\n\r\n")
        for one in told:
            writer.write(f"data: {one if isinstance(one, str) else json.dumps(one)}\n\n".encode())
            await writer.drain()
        while hang:
            await asyncio.sleep(0.02)
            writer.write(b": still here\n\n")
            await writer.drain()
        if done:
            writer.write(b"data: [DONE]\n\n")
            await writer.drain()

    return write


def in_turn(*handlers: Handler) -> Handler:
    left = list(handlers)

    async def write(body: Any, writer: asyncio.StreamWriter) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(body, writer)

    return write


def said(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


USAGE = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}
WHOLE = events(said("Water "), said("damage", "stop"), USAGE)


def run(
    tmp_path: Path,
    handler: Handler,
    story: Callable[[RemoteEngine, ModelVersion, Server], Coroutine[Any, Any, Any]],
    **remote: Any,
) -> Any:
    async def whole() -> Any:
        async with Server(handler) as server:
            write_remote(tmp_path, **({"url": server.url, "model": "qwen", "timeout_s": 0.5} | remote))
            engine = RemoteEngine(Settings())
            try:
                return await asyncio.wait_for(story(engine, Catalog([tmp_path]).find("general"), server), 30)
            finally:
                await engine.close()

    return asyncio.run(whole())


async def ask(engine: RemoteEngine, model: ModelVersion, prompt: Any = CHAT, **sampling: Any) -> list[Event]:
    return [event async for event in engine.generate(GenerateRequest(model, prompt, Sampling(**sampling)))]


def test_a_chat_is_streamed_and_only_what_was_asked_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_KEY", "secret-1")

    async def story(engine: RemoteEngine, model: ModelVersion, server: Server) -> None:
        *pieces, done = await ask(engine, model, temperature=0.0, max_tokens=7)
        assert "".join(piece.text for piece in pieces if isinstance(piece, Piece)) == "Water damage"
        assert isinstance(done, Done)
        assert (done.finish_reason, done.prompt_tokens, done.completion_tokens) == ("stop", 9, 2)
        ((path, headers, body),) = server.asked
        assert path == "/v1/chat/completions"
        assert headers["authorization"] == "Bearer secret-1"
        assert body == {
            "model": "qwen",
            "messages": CHAT,
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": 0.0,
            "seed": 0,
            "max_tokens": 7,
        }

    run(tmp_path, WHOLE, story, key_env="CLOUD_KEY")


def test_characters_that_end_lines_elsewhere_and_nulls_are_no_trouble(tmp_path: Path) -> None:
    text = "a\u2028b\u0085c"
    raw = json.dumps(said(text, "stop"), ensure_ascii=False)

    async def story(engine: RemoteEngine, model: ModelVersion, server: Server) -> None:
        *pieces, done = await ask(engine, model)
        assert "".join(piece.text for piece in pieces if isinstance(piece, Piece)) == text
        assert isinstance(done, Done)
        assert done.prompt_tokens == 0

    run(tmp_path, events(raw, {"choices": None, "usage": {"prompt_tokens": None, "completion_tokens": None}}), story)


def test_a_refusal_is_a_sign_of_life(tmp_path: Path) -> None:
    handlers = [answer(500, "{}")] * (breaker.FAILURES - 1)

    async def story(engine: RemoteEngine, model: ModelVersion, server: Server) -> None:
        for _ in range(2 * breaker.FAILURES):
            with pytest.raises((UpstreamFailed, InvalidRequest)):
                await ask(engine, model)
        assert len(server.asked) == 2 * breaker.FAILURES  # it was asked each time

    run(tmp_path, in_turn(*handlers, answer(400, "{}"), *handlers, answer(400, "{}")), story)


def test_a_choice_and_a_schema_are_put_as_the_server_knows_them(tmp_path: Path) -> None:
    async def story(engine: RemoteEngine, model: ModelVersion, server: Server) -> None:
        await ask(engine, model, grammar=Grammar("choice", '["a", "b"]'))
        await ask(engine, model, grammar=Grammar("json_schema", '{"type": "object"}'))
        first, second = (body for _, _, body in server.asked)
        assert first["structured_outputs"] == {"choice": ["a", "b"]}
        assert second["response_format"]["json_schema"]["schema"] == {"type": "object"}

    run(tmp_path, WHOLE, story, choice="structured_outputs")


@pytest.mark.parametrize(
    ("handler", "kind", "says"),
    [
        (answer(500, "<html>oops</html>"), UpstreamFailed, r"failed \(500\)"),
        (answer(500, '{"error": {"message": "out of memory"}}'), UpstreamFailed, "out of memory"),
        (answer(200, "<html>login</html>"), UpstreamFailed, "ended in the middle"),
        (answer(401, "{}"), Unavailable, r"refuses us \(401\); name the variable"),
        (answer(404, '{"error": {"message": "no such model"}}'), Unavailable, "does not know 'qwen'.*no such model"),
        (answer(422, '{"detail": "bad"}'), InvalidRequest, r"refuses the request \(422\): bad"),
        (answer(503, '{"error": {"message": "weights are damaged"}}'), Unavailable, "weights are damaged"),
        (answer(429, "{}", Retry_After="30"), Overloaded, r"is busy \(429\)"),
        (events(said("Wat"), done=False), UpstreamFailed, "ended in the middle"),
        (events(said("Wat"), "{broken"), UpstreamFailed, "no JSON object"),
        (events(said("Wat"), {"error": {"message": "worker died"}}), UpstreamFailed, "worker died"),
    ],
)
def test_what_a_server_does_wrong_is_told_as_what_it_is(
    tmp_path: Path, handler: Handler, kind: type[VersusError], says: str
) -> None:
    async def story(engine: RemoteEngine, model: ModelVersion, server: Server) -> None:
        with pytest.raises(kind, match=says) as caught:
            await ask(engine, model)
        assert type(caught.value) is kind
        assert len(server.asked) == 1  # nothing is asked twice that may have begun

    run(tmp_path, handler, story)


async def silent(body: Any, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(20)


async def cut(body: Any, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ndata: ")
    await writer.drain()
    writer.transport.abort()


async def gone(body: Any, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@pytest.mark.parametrize(
    ("handler", "kind", "says"),
    [
        (silent, DeadlineExceeded, "said nothing for 0.5 s"),
        (cut, UpstreamFailed, "lost in the middle"),
        (gone, UpstreamFailed, "without an answer"),
    ],
)
def test_a_server_that_hangs_or_drops_the_line_holds_nobody_up(
    tmp_path: Path, handler: Handler, kind: type[VersusError], says: str
) -> None:
    async def story(engine: RemoteEngine, model: ModelVersion, server: Server) -> None:
        with pytest.raises(kind, match=says):
            await ask(engine, model)
        assert len(server.asked) == 1
        assert all(load.running_requests == 0 for load in engine.load_now())

    run(tmp_path, handler, story)


def test_a_busy_server_is_asked_again_and_one_that_is_not_there_is_told(tmp_path: Path) -> None:
    async def story(engine: RemoteEngine, model: ModelVersion, server: Server) -> None:
        assert len(await ask(engine, model)) == 3
        assert len(server.asked) == 3
        server._server.close()
        await server._server.wait_closed()
        with pytest.raises(UpstreamFailed, match="cannot be reached"):
            await ask(engine, model)

    run(tmp_path, in_turn(answer(429, "{}", Retry_After="0"), answer(503, "{}", Retry_After="0"), WHOLE), story)


def test_who_leaves_closes_the_connection_over_there(tmp_path: Path) -> None:
    async def story(engine: RemoteEngine, model: ModelVersion, server: Server) -> None:
        stream: AsyncIterator[Event] = engine.generate(GenerateRequest(model, CHAT))
        async with aclosing(stream) as told:
            await anext(told)
        for _ in range(100):
            if server.closed_early:
                return
            await asyncio.sleep(0.02)
        pytest.fail("the server still writes")

    run(tmp_path, events(said("Wat"), hang=True), story)


def test_after_failures_in_a_row_nobody_waits_for_the_server_until_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "PAUSE_S", 0.3)

    async def story(engine: RemoteEngine, model: ModelVersion, server: Server) -> None:
        for _ in range(breaker.FAILURES):
            with pytest.raises(UpstreamFailed):
                await ask(engine, model)
        with pytest.raises(Unavailable, match="failed 5 times in a row; it is tried again"):
            await ask(engine, model)
        assert len(server.asked) == breaker.FAILURES
        await asyncio.sleep(0.35)
        assert len(await ask(engine, model)) == 3
        assert len(await ask(engine, model)) == 3

    run(tmp_path, in_turn(*[answer(500, "{}")] * breaker.FAILURES, WHOLE), story)


def test_a_server_without_echo_scores_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    async def story(engine: RemoteEngine, model: ModelVersion, server: Server) -> None:
        assert not engine.capabilities(model).score
        with pytest.raises(InvalidRequest, match='mode "generate"'):
            await engine.score(ScoreRequest(model, CHAT, ["a", "b"]))
        assert server.asked == []

    run(tmp_path, WHOLE, story)


def test_the_tokens_of_labels_are_asked_once(tmp_path: Path) -> None:
    echoed = {"logprobs": {"token_logprobs": [None, -1.0, -2.0, -3.0, -4.0, -5.0, -6.0]}}
    scored = answer(200, json.dumps({"choices": [{"index": 1} | echoed, {"index": 0} | echoed]}))

    async def handler(body: Any, writer: asyncio.StreamWriter) -> None:
        if body is None:
            await answer(200, '{"eos_token": "</s>"}')(body, writer)
        else:
            await (scored if "echo" in body else answer(200, '{"tokens": [1, 2]}'))(body, writer)

    async def story(engine: RemoteEngine, model: ModelVersion, server: Server) -> None:
        for _ in range(3):
            scores = await engine.score(ScoreRequest(model, CHAT, ["a", "b"]))
            assert list(scores.log_likelihoods) == [-2.0 - 3.0 - 4.0 - 5.0] * 2
        paths = [path for path, _, _ in server.asked]
        assert paths.count("/v1/completions") == 3
        assert paths.count("/tokenize") == 3 + 1 + 2  # each prompt, the end, each label
        assert [path for path in paths if path.startswith("/tokenizer_info")] == ["/tokenizer_info?model=org%2Fqwen%23a"]

    run(tmp_path, handler, story, echo=True, model="org/qwen#a")


def test_scores_that_are_cut_off_are_not_taken_for_scores(tmp_path: Path) -> None:
    tokens = answer(200, '{"tokens": [1, 2]}')
    broken = answer(200, '{"choices": [{"index": 0, "logprobs": null}, {"index": 1, "logprobs": null}]}')

    async def handler(body: Any, writer: asyncio.StreamWriter) -> None:
        if body is None:
            await answer(200, '{"eos_token": "</s>"}')(body, writer)
        else:
            await (broken if "echo" in body else tokens)(body, writer)

    async def story(engine: RemoteEngine, model: ModelVersion, server: Server) -> None:
        with pytest.raises(UpstreamFailed, match="versus conformance"):
            await engine.score(ScoreRequest(model, CHAT, ["a", "b"]))

    run(tmp_path, handler, story, echo=True)


def test_a_key_that_is_not_set_and_a_model_that_is_not_there_are_found_when_loading(tmp_path: Path) -> None:
    async def story(engine: RemoteEngine, model: ModelVersion, server: Server) -> None:
        with pytest.raises(Unavailable, match="takes its API key from NO_SUCH_KEY"):
            await engine.load(model)

    run(tmp_path / "a", WHOLE, story, key_env="NO_SUCH_KEY")

    async def missing(engine: RemoteEngine, model: ModelVersion, server: Server) -> None:
        with pytest.raises(Unavailable, match="does not list 'qwen'; it has llama"):
            await engine.load(model)

    run(tmp_path / "b", answer(200, '{"data": [{"id": "llama"}]}'), missing)


def test_a_remote_card_needs_its_table_and_has_an_identity_without_weights(tmp_path: Path) -> None:
    write_remote(tmp_path / "one", url="http://h:1/v1/", model="m")
    write_remote(tmp_path / "two", url="http://h:1", model="other")
    one, two = (Catalog([tmp_path / name]).find("general") for name in ("one", "two"))
    assert (len(one.digest), one.bytes) == (64, 0)
    assert one.digest != two.digest
    card = (tmp_path / "one" / "general" / "card.toml").read_text()
    (tmp_path / "one" / "general" / "card.toml").write_text(card.partition("[remote]")[0])
    catalog = Catalog([tmp_path / "one"])
    with pytest.raises((VersusError, SetupError)):
        catalog.find("general")
    assert "a [remote] table goes with" in next(iter(catalog.broken.values()))
