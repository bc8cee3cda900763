"""What an adapter adapts: names of modules, and two words that stand for many."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from app.training import lora
from app.training.recipe import Recipe, TaskRecipe
from tests.models import make_tiny_general


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_general(tmp_path_factory.mktemp("models"))


def adapted(folder: Path, *targets: str) -> set[str]:
    """Names of the modules that have an update."""
    recipe = Recipe(name="x", tasks=(TaskRecipe(name="t", dataset="d"),), targets=targets)
    model = lora.adapt(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), recipe)
    trained = [name for name, weight in model.named_parameters() if weight.requires_grad]
    assert all("lora_" in name for name in trained)
    return {name.removeprefix("base_model.model.model.").partition(".lora_")[0] for name in trained}


LINEAR = {f"self_attn.{name}_proj" for name in "qkvo"} | {f"mlp.{name}_proj" for name in ("gate", "up", "down")}


def test_all_linear_is_every_layer_but_the_output_and_embeddings_is_the_input(folder: Path) -> None:
    layers = adapted(folder, "all-linear")
    assert {name.split(".", 2)[-1] for name in layers} == LINEAR
    assert adapted(folder, "all-linear", "embeddings") == layers | {"embed_tokens"}


def test_modules_can_be_named_by_the_end_of_their_names(folder: Path) -> None:
    assert {name.rpartition(".")[-1] for name in adapted(folder, "q_proj", "embeddings")} == {"q_proj", "embed_tokens"}


def test_an_adapter_of_the_embedding_leaves_the_output_layer_alone(folder: Path) -> None:
    recipe = Recipe(name="x", tasks=(TaskRecipe(name="t", dataset="d"),), targets=("embeddings",))
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    states = torch.randn(3, plain.config.hidden_size)
    expected = plain.get_output_embeddings()(states)
    model = lora.adapt(plain, recipe)
    for name, weight in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight)
    assert torch.equal(model.get_output_embeddings()(states), expected)
