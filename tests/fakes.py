"""Makes models that the fake engine serves, for tests."""

from pathlib import Path
from typing import Any

from app.catalog.cards import CARD_FILE, Card, write_card


def make_fake(root: Path, name: str = "general", **card: Any) -> Path:
    """Write `root/<name>/` (a card, and a file in place of weights) and return that folder. Another name, other answers."""
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_text(name)
    fields = {"kind": "general", "method": "pretrained", "context": 1024, "parameters": 1} | card
    write_card(Card(name=name, engine="fake", **fields), folder / CARD_FILE)
    return folder
