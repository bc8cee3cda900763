"""The identity of a model version: SHA-256 over base digest, weights, tokenizer and chat template."""

import hashlib
import json
import time
from functools import lru_cache
from pathlib import Path

TICK_NS = 50_000_000  # file systems tell time in ticks: a change within one may look like none

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
        raise FileNotFoundError("it holds no .safetensors weights")  # without the path: callers read it
    digest = hashlib.sha256((base_digest or "").encode())
    for path in [*weights, *(folder / name for name in MEANING if (folder / name).is_file())]:
        digest.update(path.name.encode() + b"\0" + _content(path))
    return digest.hexdigest()


def _content(path: Path) -> bytes:
    """SHA-256 of a file, read again only when it changed: weights are large, and a catalog is read anew with each new model."""
    stat = path.stat()
    settled = max(stat.st_mtime_ns, stat.st_ctime_ns) < time.time_ns() - TICK_NS
    return (_known_content if settled else _read)(path, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_size)


def _read(path: Path, *_stat: int) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


_known_content = lru_cache(maxsize=10_000)(_read)


def remote_digest(url: str, model: str) -> str:
    """The identity of what another server serves, as far as it can be known from here: where it is and how it is called."""
    return hashlib.sha256(json.dumps(["remote", url.rstrip("/").removesuffix("/v1"), model]).encode()).hexdigest()


def weight_bytes(folder: Path) -> int:
    """Bytes of the weights on disk; for an adapter its own only."""
    return sum(path.stat().st_size for pattern in WEIGHTS for path in folder.glob(pattern))


def recipe_digest(recipe: dict[str, object]) -> str:
    """SHA-256 of a recipe's canonical JSON: the same recipe always names the same training."""
    return hashlib.sha256(json.dumps(recipe, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
