"""Dropout works on every architecture while it is trained, and on nothing that is served."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM

from app.catalog.catalog import Catalog, ModelVersion
from app.errors import Unprocessable
from app.training.dropout import dropout
from app.training.make import Rows, make_variant
from tests.architectures import ARCHITECTURES, make_tiny
from tests.training.test_make import recipe, weights

IDS = torch.arange(5, 45).reshape(2, 20)


def logits(model: Any) -> Tensor:
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        found: Tensor = model(input_ids=IDS, use_cache=False).logits
    return found


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_moves_a_training_pass_of_every_architecture_and_no_other(architecture: str, tmp_path: Path) -> None:
    make_tiny(tmp_path, architecture)
    model = AutoModelForCausalLM.from_pretrained(Catalog([tmp_path]).find(architecture).folder, dtype=torch.float32)
    layers = model.config.get_text_config().num_hidden_layers
    for module in model.modules():  # of its own, as GPT-2 has it: here ours alone is looked at
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    plain = logits(model.eval())
    with dropout(model, 0.3):
        assert torch.equal(logits(model.eval()), plain)
        dropped = sum(bool(module._forward_hooks) for module in model.modules())
        assert not torch.allclose(logits(model.train()), plain, atol=1e-4)
    assert dropped == 1 + 2 * layers  # the embedding; attention and MLP of each layer
    assert torch.allclose(logits(model.train()), plain, atol=1e-5)


def test_that_share_of_the_numbers_is_left_out_and_the_rest_keeps_the_mean(base: ModelVersion) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32).train()
    embedding = model.get_input_embeddings()
    ids = torch.arange(5, 105)
    with torch.random.fork_rng(devices=[]), dropout(model, 0.25):
        torch.manual_seed(0)
        found = embedding(ids)
    kept = found != 0
    assert kept.float().mean().item() == pytest.approx(0.75, abs=0.03)
    assert torch.allclose(found[kept], embedding(ids)[kept] / 0.75)


def test_a_recipe_without_it_is_the_training_without(base: ModelVersion, claims: Rows, tmp_path: Path) -> None:
    """And one with it comes to other weights, which its card tells the share of."""
    none, some = (
        make_variant(recipe("full", epochs=0.5, **given), claims, base, tmp_path / "made", tmp_path / "work")
        for given in ({}, {"dropout": 0.2})
    )
    assert make_variant(recipe("full", epochs=0.5, dropout=0.0), claims, base, tmp_path / "made", tmp_path / "work") == none
    assert any(not torch.equal(weight, weights(some)[name]) for name, weight in weights(none).items())
    assert "dropout = 0.2" in (some / "card.toml").read_text()
    assert "dropout" not in (none / "card.toml").read_text()


def test_a_model_that_has_no_place_for_it_is_refused_with_what_to_do() -> None:
    class Recurrent(nn.Module):
        pass

    told = r"no attention or MLP was found in Recurrent .* set dropout to 0"
    with pytest.raises(Unprocessable, match=told), dropout(Recurrent(), 0.1):
        pass
