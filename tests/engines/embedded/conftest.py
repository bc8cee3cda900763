"""Tiny real models: a general one, a full fine-tune of another seed, and two adapters with random updates."""

import asyncio
import shutil
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from app.catalog.catalog import Catalog, ModelVersion
from app.engines.base import Done, Event, GenerateRequest, Piece, Sampling
from app.engines.embedded.engine import EmbeddedEngine
from app.settings import Settings
from app.training import lora
from tests.models import make_adapter, make_tiny_general
from tests.threads import one_thread as one_thread

T = TypeVar("T")
Run = Callable[[Callable[[EmbeddedEngine], Coroutine[Any, Any, T]]], T]


@pytest.fixture(scope="session")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    root = tmp_path_factory.mktemp("models")
    make_tiny_general(root)
    make_tiny_general(root, seed=1, name="full")
    base = Catalog([root]).find("general")
    make_adapter(root, base, "adapter-a", seed=1, r=4, lora_alpha=8)
    make_adapter(
        root,
        base,
        "adapter-b",
        seed=2,
        r=3,
        lora_alpha=7,
        target_modules=["embed_tokens", "q_proj", "down_proj"],
        use_rslora=True,
    )
    catalog = Catalog([root])
    assert {version.name for version in catalog.versions()} == {"general", "full", "adapter-a", "adapter-b"}
    return catalog


@pytest.fixture
def own_catalog(catalog: Catalog, tmp_path: Path) -> Catalog:
    """The same models in folders that the test may spoil."""
    root = catalog.find("general").folder.parent
    shutil.copytree(root, tmp_path / "models")
    return Catalog([tmp_path / "models"])


@pytest.fixture(params=["general", "adapter-a", "adapter-b", "full"])
def model(request: pytest.FixtureRequest, catalog: Catalog) -> ModelVersion:
    return catalog.find(request.param)


@pytest.fixture(scope="session")
def shared_engine() -> Iterator[EmbeddedEngine]:
    engine = EmbeddedEngine(own_settings())
    yield engine
    asyncio.run(engine.close())


@pytest.fixture
def run(shared_engine: EmbeddedEngine) -> Run[Any]:
    """Run a coroutine function with an engine whose weights stay loaded from test to test."""
    return lambda story: asyncio.run(asyncio.wait_for(story(shared_engine), 120))


def own_settings(**settings: Any) -> Settings:
    return Settings(**({"device": "cpu", "threads": 1} | settings))


def run_own(story: Callable[[EmbeddedEngine], Coroutine[Any, Any, T]], **settings: Any) -> T:
    """Run a coroutine function with an engine of its own, closed behind it."""

    async def whole() -> T:
        engine = EmbeddedEngine(own_settings(**settings))
        try:
            return await asyncio.wait_for(story(engine), 120)
        finally:
            await engine.close()

    return asyncio.run(whole())


class Answer:
    """All events of one generation, put together."""

    def __init__(self, events: list[Event]) -> None:
        self.pieces = [event for event in events if isinstance(event, Piece)]
        (self.done,) = [event for event in events if isinstance(event, Done)]
        assert events[-1] is self.done
        own = [piece for piece in self.pieces if not piece.echoed]
        self.text = "".join(piece.text for piece in own)
        self.tokens = [token for piece in own for token in piece.tokens]
        self.logprobs = [entry for piece in own for entry in piece.logprobs]
        self.echo = [piece for piece in self.pieces if piece.echoed]


async def ask(engine: EmbeddedEngine, model: ModelVersion, prompt: Any, /, **options: Any) -> Answer:
    """One whole answer; options are those of Sampling and of GenerateRequest. Greedy unless told otherwise."""
    rest = {key: options.pop(key) for key in ("logprobs", "echo") if key in options}
    sampling = Sampling(**({"temperature": 0.0} | options))
    return Answer([event async for event in engine.generate(GenerateRequest(model, prompt, sampling, **rest))])


def plain_model(model: ModelVersion) -> Any:
    """The version as transformers and PEFT compute it, float32."""
    loaded = AutoModelForCausalLM.from_pretrained((model.base or model).folder, dtype=torch.float32).eval()
    return lora.read(loaded, model.folder).eval() if model.base else loaded


def tokenizer_of(model: ModelVersion) -> Any:
    return AutoTokenizer.from_pretrained((model.base or model).folder)
