"""Makes a tiny real model for tests: a Llama of 2 layers with random weights, its tokenizer and card."""

from pathlib import Path

from app.catalog.cards import CARD_FILE, Card, write_card
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
