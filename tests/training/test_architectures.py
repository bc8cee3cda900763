"""Every method makes a variant of every architecture, which the service answers with as it was measured."""

import asyncio
import gc
import json
import shutil
from collections.abc import Iterator
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
from app.training.data import encode_tasks
from app.training.make import Rows, make_variant
from app.training.recipe import Recipe, TaskRecipe
from app.training.score import Case, label_log_likelihoods
from tests.architectures import ARCHITECTURES, make_tiny
from tests.training.conftest import rows

TEXT = "stolen bicycle, case 3"
SMALL = {"vocabulary": 400, "context": 128, "hidden": 32, "layers": 2, "heads": 2, "mlp": 48, "new_tokens": 12}
QUICK = {"epochs": 0.5, "language_epochs": 1.0, "batch_tokens": 1024, "validations": 1, "rank": 4, "alpha": 8.0}
MADE = [(name, method) for name in ARCHITECTURES for method in ("lora", "full", "vocabulary")]
# These two take nothing of the base's architecture that the others do not: its template, or its place in the catalog.
MADE += [(name, method) for name in ("gemma", "gpt2") for method in ("instruct", "scratch")]


@pytest.fixture(scope="module", autouse=True)
def frozen() -> Iterator[None]:
    """Each training ends with a collection of garbage, which need not look at what the imports left: most of its time here."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def few() -> Rows:
    return {"claims-type": {"train": rows(24), "validation": rows(9, seed=1)}}


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


@pytest.mark.parametrize(("architecture", "method"), MADE)
def test_a_variant_is_served_as_plain_transformers_computes_it(
    architecture: str, method: str, zoo: Path, few: Rows, tmp_path: Path
) -> None:
    base = Catalog([zoo]).find(architecture)
    folder = make_variant(recipe(method), few, base, tmp_path / "made", tmp_path / "work")
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
    if method == "vocabulary":
        assert len(tokenizer) > len(read_tokenizer(base.folder))
        assert tokenizer.decode(tokenizer(TEXT, add_special_tokens=False)["input_ids"]) == TEXT
        assert len(prompt) < len(read_tokenizer(base.folder)(tokenizer.decode(prompt), add_special_tokens=False)["input_ids"])
        same = model.get_input_embeddings().weight is model.get_output_embeddings().weight
        assert same == model.config.tie_word_embeddings


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_documents_of_a_packed_row_do_not_see_each_other(architecture: str, zoo: Path) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(zoo / architecture, dtype=torch.float32).eval()
    documents = [[9, 30, 99, 5], [60, 61, 62, 63, 64, 65]]
    positions = torch.tensor([[place for one in documents for place in range(len(one))]])
    with torch.inference_mode():
        packed = model(torch.tensor([[*documents[0], *documents[1]]]), position_ids=positions, use_cache=False).logits[0]
        alone = torch.cat([model(torch.tensor([one])).logits[0] for one in documents])
    torch.testing.assert_close(packed, alone, atol=1e-4, rtol=1e-4)


def test_without_a_template_a_model_learns_from_paragraphs(zoo: Path, few: Rows) -> None:
    tokenizer = read_tokenizer(zoo / "gpt2")
    assert (tokenizer.pad_token, tokenizer.chat_template) == (None, PLAIN_TEMPLATE)
    (task,) = encode_tasks(tokenizer, recipe("full"), few, 256)
    text, label = few["claims-type"]["train"][0]
    assert (
        tokenizer.decode(task.train[0].prompt + task.train[0].answer) == f"<|endoftext|>{text}\n{label.split()[0]}<|endoftext|>"
    )


def test_a_tokenizer_that_cannot_end_an_answer_is_refused(zoo: Path, few: Rows, tmp_path: Path) -> None:
    shutil.copytree(zoo / "llama", tmp_path / "llama")
    path = tmp_path / "llama" / "tokenizer_config.json"
    path.write_text(json.dumps({name: value for name, value in json.loads(path.read_text()).items() if name != "eos_token"}))
    (tmp_path / "llama" / "generation_config.json").unlink()
    base = Catalog([tmp_path]).find("llama")
    with pytest.raises(Unprocessable, match="no token that ends a text"):
        make_variant(recipe("full"), few, base, tmp_path / "made", tmp_path / "work")
