"""A merged variant says what the adapter on its base says, also where the adapter updates a shared embedding."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from app.catalog.cards import CARD_FILE, read_card
from app.catalog.catalog import Catalog
from app.errors import Unprocessable
from app.training import lora
from app.training.merge import export_merged
from tests.models import make_adapter, make_tiny_general

IDS = torch.tensor([[5, 9, 77, 31, 200, 12]])


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    root = tmp_path_factory.mktemp("models")
    make_tiny_general(root)
    base = Catalog([root]).find("general")
    make_adapter(root, base, "linear", seed=1, r=4)
    make_adapter(root, base, "embedding", seed=2, r=3, target_modules=["embed_tokens", "q_proj"], use_rslora=True)
    return Catalog([root])


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.inference_mode():
        return model.eval()(input_ids=IDS).logits  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ["linear", "embedding"])
def test_merged_weights_need_no_adapter_and_compute_the_same(catalog: Catalog, tmp_path: Path, name: str) -> None:
    version = catalog.find(name)
    assert version.base is not None
    differs = export_merged(version, tmp_path / "merged")

    base = AutoModelForCausalLM.from_pretrained(version.base.folder, dtype=torch.float32)
    alone, expected = logits(base), logits(lora.read(base, version.folder))
    found = logits(AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32))
    assert (expected - alone).abs().max() > 0.1
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert differs < 1e-4
    assert AutoTokenizer.from_pretrained(tmp_path / "merged").chat_template
    assert not list((tmp_path / "merged").glob("adapter_*"))


def test_merged_in_two_bytes_it_tells_how_much_that_rounds(catalog: Catalog, tmp_path: Path) -> None:
    whole, half = (export_merged(catalog.find("linear"), tmp_path / dtype, dtype) for dtype in ("float32", "bfloat16"))
    assert half > 10 * whole
    sizes = [(tmp_path / dtype / "model.safetensors").stat().st_size for dtype in ("float32", "bfloat16")]
    assert sizes[0] > 1.8 * sizes[1]


def test_its_card_tells_where_it_comes_from_and_the_catalog_serves_it(catalog: Catalog, tmp_path: Path) -> None:
    export_merged(catalog.find("embedding"), tmp_path / "merged")
    card = read_card(tmp_path / "merged" / CARD_FILE)
    assert (card.method, card.parent, card.kind) == ("full", "general@1", "custom")
    found = Catalog([tmp_path]).find("embedding")
    assert found.base is None
    assert card.parameters == AutoModelForCausalLM.from_pretrained(tmp_path / "merged").num_parameters()


def test_a_full_model_has_nothing_to_merge(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(Unprocessable, match="is a full model already"):
        export_merged(catalog.find("general"), tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
