"""Makes tiny real models for tests: a Llama of 2 layers with random weights, its tokenizer and card, and adapters of it."""

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from app.catalog.cards import CARD_FILE, Card, write_card
from app.catalog.catalog import ModelVersion
from app.training import lora
from app.training.fresh import new_llama, new_tokenizer

TEXTS = (
    "Choose the one label that fits the text best.\nLabels: water damage; theft; collision; fire\n\nText: a pipe burst and the "
    "kitchen was under water\nLabel: water damage",
    "The insured reports that the car was hit at the crossing. The bicycle was stolen from the yard. Smoke damaged the walls.",
    "What is the capital of France? Paris is the capital of France. Two and three make five.",
)


def make_tiny_general(root: Path, seed: int = 0, *, name: str = "general", hidden: int = 32, context: int = 256) -> Path:
    """Write `root/<name>/` (weights in float32, tokenizer, chat template, card) and return that folder."""
    folder = root / name
    tokenizer = new_tokenizer(TEXTS * 4, vocabulary=400, context=context)
    model = new_llama(tokenizer, seed=seed, hidden=hidden, layers=2, heads=4, mlp=2 * hidden)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    card = Card(
        name=name, kind="general", method="pretrained", context=context, parameters=model.num_parameters(), summary="for tests"
    )
    write_card(card, folder / CARD_FILE)
    return folder


def make_adapter(root: Path, base: ModelVersion, name: str, *, seed: int, **options: Any) -> Path:
    """Write an adapter with random updates, large enough to change what the model says, in PEFT's own layout."""
    model = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32)
    with torch.random.fork_rng(devices=[]), lora._quietly():
        torch.manual_seed(seed)
        adapted = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **({"target_modules": "all-linear"} | options)))
        for key, weight in adapted.named_parameters():
            if "lora_" in key:
                torch.nn.init.normal_(weight, std=0.2)
    folder = root / name
    lora.save(adapted, folder, base.id)
    write_card(
        Card(
            name=name,
            kind="custom",
            method="lora",
            parent=base.id,
            parent_digest=base.digest,
            context=base.card.context,
            parameters=base.card.parameters,
        ),
        folder / CARD_FILE,
    )
    return folder
