"""The identity of a model version: SHA-256 over base digest, weights, tokenizer and chat template."""

import hashlib
import json
from pathlib import Path

# Files that decide what the model computes; everything else in the folder (card, notes) may change without a new identity.
WEIGHTS = ("*.safetensors",)
MEANING = (
    "config.json",
    "generation_config.json",
    "adapter_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
)


def model_digest(folder: Path, base_digest: str | None) -> str:
    """64 hex digits. Raises FileNotFoundError when the folder holds no weights."""
    weights = sorted(path for pattern in WEIGHTS for path in folder.glob(pattern))
    if not weights:
        raise FileNotFoundError(f"{folder} holds no .safetensors weights")
    digest = hashlib.sha256((base_digest or "").encode())
    for path in [*weights, *(folder / name for name in MEANING if (folder / name).is_file())]:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256")
        digest.update(path.name.encode() + b"\0" + content.digest())
    return digest.hexdigest()


def remote_digest(url: str, model: str) -> str:
    """The identity of what another server serves, as far as it can be known from here: where it is and how it is called."""
    return hashlib.sha256(json.dumps(["remote", url.rstrip("/").removesuffix("/v1"), model]).encode()).hexdigest()


def weight_bytes(folder: Path) -> int:
    """Bytes of the weights on disk; for an adapter its own only."""
    return sum(path.stat().st_size for pattern in WEIGHTS for path in folder.glob(pattern))


def recipe_digest(recipe: dict[str, object]) -> str:
    """SHA-256 of a recipe's canonical JSON: the same recipe always names the same training."""
    return hashlib.sha256(json.dumps(recipe, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
