"""Weights stay within their budget: what is idle leaves, the least recently used first; what is in work never does."""

import asyncio
import logging
from typing import Any

import pytest

from app.catalog.catalog import Catalog, ModelVersion
from app.engines.base import GenerateRequest, Sampling
from app.engines.embedded.engine import EmbeddedEngine
from app.engines.embedded.memory import Memory
from app.engines.embedded.weights import resident_bytes
from app.errors import Overloaded, Unavailable
from tests.engines.embedded.conftest import ask, plain_model, run_own


def sizes(*models: ModelVersion) -> list[tuple[ModelVersion, int]]:
    return [(model, 100 if model.base is None else 10) for model in models]


def used(memory: Memory, *models: ModelVersion) -> list[str]:
    """Uses a chain of versions and leaves it; names of those that had to make room."""
    leaving = memory.enter(sizes(*models))
    memory.leave([*models])
    return [model.name for model in leaving]


def test_the_least_recently_used_leaves_and_an_adapter_before_its_base(catalog: Catalog) -> None:
    general, full, a, b = (catalog.find(name) for name in ("general", "full", "adapter-a", "adapter-b"))
    memory = Memory(220)
    assert used(memory, general, a) == used(memory, full) == used(memory, general, b) == []
    assert memory.bytes == 220

    memory = Memory(215)
    used(memory, general, a)
    used(memory, full)
    assert used(memory, general, b) == ["adapter-a"]
    assert memory.bytes == 210
    # Room for the full model only by giving up the base, which takes its adapters along.
    memory = Memory(120)
    used(memory, general, a)
    used(memory, general, b)
    assert set(used(memory, full)) == {"general", "adapter-a", "adapter-b"}
    assert memory.bytes == 100


def test_what_is_in_work_stays_and_what_never_fits_is_told(catalog: Catalog) -> None:
    general, full, a = (catalog.find(name) for name in ("general", "full", "adapter-a"))
    memory = Memory(120)
    memory.enter(sizes(general, a))
    with pytest.raises(Overloaded, match="no room for full@1 beside the models in work"):
        memory.enter(sizes(full))
    assert memory.bytes == 110  # the refused one is not counted
    memory.leave([general, a])
    assert set(used(memory, full)) == {"general", "adapter-a"}
    with pytest.raises(Unavailable, match=r"adapter-a@1 needs .* and VERSUS_MODEL_MEMORY allows"):
        Memory(105).enter(sizes(general, a))


def test_the_estimate_is_what_the_weights_take(catalog: Catalog) -> None:
    import torch

    for name in ("general", "full", "adapter-a", "adapter-b"):
        model = catalog.find(name)
        weights = {key: weight for key, weight in plain_model(model).named_parameters() if model.base is None or "lora_" in key}
        twice = weights["model.embed_tokens.weight"].numel() * 4 if model.base is None else 0  # as embedding and as output
        assert resident_bytes(model, torch.device("cpu")) == sum(weight.numel() * 4 for weight in weights.values()) + twice


def test_models_take_turns_in_a_budget_and_answer_as_before(catalog: Catalog, caplog: pytest.LogCaptureFixture) -> None:
    import torch

    names = ("general", "full", "adapter-a", "adapter-b")
    budget = resident_bytes(catalog.find("general"), torch.device("cpu")) * 3 // 2

    async def story(engine: EmbeddedEngine) -> None:
        before: dict[str, Any] = {}
        for _ in range(3):
            for name in names:
                model = catalog.find(name)
                answer = await ask(engine, model, "Smoke damaged", max_tokens=12, logprobs=1)
                assert engine.loaded(model)
                assert not (engine.loaded(catalog.find("general")) and engine.loaded(catalog.find("full")))
                assert before.setdefault(name, answer.tokens) == answer.tokens

    with caplog.at_level(logging.INFO, "app.engines"):
        run_own(story, model_memory=budget)
    told = [record.getMessage() for record in caplog.records]
    assert any("unloading general@1, to make room for full@1" in line for line in told)
    assert any(line.startswith("loaded adapter-a@1 beside general@1") for line in told)


def test_a_running_answer_keeps_its_model_and_the_other_is_told_to_come_again(catalog: Catalog) -> None:
    import torch

    general, full = catalog.find("general"), catalog.find("full")
    budget = resident_bytes(general, torch.device("cpu")) * 3 // 2

    async def story(engine: EmbeddedEngine) -> None:
        running = engine.generate(GenerateRequest(general, "Smoke", Sampling(max_tokens=200, temperature=0.0)))
        await anext(running)
        with pytest.raises(Overloaded, match="beside the models in work"):
            await ask(engine, full, "Smoke", max_tokens=1)
        async for _ in running:
            pass
        assert len((await ask(engine, full, "Smoke", max_tokens=1)).tokens) == 1
        assert not engine.loaded(general)
        # Many at once, of both: each is answered or told to come again, and nothing hangs.
        asked = [ask(engine, model, "Smoke", max_tokens=3) for model in (general, full) * 6]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(one).__name__ for one in found} <= {"Answer", "Overloaded"}
        assert any(type(one).__name__ == "Answer" for one in found)

    run_own(story, model_memory=budget)
