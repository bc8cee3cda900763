"""Adapters compute what PEFT computes, side by side in one step, and a bad one is refused with its reason."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from app.catalog.adapter_files import CONFIG, WEIGHTS
from app.catalog.catalog import Catalog, ModelVersion
from app.engines.embedded.engine import EmbeddedEngine
from app.engines.embedded.lora import Adapters
from app.engines.embedded.network import Network
from app.engines.embedded.plan import Plan
from app.engines.embedded.weights import load_network
from app.errors import Unavailable
from tests.engines.embedded.conftest import ask, plain_model, run_own
from tests.models import make_adapter

IDS = [[7, 30, 99, 5, 123], [200], [11, 12, 13, 14, 15, 16, 17, 18, 19]]


def network_of(catalog: Catalog) -> Network:
    return load_network(catalog.find("general"), torch.device("cpu"))


def plain_logits(model: ModelVersion, ids: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        return plain_model(model)(torch.tensor([ids])).logits[0]


def test_a_mixed_step_gives_each_row_the_logits_of_its_own_variant(catalog: Catalog) -> None:
    models = [catalog.find(name) for name in ("adapter-a", "general", "adapter-b")]
    network = network_of(catalog)
    adapters = Adapters(network)
    for model in models:
        if model.base:
            adapters.load(model)
    slots = [adapters.slot(model.digest) if model.base else 0 for model in models]

    prompts = Plan()
    places = [prompts.kv.take(len(ids) + 1) for ids in IDS]
    asked = [*zip(IDS, slots, places, strict=True)]
    firsts = [prompts.add_chunk(ids, slot, place, before=0, keep=len(ids)) for ids, slot, place in asked]
    logits = network.logits(prompts)
    step = Plan(kv=prompts.kv)
    for ids, slot, place in asked:
        step.add_row(42, len(ids), slot, place)
    following = network.logits(step)

    for row, (model, ids) in enumerate(zip(models, IDS, strict=True)):
        expected = plain_logits(model, [*ids, 42])
        torch.testing.assert_close(logits[firsts[row] : firsts[row] + len(ids)], expected[:-1], atol=2e-5, rtol=1e-5)
        torch.testing.assert_close(following[row], expected[-1], atol=2e-5, rtol=1e-5)


def test_ranks_and_scales_are_those_of_peft(catalog: Catalog, tmp_path: Path) -> None:
    base = catalog.find("general")
    make_adapter(
        tmp_path,
        base,
        "patterns",
        seed=3,
        r=4,
        lora_alpha=6,
        target_modules=["q_proj", "v_proj", "up_proj"],
        rank_pattern={"v_proj": 2, "layers.0.mlp.up_proj": 9},
        alpha_pattern={"q_proj": 11},
        layers_to_transform=[0],
    )
    model = Catalog([base.folder.parent, tmp_path]).find("patterns")
    network = network_of(catalog)
    adapters = Adapters(network)
    adapters.load(model)

    plan = Plan()
    plan.add_chunk(IDS[0], adapters.slot(model.digest), plan.kv.take(16), before=0, keep=len(IDS[0]))
    torch.testing.assert_close(network.logits(plan), plain_logits(model, IDS[0]), atol=2e-5, rtol=1e-5)


def test_slots_are_used_again_and_leave_nothing_behind(catalog: Catalog) -> None:
    a, b = catalog.find("adapter-a"), catalog.find("adapter-b")
    network = network_of(catalog)
    adapters = Adapters(network)

    def logits(slot: int) -> torch.Tensor:
        plan = Plan()
        plan.add_chunk(IDS[2], slot, plan.kv.take(16), before=0, keep=1)
        return network.logits(plan)[0]

    base = logits(0)
    adapters.load(a)
    of_a = logits(adapters.slot(a.digest))
    adapters.load(b)
    assert (adapters.slot(a.digest), adapters.slot(b.digest)) == (1, 2)
    assert torch.equal(logits(1), of_a)
    of_b = logits(2)
    adapters.unload(a.digest)
    assert torch.equal(logits(1), base)  # an empty slot is the base
    adapters.unload(b.digest)
    adapters.load(b)
    assert adapters.slot(b.digest) == 1
    torch.testing.assert_close(logits(1), of_b, atol=1e-6, rtol=1e-6)
    assert torch.equal(logits(0), base)


Tensors = dict[str, torch.Tensor]


def rename(old: str, new: str) -> Callable[[Tensors, dict[str, Any]], object]:
    return lambda tensors, config: tensors.update({key.replace(old, new): tensors.pop(key) for key in [*tensors]})


def first(tensors: Tensors, half: str = "lora_A") -> str:
    return next(key for key in sorted(tensors) if half in key)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda t, c: c.update(use_dora=True), "it uses use_dora"),
        (lambda t, c: c.update(modules_to_save=["lm_head"]), "it uses modules_to_save"),
        (lambda t, c: c.update(lora_bias=True), "it uses lora_bias"),
        (lambda t, c: c.update(invented_next_year={"x": 1}), "it uses invented_next_year"),
        (lambda t, c: c.update(bias="all"), "it trains biases"),
        (lambda t, c: c.update(init_lora_weights="pissa_niter_4"), "'pissa_niter_4' changes the base's weights"),
        (lambda t, c: c.update(peft_type="IA3"), "describes no LoRA adapter"),
        (lambda t, c: c.pop("r"), "names no rank r"),
        (lambda t, c: c.update(r=5), "has shapes .* where rank 5 and the base need"),
        (lambda t, c: t.update({first(t): torch.zeros(4, 33)}), r"has shapes \(4, 33\)"),
        (lambda t, c: t.pop(first(t)), "has only one half"),
        (lambda t, c: t[first(t)].fill_(float("nan")), "not finite"),
        (lambda t, c: t.clear(), "is empty"),
        (rename("layers.1.", "layers.7."), "the base has no layer model.layers.7"),
        (rename("self_attn.q_proj", "input_layernorm"), "input_layernorm is a LlamaRMSNorm"),
        (rename("layers.0.self_attn.q_proj", "embed_tokens"), r"embed_tokens has shapes \(4, 32\)"),
        (
            lambda t, c: t.update({"base_model.model.model.embed_tokens.weight": torch.zeros(401, 32)}),
            "serve it as a full model",
        ),
        (rename("model.layers.0.self_attn.q_proj", "lm_head"), "adapts the output layer lm_head"),
    ],
)
def test_a_bad_adapter_is_refused_and_the_others_go_on(
    own_catalog: Catalog, spoil: Callable[[Tensors, dict[str, Any]], object], says: str
) -> None:
    bad, good = own_catalog.find("adapter-a"), own_catalog.find("adapter-b")
    tensors, config = load_file(bad.folder / WEIGHTS), json.loads((bad.folder / CONFIG).read_text())
    spoil(tensors, config)
    save_file(tensors, bad.folder / WEIGHTS)
    (bad.folder / CONFIG).write_text(json.dumps(config))

    async def story(engine: EmbeddedEngine) -> None:
        with pytest.raises(Unavailable, match=f"adapter-a@1 cannot be loaded: .*{says}"):
            await ask(engine, bad, "Smoke", max_tokens=1)
        assert not engine.loaded(bad)
        assert len((await ask(engine, good, "Smoke", max_tokens=1)).tokens) == 1

    run_own(story)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (WEIGHTS, None, "adapter_model.safetensors is missing"),
        (WEIGHTS, b"\x40\0\0\0\0\0\0\0{}", "adapter_model.safetensors cannot be read"),
        (CONFIG, None, "adapter_config.json is missing"),
        (CONFIG, b"{", "adapter_config.json cannot be read"),
        (CONFIG, b"[]", "describes no LoRA adapter"),
    ],
)
def test_files_that_cannot_be_read_are_named(own_catalog: Catalog, name: str, content: bytes | None, says: str) -> None:
    model = own_catalog.find("adapter-a")
    (model.folder / name).unlink()
    if content is not None:
        (model.folder / name).write_bytes(content)

    async def story(engine: EmbeddedEngine) -> None:
        with pytest.raises(Unavailable, match=says):
            await engine.load(model)

    run_own(story)
