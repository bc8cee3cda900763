"""LoRA: small low-rank updates beside frozen weights, in PEFT's layout."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn

from app.training.recipe import Recipe

LEARNING_RATE = 5e-3  # peak; suits a rank of 16 to 64 on a model of a few million parameters


def adapt(model: Any, recipe: Recipe) -> nn.Module:
    """The model with a fresh adapter, all that is trained; its update starts at zero, so step 0 computes what the base does."""
    targets: str | list[str] = "all-linear" if recipe.targets == ("all-linear",) else list(recipe.targets)
    config = LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, target_modules=targets, task_type="CAUSAL_LM")
    with _no_old_names():
        adapted: nn.Module = get_peft_model(model, config)
    return adapted


def read(model: Any, folder: Path) -> nn.Module:
    """The base `model` with the adapter of `folder`."""
    with _no_old_names():
        adapted: nn.Module = PeftModel.from_pretrained(model, folder)
    return adapted


@contextmanager
def _no_old_names() -> Iterator[None]:
    """PEFT asks transformers by a name that is on its way out; that is not for our users to mend."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated", category=FutureWarning)
        yield


def save(model: Any, folder: Path, base: str) -> None:
    """adapter_config.json and adapter_model.safetensors; the base is named by its id, never by a path of this machine."""
    model.peft_config["default"].base_model_name_or_path = base
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty model card; the card is ours
