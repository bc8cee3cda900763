"""Every method makes a variant of every architecture, which the service answers with as it was measured."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from app.catalog.catalog import Catalog
from app.catalog.prompts import as_messages
from app.engines.base import ScoreRequest, Scores
from app.engines.embedded.engine import EmbeddedEngine
from app.engines.embedded.turns import PLAIN_TEMPLATE, read_tokenizer
from app.errors import Unprocessable
from app.settings import Settings
from app.training import lora
from app.training.make import Rows, make_variant
from app.training.recipe import Recipe, TaskRecipe
from app.training.score import Case, label_log_likelihoods
from tests.architectures import ARCHITECTURES, make_tiny

TEXT = "stolen bicycle, case 3"
SMALL = {"vocabulary": 400, "context": 128, "hidden": 32, "layers": 2, "heads": 2, "mlp": 48, "new_tokens": 12}
QUICK = {"epochs": 0.5, "language_epochs": 1.0, "batch_tokens": 1024, "validations": 1, "rank": 4, "alpha": 8.0}
METHODS = ("lora", "full", "instruct", "vocabulary", "scratch")


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("zoo")
    for name in ARCHITECTURES:
        make_tiny(root, name)
    return root


def recipe(method: str, name: str = "claims", **options: Any) -> Recipe:
    task = TaskRecipe(name="claims-type", dataset="claims")
    return Recipe.model_validate({"name": name, "method": method, "tasks": (task,)} | SMALL | QUICK | options)


def served(model: Any, labels: tuple[str, ...]) -> Scores:
    async def story() -> Scores:
        engine = EmbeddedEngine(Settings(device="cpu", threads=1))
        try:
            return await engine.score(ScoreRequest(model, as_messages(TEXT), labels))
        finally:
            await engine.close()

    return asyncio.run(story())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_variant_is_served_as_plain_transformers_computes_it(
    architecture: str, method: str, zoo: Path, claims: Rows, tmp_path: Path
) -> None:
    base = Catalog([zoo]).find(architecture)
    folder = make_variant(recipe(method), claims, base, tmp_path / "made", tmp_path / "work")
    catalog = Catalog([zoo, tmp_path / "made"])
    variant = catalog.find("claims")
    assert catalog.broken == {}

    tokenizer = read_tokenizer(folder if method != "lora" else base.folder)
    labels = variant.card.tasks[0].answers or variant.card.tasks[0].labels
    prompt = tokenizer(
        tokenizer.apply_chat_template(as_messages(TEXT), tokenize=False, add_generation_prompt=True), add_special_tokens=False
    )["input_ids"]
    case = Case(prompt, [tokenizer(label, add_special_tokens=False)["input_ids"] for label in labels])
    model: Any = AutoModelForCausalLM.from_pretrained((variant.base or variant).folder, dtype=torch.float32).eval()
    model = lora.read(model, folder).eval() if method == "lora" else model
    (expected,) = label_log_likelihoods(model, [case], end=tokenizer.eos_token_id)
    assert served(variant, labels).log_likelihoods == pytest.approx(expected.tolist(), abs=1e-4)
