"""Only whole, finite weights of architectures that our steps compute exactly are served; everything else is named."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, BloomConfig, Gemma2Config, GPT2Config, MistralConfig, Qwen3Config

from app.catalog.catalog import Catalog, ModelVersion
from app.engines.embedded.engine import EmbeddedEngine
from app.engines.embedded.weights import pick_device
from app.errors import Unavailable
from app.settings import Settings
from tests.engines.embedded.conftest import Answer, ask, run_own

FILE = "model.safetensors"
SMALL = {
    "vocab_size": 400,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 64,
    "max_position_embeddings": 256,
    "eos_token_id": 2,
    "bos_token_id": 1,
    "pad_token_id": 0,
}


def refusal(model: ModelVersion) -> str:
    async def story(engine: EmbeddedEngine) -> str:
        with pytest.raises(Unavailable) as refused:
            await ask(engine, model, "Smoke", max_tokens=1)
        assert not engine.loaded(model)
        assert str(model.folder) not in refused.value.message  # callers learn nothing about this machine
        return refused.value.message

    return run_own(story)


def edit_weights(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        tensors = load_file(folder / FILE)
        change(tensors)
        save_file(tensors, folder / FILE, metadata={"format": "pt"})

    return edit


def truncate(folder: Path) -> None:
    (folder / FILE).write_bytes((folder / FILE).read_bytes()[:-100])


def edit_config(**values: Any) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | values))

    return edit


NORM = "model.layers.1.input_layernorm.weight"


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (truncate, "model.safetensors cannot be read"),
        (lambda folder: (folder / FILE).write_bytes(b"no weights"), "model.safetensors cannot be read"),
        (lambda folder: (folder / FILE).unlink(), "model.safetensors"),
        (edit_weights(lambda t: t.pop(NORM)), "its weights lack model.layers.1.input_layernorm.weight"),
        (edit_weights(lambda t: t[NORM].fill_(float("nan"))), "numbers that are not finite"),
        (
            edit_weights(lambda t: t.update({NORM: torch.zeros(31)})),
            "has the shape (31,) in the file and (32,) in",
        ),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json|tokenizer"),
        (lambda folder: (folder / "config.json").unlink(), "config.json|tokenizer"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer of general@1 cannot be loaded"),
        (edit_config(vocab_size=300), "384 tokens and its weights know 300"),
        (edit_config(model_type="no_such_type"), "no_such_type"),
    ],
)
def test_broken_files_are_told_and_named(own_catalog: Catalog, spoil: Callable[[Path], object], says: str) -> None:
    model = own_catalog.find("general")
    spoil(model.folder)
    message = refusal(model)
    assert any(part in message for part in says.split("|"))


def test_code_that_comes_with_a_model_is_never_run(own_catalog: Catalog) -> None:
    model = own_catalog.find("general")
    (model.folder / "evil.py").write_text("raise SystemExit('was run')")
    edit_config(model_type="evil", auto_map={"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"})(model.folder)
    assert "contains custom code" in refusal(model)


def test_pickled_weights_are_no_weights(own_catalog: Catalog) -> None:
    model = own_catalog.find("general")
    torch.save(load_file(model.folder / FILE), model.folder / "pytorch_model.bin")
    (model.folder / FILE).unlink()
    assert "cannot be loaded" in refusal(model)


def test_weights_that_were_mended_are_loaded_by_the_next_request(own_catalog: Catalog) -> None:
    model = own_catalog.find("general")
    whole = (model.folder / FILE).read_bytes()

    async def story(engine: EmbeddedEngine) -> Answer:
        truncate(model.folder)
        with pytest.raises(Unavailable, match="cannot be read"):
            await ask(engine, model, "Smoke", max_tokens=1)
        (model.folder / FILE).write_bytes(whole)
        return await ask(engine, model, "Smoke", max_tokens=1)

    assert len(run_own(story).tokens) == 1


def test_bfloat16_files_are_computed_in_float32(own_catalog: Catalog) -> None:
    model = own_catalog.find("general")
    plain = AutoModelForCausalLM.from_pretrained(model.folder, dtype=torch.bfloat16)
    plain.save_pretrained(model.folder)
    with torch.inference_mode():
        expected = plain.float()(torch.tensor([[9, 8, 7]])).logits[0, -1].log_softmax(-1)

    async def story(engine: EmbeddedEngine) -> Answer:
        return await ask(engine, model, [9, 8, 7], max_tokens=1, logprobs=1)

    (entry,) = run_own(story).logprobs
    assert entry.logprob == pytest.approx(expected.max().item(), abs=1e-5)


def other_architecture(catalog: Catalog, folder: Path, config: Any) -> ModelVersion:
    """A model of random weights with the tokenizer of the tiny general one."""
    general = catalog.find("general")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    for path in general.folder.glob("*token*"):
        shutil.copy(path, folder)
    return replace(general, folder=folder, digest=f"digest of {config.model_type}")


@pytest.mark.parametrize(
    "config",
    [
        Qwen3Config(**SMALL),
        MistralConfig(**SMALL, sliding_window=None),
        GPT2Config(vocab_size=400, n_embd=32, n_layer=2, n_head=4, n_positions=256, eos_token_id=2, bos_token_id=1),
    ],
    ids=lambda config: config.model_type,
)
def test_other_architectures_answer_as_transformers_does(catalog: Catalog, tmp_path: Path, config: Any) -> None:
    model = other_architecture(catalog, tmp_path / "other", config)
    ids = torch.tensor([[30, 31, 32, 33, 34]])
    plain = AutoModelForCausalLM.from_pretrained(model.folder, dtype=torch.float32)
    out = plain.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False)

    async def story(engine: EmbeddedEngine) -> Answer:
        return await ask(engine, model, ids[0].tolist(), max_tokens=12)

    assert run_own(story).tokens == out[0, 5:].tolist()


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (MistralConfig(**SMALL, sliding_window=128), "its sliding_window is 128 tokens; lower the card's context of 256"),
        (Gemma2Config(**SMALL, sliding_window=256), "attention with softcap"),
        (
            BloomConfig(vocab_size=400, hidden_size=32, n_layer=2, n_head=4, initializer_range=0.5, eos_token_id=2),
            "computes something that this engine does not know",
        ),
    ],
    ids=["sliding window", "soft cap", "alibi"],
)
def test_architectures_that_we_would_compute_wrongly_are_refused(
    catalog: Catalog, tmp_path: Path, config: Any, says: str
) -> None:
    assert says in refusal(other_architecture(catalog, tmp_path / "other", config))


def test_a_gpu_that_is_not_there_is_not_pretended() -> None:
    if torch.cuda.is_available():
        assert pick_device(Settings(device="auto")).type == pick_device(Settings(device="cuda")).type == "cuda"
    else:
        assert pick_device(Settings(device="auto")).type == "cpu"
        with pytest.raises(Unavailable, match="VERSUS_DEVICE=cuda"):
            pick_device(Settings(device="cuda"))
    assert pick_device(Settings(device="cpu")).type == "cpu"
