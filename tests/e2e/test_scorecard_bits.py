"""A scorecard's bits are those of the model itself: over HTTP as computed with transformers, for a model and its adapter."""

import asyncio
import math
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from app.benchmarks.client import ServiceClient
from app.benchmarks.scorecard.asking import Pair
from app.benchmarks.scorecard.likelihood import bits_per_byte, common_start, echoes
from app.catalog.catalog import Catalog
from app.training import lora

TEXTS = ["The insured reports that the car was hit.", "Smoke damaged the walls, the naïve owner says."]
PAIR = Pair("general", "adapter", ("", ""))


def bits_by_hand(folder: Path, text: str, adapter: Path | None = None) -> float:
    """Bits per byte of all tokens but the first, which nothing precedes."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if adapter is not None:
        model = lora.read(model, adapter)
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, return_tensors="pt")
    ids, start = encoded.input_ids, int(encoded.offset_mapping[0, 1, 0])
    with torch.no_grad():
        logprobs = torch.log_softmax(model(ids).logits[0, :-1], dim=-1)
    told = logprobs.gather(1, ids[0, 1:, None]).sum().item()
    return -told / math.log(2) / len(text[start:].encode())


def test_bits_per_byte_are_those_of_the_model(service: str, models_dir: Path) -> None:
    async def ask() -> tuple[list[float], list[float]]:
        async with ServiceClient(service) as client:
            asked = await echoes(client, PAIR, TEXTS, alternatives=20)
            first, second = asked.general[0], asked.custom[0]
            start = common_start(first, second)
            assert start is not None
            assert 0 < first.entropy_at(start) <= math.log2(400)
            bits = bits_per_byte(asked)
            return bits.general, bits.custom

    general, custom = asyncio.run(ask())
    folder, adapter = models_dir / "general", Catalog([models_dir]).find("adapter").folder
    assert general == pytest.approx([bits_by_hand(folder, text) for text in TEXTS], rel=1e-4)
    assert custom == pytest.approx([bits_by_hand(folder, text, adapter) for text in TEXTS], rel=1e-4)
    assert custom != pytest.approx(general, rel=2e-3)
