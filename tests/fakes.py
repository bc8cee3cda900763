"""Makes models that the fake engine serves, for tests; and fake engines that are slow, or fail."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from app.catalog.cards import CARD_FILE, Card, write_card
from app.engines.base import Event, GenerateRequest, ScoreRequest, Scores
from app.engines.fake import FakeEngine
from app.engines.registry import ENGINES
from app.errors import ContextExceeded


def make_fake(root: Path, name: str = "general", **card: Any) -> Path:
    """Write `root/<name>/` (a card, and a file in place of weights) and return that folder. Another name, other answers."""
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_text(name)
    fields = {"kind": "general", "method": "pretrained", "context": 1024, "parameters": 1} | card
    write_card(Card(name=name, engine="fake", **fields), folder / CARD_FILE)
    return folder


def serve_with(monkeypatch: pytest.MonkeyPatch, engine: type[FakeEngine]) -> None:
    """Models of the fake engine are served by `engine`, of this module, in services that start from now on."""
    monkeypatch.setitem(ENGINES, "fake", (__name__, engine.__name__))


class SlowEngine(FakeEngine):
    """Waits before each event, and before some scores; knows how many generations run, and how many events there were."""

    pause_s: ClassVar[float] = 0.05
    running: ClassVar[int] = 0
    events: ClassVar[int] = 0

    async def generate(self, request: GenerateRequest) -> AsyncIterator[Event]:
        SlowEngine.running += 1
        try:
            async for event in super().generate(request):
                await asyncio.sleep(self.pause_s)
                yield event
                SlowEngine.events += 1
        finally:
            SlowEngine.running -= 1

    async def score(self, request: ScoreRequest) -> Scores:
        # Only inputs that ask for it: the others of a request are there in time.
        if "slow" in str(request.prompt):
            await asyncio.sleep(60)
        return await super().score(request)


class FallingEngine(FakeEngine):
    """The models `general` fail as nobody expects after three events; their scores are no numbers."""

    async def generate(self, request: GenerateRequest) -> AsyncIterator[Event]:
        events = 0
        async for event in super().generate(request):
            yield event
            events += 1
            if events == 3 and request.model.name == "general":
                raise RuntimeError("the floor fell in")

    async def score(self, request: ScoreRequest) -> Scores:
        scores = await super().score(request)
        if request.model.name == "general":
            return Scores([float("nan")] * len(request.labels), scores.label_tokens, scores.prompt_tokens, 0.0, 1.0)
        return scores


class SilentEndEngine(FakeEngine):
    """Does not tell the end of an answer as a token."""

    async def generate(self, request: GenerateRequest) -> AsyncIterator[Event]:
        async for event in super().generate(request):
            if not hasattr(event, "echoed") or event.echoed:
                yield event


class MidwayEngine(FakeEngine):
    """Refuses, as an expected failure, after the first event."""

    async def generate(self, request: GenerateRequest) -> AsyncIterator[Event]:
        async for event in super().generate(request):
            yield event
            raise ContextExceeded(tokens=9, context=8, model=request.model.id)
